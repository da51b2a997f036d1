"""One reader of the stream as a process: how long after its sending each frame's values are at hand, in ns.

    python -m jetson_runtime.bench.client_ways WAY ADDRESS SECONDS

prints a JSON list, without what came in the first half second. `bench clients` starts it.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterator

import msgpack  # type: ignore[import-untyped]  # ships none
import zmq

from jetson_runtime.client import FrameClient
from jetson_runtime.stream.datagram import PUBLISH_NS_AT
from jetson_runtime.suit.addresses import udp_target

# Connections come about, and caches warm up.
_WARM_UP_S = 0.5
_TIMEOUT_MS = 1000
_publish_ns_of = struct.Struct("<q").unpack_from


def pyzmq(address: str, seconds: float) -> list[int]:
    """As little as can be: a SUB socket, two parts, msgpack."""
    with zmq.Context() as context, context.socket(zmq.SUB) as one:
        one.setsockopt(zmq.LINGER, 0)
        one.setsockopt(zmq.RCVTIMEO, _TIMEOUT_MS)
        one.subscribe("frame")
        one.connect(address)
        return _timed(seconds, lambda: int(msgpack.unpackb(one.recv_multipart()[1])["publish_ns"]))


def latest(address: str, seconds: float) -> list[int]:
    """The address with one part, by a socket that keeps the newest message alone."""
    with zmq.Context() as context, context.socket(zmq.SUB) as one:
        one.setsockopt(zmq.LINGER, 0)
        one.setsockopt(zmq.RCVTIMEO, _TIMEOUT_MS)
        one.setsockopt(zmq.CONFLATE, 1)
        one.subscribe("")
        one.connect(address)
        return _timed(seconds, lambda: int(msgpack.unpackb(one.recv())["publish_ns"]))


def frame_client(address: str, seconds: float) -> list[int]:
    """`recv_all`, which waits as `recv` does and leaves out none: `recv` would tell only of the young ones."""
    ends = _Ends(seconds)
    with FrameClient(address) as client:
        while True:
            for frame in client.recv_all(_TIMEOUT_MS):
                if ends.add(time.monotonic_ns() - frame.publish_ns):
                    return ends.found


def in_asyncio(address: str, seconds: float) -> list[int]:
    """`async for frame in client`, which leaves out what is older than 20 ms."""

    async def read() -> list[int]:
        ends = _Ends(seconds)
        with FrameClient(address) as client:
            async for frame in client:
                if ends.add(time.monotonic_ns() - frame.publish_ns):
                    break
        return ends.found

    return asyncio.run(read())


def udp(address: str, seconds: float) -> list[int]:
    """Packets to `address`, of which the instant alone is read."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(udp_target(address))
        one.settimeout(_TIMEOUT_MS * 1e-3)
        return _timed(seconds, lambda: int(_publish_ns_of(one.recv(2048), PUBLISH_NS_AT)[0]))


WAYS: dict[str, Callable[[str, float], list[int]]] = {
    "pyzmq": pyzmq,
    "FrameClient": frame_client,
    "asyncio": in_asyncio,
    "latest": latest,
    "udp": udp,
}


class _Ends:
    """found: what was added after the warm-up. `add` says when it is enough."""

    def __init__(self, seconds: float) -> None:
        self.found: list[int] = []
        self._from_s = time.monotonic() + _WARM_UP_S
        self._until_s = self._from_s + seconds

    def add(self, took_ns: int) -> bool:
        now_s = time.monotonic()
        if now_s >= self._from_s:
            self.found.append(took_ns)
        return now_s >= self._until_s


def _timed(seconds: float, read: Callable[[], int]) -> list[int]:
    """read: waits for the next frame and returns when it was sent."""
    ends = _Ends(seconds)
    for publish_ns in _each(read):
        if ends.add(time.monotonic_ns() - publish_ns):
            break
    return ends.found


def _each(read: Callable[[], int]) -> Iterator[int]:
    while True:
        yield read()


if __name__ == "__main__":
    name, address, seconds = sys.argv[1:]
    sys.stdout.write(json.dumps(WAYS[name](address, float(seconds))) + "\n")
