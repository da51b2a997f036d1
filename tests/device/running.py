"""`second-skin` on the suit: the service with a client of its stream, and the commands that a technician types."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jetson_runtime.client import FrameClient, ReceivedFrame
from jetson_runtime.suit.config import SuitConfig, load

PATIENCE_S = 60.0
_SECOND_SKIN = (sys.executable, "-m", "jetson_runtime.cli")


class Service:
    """`second-skin run` on the suit, and a client of it. What is told to it is kept in `state`, not where the installed
    service keeps its own."""

    def __init__(self, config_path: Path, state: Path) -> None:
        self.config_path, self.state = config_path, state
        self.config: SuitConfig = load(config_path)
        self.client = FrameClient(_local(self.config.output.public))
        self.start()

    def start(self) -> None:
        command = [*_SECOND_SKIN, "run", "--config", str(self.config_path), "--state", str(self.state)]
        self.process = subprocess.Popen(command)

    def until(self, condition: Callable[[], object], patience_s: float = PATIENCE_S) -> bool:
        """Waits for `condition` while frames are read; False where it does not come true."""
        end = time.monotonic() + patience_s
        while time.monotonic() < end:
            self.client.recv_all(50)
            if condition():
                return True
        return False

    def until_valid(self) -> ReceivedFrame:
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            frame = self.client.recv(timeout_ms=100)
            if frame is not None and frame.valid:
                return frame
        pytest.fail(f"no valid frame in {PATIENCE_S:.0f} s; the status says {self.client.status}")

    def watch(self, seconds: float) -> list[ReceivedFrame]:
        frames: list[ReceivedFrame] = []
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            frames += self.client.recv_all(100)
        return frames

    def status(self) -> dict[str, Any]:
        """The newest; empty before the first."""
        self.client.recv_all(0)
        return self.client.status or {}

    def faults(self) -> dict[int, str]:
        return {fault["number"]: fault["text"] for fault in self.status().get("faults", [])}

    def ask(self, *words: str) -> str:
        """What `second-skin WORDS` says on the service's control address; fails where it is refused."""
        assert self.config.output.control, "[output] control names no address"
        status, said = command(*words, "--control", self.config.output.control[-1])
        assert status == 0, said
        return said

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(10)
        self.client.close()


def command(*words: str, timeout_s: float = 600.0) -> tuple[int, str]:
    """Exit status of `second-skin WORDS`, and what it said on either output."""
    done = subprocess.run(
        [*_SECOND_SKIN, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout_s,
        check=False,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    return done.returncode, done.stdout


def begin_piped(*words: str) -> subprocess.Popen[str]:
    """As `begin`; what it says on either output can be read line by line."""
    return subprocess.Popen(
        [*_SECOND_SKIN, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )


def begin(*words: str) -> subprocess.Popen[bytes]:
    """`second-skin WORDS` beside the test, which ends it."""
    return subprocess.Popen([*_SECOND_SKIN, *words])


def _local(addresses: tuple[str, ...]) -> str:
    """An address that asks for no key."""
    here = [address for address in addresses if address.startswith("ipc://") or "127.0.0.1" in address]
    return (here or list(addresses))[-1]
