"""Devices that answer the true wire protocols on a pseudo-terminal, each with its own clock, jitter and noise.

A device is sans-I/O: `feed` takes the host's bytes, `due` gives what has left the device by now; see `bench.Device`.
"""
