"""The emulated suit and the real service as processes, for benchmarks of the whole."""

from __future__ import annotations

import contextlib
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tomli_w

from jetson_runtime.client import FrameClient, ReceivedFrame
from jetson_runtime.demo.children import Child
from jetson_runtime.demo.demo import SHIPPED_TRIAL
from jetson_runtime.suit.errors import SuitError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_START_S = 40.0
_POLL_MS = 50.0
# As many as come in 10 s may wait while this process is kept from reading.
_QUEUE_FRAMES = 2000


class EmulatedSuit:
    """The shipped trial in a loop on eight emulated devices in `folder`; local sockets alone."""

    def __init__(self, folder: Path, bundle: Path, *options: str) -> None:
        """options: further ones of `second-skin simulate`."""
        self.folder = folder
        words = ["--dir", str(folder), "--trial", str(SHIPPED_TRIAL), "--loop", "--tcp-port", "0", *options]
        self.child = Child(["simulate", *words, "--bundle", str(bundle)], folder / "simulate.log")
        self._config: dict[str, Any] = {}

    def wait(self) -> None:
        """Until every port is there; SuitError where that does not come."""
        end_s = time.monotonic() + _START_S
        while not (self.folder / "simulation.json").exists():
            self.child.check()
            if time.monotonic() > end_s:
                raise SuitError(f"the emulated suit is not there after {_START_S:.0f} s")
            time.sleep(0.02)
        self._config = tomllib.loads((self.folder / "suit.toml").read_text(encoding="utf-8"))

    @property
    def endpoint(self) -> str:
        """Where a service of this suit publishes."""
        return str(self._config["output"]["public"][0])

    def config(self, name: str, **tables: dict[str, Any]) -> Path:
        """Writes `name`.toml: the suit's config with keys of its tables replaced."""
        merged = dict(self._config)
        for table, keys in tables.items():
            merged[table] = {**merged.get(table, {}), **keys}
        path = self.folder / f"{name}.toml"
        path.write_text(tomli_w.dumps(merged), encoding="utf-8")
        return path


@contextlib.contextmanager
def emulated_suit(bundle: Path, *options: str) -> Iterator[EmulatedSuit]:
    """Plays until the block ends, in a folder of its own that then goes away."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        suit = EmulatedSuit(Path(folder), bundle, *options)
        with suit.child:
            suit.wait()
            yield suit


@contextlib.contextmanager
def service(suit: EmulatedSuit, config: Path) -> Iterator[tuple[Child, FrameClient]]:
    """A service on the suit and a client of it, from its start on."""
    with (
        Child(["run", "--config", str(config)], config.with_suffix(".log")) as child,
        FrameClient(suit.endpoint, queue_frames=_QUEUE_FRAMES) as client,
    ):
        yield child, client


def first_frame(child: Child, client: FrameClient, *, valid: bool) -> ReceivedFrame:
    """The first frame (that is valid); SuitError where none comes, or the service ends."""
    end_s = time.monotonic() + _START_S
    while time.monotonic() < end_s:
        for frame in client.recv_all(_POLL_MS):
            if frame.valid or not valid:
                return frame
        child.check()
    raise SuitError(f"no {'valid ' if valid else ''}frame within {_START_S:.0f} s")


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """Of this machine, for TCP, or UDP (SOCK_DGRAM); free until somebody else takes it."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
