"""A NATS server as a process that can be killed, a network that can go away, and the bridge as a process."""

from __future__ import annotations

import asyncio
import contextlib
import selectors
import socket
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from logged_process import SECOND_SKIN, LoggedProcess

from jetson_runtime.fleet import batches, reading, server
from jetson_runtime.fleet.server import Access
from jetson_runtime.suit.errors import EndpointError

SITE = "lab"


class NatsProcess:
    """nats-server on a port of this machine that stays the same; what it stored is there again after a kill."""

    def __init__(self, folder: Path, *options: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.folder = folder
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Returns once it takes connections."""
        self.folder.mkdir(exist_ok=True)
        words = [
            "-js",
            "-sd",
            str(self.folder),
            "-a",
            "127.0.0.1",
            "-p",
            str(self.port),
            "-l",
            f"{self.folder}/log",
        ]
        self._process = subprocess.Popen(["nats-server", *words, *self._options])
        end_s = time.monotonic() + 30.0
        while time.monotonic() < end_s:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1.0):
                return
            time.sleep(0.05)
        raise AssertionError("nats-server does not start")

    def kill(self) -> None:
        """SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def put(self, suit: str, payloads: Sequence[bytes], kind: str = batches.FRAMES) -> None:
        """Onto the stream, made where it is not there, as if a suit's bridge had sent them in session `s`."""
        asyncio.run(_put(self.url, batches.subject(SITE, suit, kind), payloads))

    def kept(self, suit: str, kind: str = "*") -> list[dict[str, Any]]:
        """All batches of a suit in the order of the stream, each with the `message_id` it came with; before the first
        there is no stream."""
        try:
            return asyncio.run(_kept(self.url, suit, kind))
        except EndpointError:
            return []


async def _put(url: str, subject: str, payloads: Sequence[bytes]) -> None:
    async with server.connected(Access((url,)), "test") as (_, jetstream):
        await server.stream_of(jetstream, subject, "SECONDSKIN")
        for payload in payloads:
            await jetstream.publish(subject, payload, headers={batches.SESSION: "s"})


async def _kept(url: str, suit: str, kind: str) -> list[dict[str, Any]]:
    found = []
    async with reading.opened(Access((url,))) as fleet:
        async for message in fleet.batches(SITE, suit, kind):
            told = batches.unpack(message.payload)
            found.append(
                {**told, "message_id": message.headers[batches.MESSAGE_ID], "waiting": message.waiting}
            )
    return found


def whole(kept: Sequence[dict[str, Any]]) -> bool:
    """Whether every batch from the first number on is there once, and those of each kind in order."""
    kinds = [[batch["number"] for batch in kept if batch["kind"] == kind] for kind in batches.KINDS]
    numbers = sorted(number for one in kinds for number in one)
    return numbers == list(range(1, len(numbers) + 1)) and all(one == sorted(one) for one in kinds)


def seqs(kept: Sequence[dict[str, Any]]) -> list[int]:
    """Of all frames, in order."""
    return [seq for batch in kept if batch["kind"] == batches.FRAMES for seq in batches.columns(batch)["seq"]]


def accounted(kept: Sequence[dict[str, Any]]) -> bool:
    """Whether each number from the first frame to the last is there once and in order, or was told not to have been
    heard: a busy machine's public address drops some."""
    found = seqs(kept)
    told = {
        n for batch in kept for first, count in batch.get("missing", ()) for n in range(first, first + count)
    }
    told &= {*range(found[0], found[-1] + 1)} if found else set()
    return bool(found) and found == sorted({*range(found[0], found[-1] + 1)} - told)


class Network:
    """A TCP proxy before a port of this machine. While `gone`, it takes and keeps what is sent and forwards nothing."""

    def __init__(self, port: int) -> None:
        self.gone = False
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._ending = False
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    def close(self) -> None:
        self._ending = True
        self._thread.join()

    def _run(self) -> None:
        pairs: dict[socket.socket, socket.socket] = {}
        with selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            while not self._ending:
                if self.gone:
                    time.sleep(0.02)
                    continue
                for key, _ in selector.select(0.05):
                    one = key.fileobj
                    assert isinstance(one, socket.socket)
                    if one is self._listener:
                        self._accept(selector, pairs)
                    elif not self._forward(one, pairs[one]):
                        for end in (one, pairs.pop(one)):
                            with contextlib.suppress(KeyError):
                                selector.unregister(end)
                            pairs.pop(end, None)
                            end.close()
        for one in (self._listener, *pairs):
            one.close()

    def _accept(self, selector: selectors.BaseSelector, pairs: dict[socket.socket, socket.socket]) -> None:
        near, _ = self._listener.accept()
        try:
            far = socket.create_connection(("127.0.0.1", self._target), 1.0)
        except OSError:
            near.close()
            return
        for one, other in ((near, far), (far, near)):
            pairs[one] = other
            selector.register(one, selectors.EVENT_READ)

    @staticmethod
    def _forward(one: socket.socket, other: socket.socket) -> bool:
        try:
            data = one.recv(65536)
            other.sendall(data)
        except OSError:
            return False
        return bool(data)


class BridgeProcess(LoggedProcess):
    """`second-skin bridge nats` of the suit `suit`, from `endpoint` to `url`."""

    def __init__(self, folder: Path, endpoint: str, url: str, suit: str = "s1", *options: str) -> None:
        self.store = folder / f"store-{suit}"
        words = [
            "--endpoint",
            endpoint,
            "--server",
            url,
            "--site",
            SITE,
            "--suit",
            suit,
            "--store",
            str(self.store),
        ]
        super().__init__(folder, *SECOND_SKIN, "bridge", "nats", *words, *options)
