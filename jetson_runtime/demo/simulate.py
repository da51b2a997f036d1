"""`second-skin simulate`: a trial on emulated devices on pseudo-terminals, with a config for `second-skin run`."""

from __future__ import annotations

import argparse
import contextlib
import gc
import math
import os
import shutil
import signal
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from drivers.emulator.bench import Bench
from drivers.emulator.clock import DeviceClock
from drivers.emulator.faults import LooseCables, Outlet
from drivers.emulator.microstrain import EmulatedImu
from drivers.emulator.mip_commands import ImuIdentity
from drivers.emulator.motion import SensorNoise
from drivers.emulator.pressure_map import LEFT, RIGHT, ROWS
from drivers.emulator.transport import TRANSPORTS, make_transport
from drivers.emulator.xsensor import EmulatedInsole, InsoleIdentity
from jetson_runtime.demo.playback import Tape, imu_content, insole_content, pitch_um, worn
from jetson_runtime.demo.suit_config import (
    DEMO_BUNDLE,
    MOUNTING_OF_PART,
    PluggedIn,
    socket_folder,
    write_simulation,
    write_suit_config,
)
from jetson_runtime.suit.addresses import DEFAULT_PUBLIC
from jetson_runtime.suit.errors import SuitError, TrialError
from jetson_runtime.suit.signals import STREAMS, Stream
from jetson_runtime.suit.trial import Trial, read_trial

# A trial shorter than this is over before a network with 1.24 s of history has settled.
SHORT_TRIAL_S = 2.0
SHORT_TRIAL_LEAD_IN_S = 5.0
_PRIORITY = 60  # of SCHED_FIFO: above the service's reactor, as hardware is
_DEFAULT_TCP_PORT = int(DEFAULT_PUBLIC.rpartition(":")[2])


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `second-skin simulate`."""
    add = parser.add_argument
    add("--dir", type=Path, required=True, help="folder for ports/, suit.toml and simulation.json")
    add("--trial", type=Path, required=True, help="the trial to play (Parquet)")
    add("--loop", action="store_true", help="play it again and again (else the last row is held)")
    add(
        "--lead-in",
        type=_not_negative,
        metavar="S",
        help="hold the first row for S seconds before the trial plays",
    )
    add("--seed", type=int, default=0, help="of clocks, jitter and noise (default 0)")
    add("--bundle", type=Path, default=DEMO_BUNDLE, help="the model that suit.toml names")
    add(
        "--tcp-port",
        type=_tcp_port,
        default=_DEFAULT_TCP_PORT,
        metavar="PORT",
        help="of the public stream; `latest` and `control` are the next two; 0: ipc alone",
    )
    add("--imu-base-rate", type=int, default=1000, choices=(500, 1000), help="as two firmwares have it")
    add(
        "--imu-noise",
        type=_not_negative,
        default=1.0,
        metavar="FACTOR",
        help="times the data sheet's densities",
    )
    add("--imu-transport", choices=TRANSPORTS, default="cdc", help="how the IMUs are wired")
    add("--insole-rate", type=_rate, default=80.0, metavar="HZ", help="e.g. 75.13, as X4 insoles have it")
    add("--insole-transport", choices=TRANSPORTS, default="ftdi1", help="how the insoles are wired")
    add(
        "--replug-every",
        type=_not_negative,
        default=0.0,
        metavar="S",
        help="pull one cable after the other, every S seconds one, for 2 s",
    )
    add("--garbage-every", type=int, default=0, metavar="N", help="random bytes after every N-th packet")
    add("--insole-stamp-us", type=int, default=1, choices=(1, 100, 1000), help="step of the insoles' stamps")


def run(options: argparse.Namespace) -> int:
    """Plays the trial until SIGTERM or SIGINT; raises TrialError where the trial cannot be played."""
    trial = read_trial(options.trial)
    suit = Suit(trial, options.dir.resolve(), options)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: suit.stop())
    print(f"{len(suit.devices)} devices in {suit.directory}; stop with Ctrl-C", file=sys.stderr, flush=True)
    with contextlib.suppress(PermissionError):  # a device's clock does not wait for the host's programs
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(_PRIORITY))
    suit.run()
    return 0


class Suit:
    """A trial on as many emulated devices as it has data for; ports and files are there once it is made."""

    def __init__(self, trial: Trial, directory: Path, options: argparse.Namespace) -> None:
        streams = [stream for stream in STREAMS if worn(trial, stream)]
        if not streams:
            raise TrialError(f"{options.trial}: holds no value of any device; choose another trial")
        self.directory = directory
        self.devices: list[PluggedIn] = []
        self._outlets: list[Outlet] = []
        self.bench = Bench()
        self._options = options
        self._trial = trial
        self._rng = np.random.default_rng(options.seed)
        self._sockets = socket_folder(directory)
        self._tape = Tape(len(trial.time_s), 0, loop=options.loop)
        self._emulated = [(stream, self._device(stream, i)) for i, stream in enumerate(streams)]
        self._tape.start_ns = time.monotonic_ns() + round(self._lead_in_s() * 1e9)
        try:
            directory.mkdir(parents=True, exist_ok=True)
            (directory / "simulation.json").unlink(missing_ok=True)
            for stream, device in self._emulated:
                self._plug(stream, device)
            self._write_files()
        except OSError as error:
            raise SuitError(f"{error.filename}: {error.strerror}; choose another --dir") from error

    def run(self) -> None:
        """Plays until `stop`, then takes the ports away."""
        if self._options.replug_every:
            LooseCables(self.bench, self._outlets, self._options.replug_every)
        gc.collect()
        gc.freeze()  # a full collection among what the libraries loaded would hold up every device for milliseconds
        try:
            self.bench.run()
        finally:
            self.close()

    def stop(self) -> None:
        """Ends `run`; may be called from a signal handler or another thread."""
        self.bench.stop()

    def close(self) -> None:
        """Unplugs the devices and removes what says that they are there."""
        self.bench.close()
        (self.directory / "simulation.json").unlink(missing_ok=True)
        if self._sockets != self.directory:
            shutil.rmtree(self._sockets, ignore_errors=True)

    def _lead_in_s(self) -> float:
        if self._options.lead_in is not None:
            return float(self._options.lead_in)
        return SHORT_TRIAL_LEAD_IN_S if self._trial.duration_s < SHORT_TRIAL_S else 0.0

    def _device(self, stream: Stream, number: int) -> EmulatedImu | EmulatedInsole:
        seed = self._options.seed * len(STREAMS) + number
        clock = DeviceClock.seeded(seed, time.monotonic_ns())
        heading = self._rng.uniform(-math.pi, math.pi)
        if stream.kind == "imu":
            return self._imu(stream, clock, heading, seed)
        return self._insole(stream, clock, heading, seed)

    def _imu(self, stream: Stream, clock: DeviceClock, heading: float, seed: int) -> EmulatedImu:
        options = self._options
        return EmulatedImu(
            imu_content(self._trial, stream, MOUNTING_OF_PART[stream.part], self._tape, heading),
            clock,
            make_transport(options.imu_transport, seed, bus_seed=options.seed),
            identity=ImuIdentity(serial=f"6253.{100_001 + STREAMS.index(stream)}"),
            base_rate_hz=options.imu_base_rate,
            noise=SensorNoise(seed, factor=options.imu_noise),
        )

    def _insole(self, stream: Stream, clock: DeviceClock, heading: float, seed: int) -> EmulatedInsole:
        options = self._options
        side = RIGHT if stream.side == "r" else LEFT
        return EmulatedInsole(
            insole_content(self._trial, stream, self._tape, heading),
            clock,
            make_transport(options.insole_transport, seed, bus_seed=options.seed),
            identity=InsoleIdentity(
                side, serial=f"X4-{stream.side.upper()}-0001", pitch_um=pitch_um(self._trial.meta, ROWS)
            ),
            rate_hz=options.insole_rate,
            stamp_us=options.insole_stamp_us,
            noise=SensorNoise(seed, factor=6 * options.imu_noise),
        )

    def _plug(self, stream: Stream, device: EmulatedImu | EmulatedInsole) -> None:
        outlet = Outlet(self.bench, self.directory / "ports" / stream.name, device)
        outlet.damage(garbage_every=self._options.garbage_every)
        self._outlets.append(outlet)
        self.devices.append(PluggedIn(stream, outlet.port.link, device.serial))

    def _write_files(self) -> None:
        options = self._options
        write_suit_config(
            self.directory / "suit.toml",
            self._trial.meta,
            self.devices,
            bundle=options.bundle.resolve(),
            sockets=self._sockets,
            tcp_port=options.tcp_port,
        )
        write_simulation(self.directory / "simulation.json", self._description())

    def _description(self) -> dict[str, Any]:
        """What plays, since when, and the truth about each device's clock."""
        return {
            "trial": str(self._options.trial.resolve()),
            "start_ns": self._tape.start_ns,
            "duration_s": self._trial.duration_s,
            "loop": self._options.loop,
            "devices": [
                {
                    "stream": stream.name,
                    "port": str(plugged.port),
                    "serial": plugged.serial,
                    "clock": asdict(device.clock),
                }
                for plugged, (stream, device) in zip(self.devices, self._emulated, strict=True)
            ],
        }


def _not_negative(text: str) -> float:
    """An argument's number; ValueError, which argparse explains, where it is negative or none."""
    number = float(text)
    if not 0.0 <= number < math.inf:
        raise ValueError(text)
    return number


def _tcp_port(text: str) -> int:
    """A port with two others after it."""
    number = int(text)
    if not 0 <= number < 65_534:
        raise argparse.ArgumentTypeError(f"{text}; give 1 to 65533, or 0 for none")
    return number


def _rate(text: str) -> float:
    """A sample rate that the insole link can tell."""
    number = float(text)
    if not 1.0 <= number <= 200.0:
        raise argparse.ArgumentTypeError(f"{text} Hz; give 1 to 200 Hz")
    return number
