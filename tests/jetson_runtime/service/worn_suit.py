"""For tests of the service: a person who stands still in a suit of emulated devices, and the service as a process."""

from __future__ import annotations

import contextlib
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np

from drivers.emulator.bench import Bench
from drivers.emulator.clock import DeviceClock
from drivers.emulator.microstrain import EmulatedImu
from drivers.emulator.mip_commands import ImuIdentity
from drivers.emulator.motion import FootLoad, Motion, Nanoseconds, SensorNoise, standing
from drivers.emulator.pty_port import PtyPort
from drivers.emulator.transport import make_transport
from drivers.emulator.xsensor import EmulatedInsole, InsoleIdentity
from drivers.units import STANDARD_GRAVITY
from drivers.xsensor.codec import LEFT, RIGHT
from jetson_runtime.client import FrameClient
from jetson_runtime.suit.signals import STREAM_INDEX, STREAM_NAMES, STREAMS, Stream

BUNDLE = Path(__file__).resolve().parents[3] / "models" / "bundles" / "demo"
RUN = ("-m", "jetson_runtime.cli", "run", "--config")
WEARER = "[wearer]\nmass_kg = 70.0\nfoot_length_m = 0.27\nfoot_width_m = 0.10\n"


def upright(host_ns: Nanoseconds) -> Motion:
    """The content of a sensor whose axes are its segment's, on a person who stands still."""
    n = len(host_ns)
    return Motion(
        np.tile([0.0, STANDARD_GRAVITY, 0.0], (n, 1)),
        np.zeros((n, 3)),
        np.tile([math.sqrt(0.5), -math.sqrt(0.5), 0.0, 0.0], (n, 1)),
    )


def serial_of(stream: str) -> str:
    """The serial number of the emulated device on `stream`."""
    kind = "6253" if STREAMS[STREAM_INDEX[stream]].kind == "imu" else "X4"
    return f"{kind}.{100 + STREAM_INDEX[stream]}"


def _standing_without_motion(host_ns: Nanoseconds) -> FootLoad:
    return standing()(host_ns)._replace(imu=None)


def make_device(
    stream: Stream, base_rate_hz: int = 1000, foot_moves: bool = True
) -> EmulatedImu | EmulatedInsole:
    """The emulated device of `stream`, its clock and its noise told apart by the stream's index.

    foot_moves: False for an insole whose foot IMU gives no valid values.
    """
    seed = STREAM_INDEX[stream.name]
    clock = DeviceClock.seeded(seed, time.monotonic_ns())
    transport = make_transport("cdc", seed)
    serial = serial_of(stream.name)
    if stream.kind == "imu":
        identity = ImuIdentity(serial=serial)
        return EmulatedImu(
            upright,
            clock,
            transport,
            identity=identity,
            base_rate_hz=base_rate_hz,
            noise=SensorNoise(seed),
        )
    side = RIGHT if stream.side == "r" else LEFT
    return EmulatedInsole(
        standing() if foot_moves else _standing_without_motion,
        clock,
        transport,
        identity=InsoleIdentity(side=side, serial=serial),
        noise=SensorNoise(seed),
    )


class WornSuit:
    """Emulated devices on `folder/ports/<stream>`, their config at `folder/suit.toml`."""

    def __init__(self, folder: Path, bench: Bench, streams: tuple[str, ...] = STREAM_NAMES) -> None:
        self.folder = folder
        self.bench = bench
        self.ports: dict[str, PtyPort] = {}
        self.devices: dict[str, EmulatedImu | EmulatedInsole] = {}
        bench.do(_never_wait_for_the_host)
        for name in streams:
            self.plug_in(name, make_device(STREAMS[STREAM_INDEX[name]]))

    @property
    def config(self) -> Path:
        return self.folder / "suit.toml"

    @property
    def endpoint(self) -> str:
        return f"ipc://{self.folder}/public"

    @property
    def control(self) -> str:
        return f"ipc://{self.folder}/control"

    @property
    def local(self) -> str:
        return f"ipc://{self.folder}/local"

    def path(self, name: str) -> Path:
        return self.folder / "ports" / name

    def plug_in(self, name: str, device: EmulatedImu | EmulatedInsole) -> None:
        """A device that was not there before."""
        self.ports[name] = PtyPort(self.path(name))
        self.devices[name] = device
        self.bench.add(self.ports[name], device)

    def unplug(self, name: str) -> None:
        self.bench.do(self.ports[name].unplug)

    def replug(self, name: str) -> None:
        self.bench.do(self.ports[name].plug)

    def write_config(
        self, *, wearer: str = WEARER, streams: dict[str, str] | None = None, extra: str = ""
    ) -> Path:
        """Names every stream's port; `streams` gives other lines for some of them."""
        tables = {name: f'port = "{self.path(name)}"' for name in STREAM_NAMES} | (streams or {})
        lines = [f'[model]\nbundle = "{BUNDLE}"\nengine = "numpy"', wearer]
        lines += [f"[streams.{name}]\n{body}" for name, body in tables.items() if body]
        lines += [
            f'[output]\npublic = ["{self.endpoint}"]\nlatest = ["ipc://{self.folder}/latest"]\n'
            f'control = ["{self.control}"]\nlocal = ["{self.local}"]',
            extra,
        ]
        self.config.write_text("\n".join(lines), encoding="utf-8")
        return self.config


class ServiceProcess:
    """`second-skin run` on a config, what it wrote to stderr, and a client of its stream."""

    def __init__(self, config: Path, endpoint: str, program: tuple[str, ...] = RUN) -> None:
        self.log_path = config.parent / f"log-{time.monotonic_ns()}"
        self._log: IO[str] = self.log_path.open("w")
        self.process = run_service(config, self._log, program)
        self.client = FrameClient(endpoint)

    @property
    def log(self) -> str:
        return self.log_path.read_text()

    @property
    def status(self) -> dict[str, Any]:
        """The newest status; empty before the first."""
        assert self.process.poll() is None, self.log
        self.client.recv_all(0)
        return self.client.status or {}

    def stream(self, name: str) -> dict[str, Any]:
        """What the status says of one stream."""
        table: dict[str, Any] = self.status.get("streams", {}).get(name, {})
        return table

    def state(self) -> str:
        """The newest frame's state; empty before the first."""
        assert self.process.poll() is None, self.log
        frames = self.client.recv_all(0)
        newest = frames[-1] if frames else self.client.latest
        return newest.state if newest else ""

    def stop(self) -> int:
        """SIGTERM, and the exit status."""
        self.process.terminate()
        try:
            return self.process.wait(5.0)
        finally:
            self.process.kill()
            self.client.close()
            self._log.close()


def _never_wait_for_the_host() -> None:
    """A real device samples however busy the host is; the emulator's thread comes close to that where permitted."""
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(60))


def run_service(config: Path, stderr: IO[str] | int, program: tuple[str, ...] = RUN) -> subprocess.Popen[str]:
    """program: what Python is told to run; the config's path comes last."""
    return subprocess.Popen(
        [sys.executable, *program, str(config)],
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
    )


def until(condition: Callable[[], object], timeout_s: float = 10.0) -> bool:
    """Waits for `condition`; False if it does not come true in time."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False
