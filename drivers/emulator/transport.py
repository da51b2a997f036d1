"""How late a sample's bytes reach the host: models of the links a suit is wired with.

The host's own wake-up latency is not in here: the emulator's reader has a real one.
"""

from __future__ import annotations

import math
from typing import Literal, Protocol, get_args

import numpy as np
import numpy.typing as npt

Nanoseconds = npt.NDArray[np.int64]
TransportName = Literal["cdc", "ftdi1", "ftdi16", "rs232", "none"]
TRANSPORTS: tuple[TransportName, ...] = get_args(TransportName)

USB_FRAME_NS = 1_000_000
BITS_PER_BYTE = 10
FIRMWARE_NS = 100_000  # the device's own loop adds up to this much between sampling and sending


class Transport(Protocol):
    """Turns sampling times into arrival times, block by block."""

    def arrivals(self, sample_ns: Nanoseconds, size: int) -> Nanoseconds:
        """Host times at which packets of `size` bytes, sampled at ascending `sample_ns`, can be read; ascending."""


class Direct:
    """No delay at all: for tests that compare times exactly."""

    def arrivals(self, sample_ns: Nanoseconds, size: int) -> Nanoseconds:
        """The sampling times themselves."""
        return sample_ns


class Cdc:
    """USB CDC-ACM: the host collects the packet in the next 1 ms frame."""

    def __init__(self, seed: int, bus_seed: int) -> None:
        self._rng = np.random.default_rng([seed, 2])
        self._bus = _Bus(bus_seed)

    def arrivals(self, sample_ns: Nanoseconds, size: int) -> Nanoseconds:
        """Sampling, firmware, 0.3 ms of preparation, then the next frame."""
        ready = sample_ns + _firmware(self._rng, len(sample_ns)) + 300_000
        return np.maximum.accumulate(self._bus.next_frame(ready)) + 100_000


class Ftdi:
    """A serial chip behind an FTDI bridge, which answers the host when its latency timer has run out."""

    def __init__(self, seed: int, bus_seed: int, *, latency_ms: int, baud: int) -> None:
        self._rng = np.random.default_rng([seed, 3])
        self._bus = _Bus(bus_seed)
        self._latency_ns = latency_ms * 1_000_000
        self._byte_ns = BITS_PER_BYTE * 1_000_000_000 // baud
        self._poll_ns: int | None = None

    def arrivals(self, sample_ns: Nanoseconds, size: int) -> Nanoseconds:
        """Sampling, firmware, the bytes on the serial line, then the bridge's next answer."""
        ready = sample_ns + _firmware(self._rng, len(sample_ns)) + size * self._byte_ns
        ready = np.maximum.accumulate(ready)
        polls = self._polls(int(ready[0]), int(ready[-1]))
        return polls[np.searchsorted(polls, ready)] + 100_000

    def _polls(self, first_ns: int, last_ns: int) -> Nanoseconds:
        """The bridge's answers from the last one before `first_ns` to the first one after `last_ns`."""
        poll = self._poll_ns
        if poll is None or abs(poll - first_ns) > 3 * self._latency_ns:
            poll = first_ns - round(self._rng.uniform(0, self._latency_ns))
        grid = [poll]
        while grid[-1] < last_ns:
            timer = grid[-1] + self._latency_ns + round(self._rng.normal(0, 30_000))
            grid.append(max(self._bus.frame_after(timer), grid[-1] + USB_FRAME_NS // 2))
        # The next block may start before this one's last answer: bytes of both then come together.
        self._poll_ns = grid[-1]
        return np.asarray(grid, np.int64)


class Rs232:
    """A plain UART: the time of the bits on the line, and a long-tailed interrupt latency."""

    def __init__(self, seed: int, *, baud: int) -> None:
        self._rng = np.random.default_rng([seed, 4])
        self._byte_ns = BITS_PER_BYTE * 1_000_000_000 // baud

    def arrivals(self, sample_ns: Nanoseconds, size: int) -> Nanoseconds:
        """Sampling, firmware, the bytes on the line, the interrupt."""
        late = np.exp(self._rng.normal(np.log(0.15e6), 0.8156, len(sample_ns))).astype(np.int64)
        ready = sample_ns + _firmware(self._rng, len(sample_ns)) + size * self._byte_ns + late
        return np.maximum.accumulate(ready)


def make_transport(name: TransportName, seed: int, *, bus_seed: int = 0, baud: int = 921_600) -> Transport:
    """The link called `name`; devices with one `bus_seed` share the frames of one USB controller."""
    if name == "cdc":
        return Cdc(seed, bus_seed)
    if name in ("ftdi1", "ftdi16"):
        return Ftdi(seed, bus_seed, latency_ms=int(name[4:]), baud=baud)
    if name == "rs232":
        return Rs232(seed, baud=baud)
    return Direct()


class _Bus:
    """The 1 ms frames of one USB controller, a few ppm off the host's clock."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng([seed, 77])
        self._period = USB_FRAME_NS * (1 + rng.uniform(-15e-6, 15e-6))
        self._phase = round(rng.uniform(0, USB_FRAME_NS))

    def next_frame(self, ready_ns: Nanoseconds) -> Nanoseconds:
        frames = np.ceil((ready_ns - self._phase) / self._period)
        return self._phase + np.rint(frames * self._period).astype(np.int64)

    def frame_after(self, ready_ns: int) -> int:
        frames = math.ceil((ready_ns - self._phase) / self._period)
        return self._phase + round(frames * self._period)


def _firmware(rng: np.random.Generator, n: int) -> Nanoseconds:
    return rng.integers(0, FIRMWARE_NS, n)
