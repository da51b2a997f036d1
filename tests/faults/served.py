"""The service on a whole suit with addresses for this machine and, with keys, for others; and what floods it."""

from __future__ import annotations

import contextlib
import os
import resource
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from worn_suit import ServiceProcess, WornSuit, until

from drivers.emulator.bench import Bench
from jetson_runtime.client import FrameClient
from jetson_runtime.stream import key_files

_ADDRESS = ("ip", "address")


class Served:
    """`local` is a TCP port of this machine; `remote` and, for commands, `control` are those for others, with keys."""

    def __init__(self, folder: Path, bench: Bench) -> None:
        self.keys = folder / "keys"
        key_files.init(self.keys)
        self.folder = folder
        self.suit = WornSuit(folder, bench)
        self.local, self.remote, self.control = free_port(), free_port(), free_port()
        self.tablet = key_files.add(self.keys, "tablet", folder)
        self.phone = key_files.add(self.keys, "phone", folder)
        config = self.suit.write_config(extra=f'[security]\nkeys = "{self.keys}"')
        text = config.read_text()
        more = f'"{self.suit.endpoint}", "tcp://127.0.0.1:{self.local}", "tcp://0.0.0.0:{self.remote}"'
        text = text.replace(f'public = ["{self.suit.endpoint}"]', f"public = [{more}]")
        orders = f'"{self.suit.control}", "tcp://0.0.0.0:{self.control}"'
        config.write_text(text.replace(f'control = ["{self.suit.control}"]', f"control = [{orders}]"))
        self.service = ServiceProcess(config, self.suit.endpoint)

    def client(self, key_file: Path | None = None, host: str = "127.0.0.1") -> FrameClient:
        """With a key to the address for others, without one to that for this machine."""
        port = self.remote if key_file else self.local
        return FrameClient(f"tcp://{host}:{port}", key_file=key_file)

    def clients(self, reason: str) -> int:
        """How many clients are `connected`, or were turned away for `reason`, by the newest status."""
        count: int = self.service.status.get("clients", {}).get(reason, 0)
        return count

    def told(self, *words: str) -> bool:
        """Whether a line of the service's log holds all of `words`."""
        return any(all(word in line for word in words) for line in self.service.log.splitlines())

    def resident_mb(self) -> float:
        lines = Path(f"/proc/{self.service.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


@contextmanager
def serving(folder: Path) -> Iterator[Served]:
    """A service that publishes."""
    with Bench() as bench:
        served = Served(folder, bench)
        try:
            assert until(lambda: served.service.status, 60.0), served.service.log
            yield served
        finally:
            served.service.stop()


class Watch:
    """What became of the ticks, and of one good client's frames, between its making and `end`."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self._status = self._next_status()
        self._client = served.service.client
        self._frames, self._missed = self._client.frames, self._client.missed

    def end(self) -> dict[str, Any]:
        """`share_missed` of the ticks computed too late for any client; `frames` that the good client got."""
        status = self._next_status()
        missed = status["missed_ticks"] - self._status["missed_ticks"]
        ticks = missed + status["publisher"]["sent"] - self._status["publisher"]["sent"]
        return {
            "ticks": ticks,
            "share_missed": missed / max(1, ticks),
            "frames": self._client.frames - self._frames,
            "lost": self._client.missed - self._missed - missed,
            "lateness_ms": status["lateness_ms"],
        }

    def _next_status(self) -> dict[str, Any]:
        seen = self._served.service.status.get("publish_ns")
        assert until(lambda: self._served.service.status.get("publish_ns") not in (seen, None))
        return self._served.service.status


def frames_within(client: FrameClient, seconds: float) -> int:
    """How many frames come to `client` in this time."""
    before, end_s = client.frames, time.monotonic() + seconds
    while time.monotonic() < end_s:
        client.recv_all(50)
    return client.frames - before


def connections(
    port: int, count: int, host: str = "127.0.0.1", source: str | None = None
) -> list[socket.socket]:
    """That many open TCP connections, as far as they are taken. source: the address of ours that they come from."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, count + 1000), hard))
    opened = []
    for _ in range(count):
        with contextlib.suppress(OSError):
            place = (source, 0) if source else None
            opened.append(socket.create_connection((host, port), timeout=1.0, source_address=place))
    return opened


def flood_of_subscriptions(port: int, count: int) -> int:
    """Subscribes to `count` random topics of 200 bytes over one connection, by ZMTP 3.0 (RFC 23); how many were taken
    before the other end closed it. libzmq as the flooder would be busy with itself after each reconnection."""
    greeting = b"\xff" + bytes(7) + b"\x01\x7f\x03\x00NULL" + bytes(16) + b"\x00" + bytes(31)
    ready = b"\x05READY\x0bSocket-Type" + struct.pack(">I", 3) + b"SUB"
    taken = 0
    with socket.create_connection(("127.0.0.1", port), timeout=5.0) as raw, contextlib.suppress(OSError):
        raw.sendall(greeting + b"\x04" + bytes([len(ready)]) + ready)
        # What comes before the handshake is done is refused as one that failed.
        answer = b""
        while b"READY" not in answer and (more := raw.recv(1000)):
            answer += more
        while taken < count:
            raw.sendall(b"".join(b"\x00\xc9\x01" + os.urandom(200) for _ in range(100)))
            taken += 100
    return taken


def still_open(opened: list[socket.socket]) -> int:
    """How many of `opened` the other end has not closed."""
    return sum(_is_open(one) for one in opened)


def _is_open(one: socket.socket) -> bool:
    one.setblocking(False)
    try:
        while one.recv(4096):
            pass
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def addresses_of_ours(*addresses: str) -> Iterator[None]:
    """This machine has them within; for what must come from others, or reach them."""
    added: list[str] = []
    try:
        for address in addresses:
            subprocess.run([*_ADDRESS, "add", f"{address}/32", "dev", "lo"], capture_output=True, check=True)
            added.append(address)
        yield
    except (subprocess.CalledProcessError, FileNotFoundError) as error:
        pytest.skip(f"no address can be added here: {error}")
    finally:
        for address in added:
            subprocess.run([*_ADDRESS, "delete", f"{address}/32", "dev", "lo"], check=False)


def own_address() -> str | None:
    """An address of this machine that is not the loopback; None where it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("203.0.113.1", 9))  # for documentation (RFC 5737): nothing is sent
        except OSError:
            return None
        address = str(probe.getsockname()[0])
    return None if address.startswith("127.") else address
