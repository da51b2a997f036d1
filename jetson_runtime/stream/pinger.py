"""Time pings beside a subscription: sent now and then, their replies read whenever the client looks. Never blocks."""

from __future__ import annotations

import contextlib
import time

import msgpack  # type: ignore[import-untyped]  # ships none
import zmq

from jetson_runtime.stream import curve, endpoints
from jetson_runtime.stream.clock import ServiceClock
from jetson_runtime.stream.curve import ClientKeys
from jetson_runtime.suit.addresses import DEFAULT_CONTROL
from jetson_runtime.suit.errors import EndpointError

# The first ones follow each other fast: the least round trip of several tells.
FIRST = 8
FIRST_PERIOD_NS = 20_000_000
PERIOD_NS = 1_000_000_000
# Without a reply for so long the connection is made anew: it may be half-open, as that of frames may.
SILENCE_NS = 5_000_000_000
_WAIT_MS, _FIRST_WAIT_MS = 250, 20


class Pinger:
    """`turn` keeps `clock` told. A connection to the control socket at `endpoint`; reconnects by itself."""

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        endpoint: str,
        keys: ClientKeys | None,
        clock: ServiceClock,
    ) -> None:
        """EndpointError: no such kind of address."""
        self.endpoint = endpoint
        self._clock = clock
        self.socket = socket = context.socket(zmq.DEALER)
        socket.setsockopt(zmq.LINGER, 0)
        socket.setsockopt(zmq.IMMEDIATE, 1)
        endpoints.keep_alive(socket)
        if keys:
            curve.present(socket, keys)
        try:
            socket.connect(endpoint)
        except zmq.ZMQError as error:
            socket.close(linger=0)
            raise EndpointError(
                f"{endpoint}: {error.strerror}; write {DEFAULT_CONTROL} or ipc:///path"
            ) from error
        self._left = FIRST
        self._due_ns = 0
        self._heard_ns = time.monotonic_ns()

    @property
    def wait_ms(self) -> int:
        """How long to wait at most before the next turn."""
        return _FIRST_WAIT_MS if self._left > 0 else _WAIT_MS

    def begin_anew(self) -> None:
        """Another service answers from now on."""
        self._left, self._due_ns = FIRST, 0

    def turn(self, now_ns: int) -> None:
        """Takes in what was answered, and asks anew where it is time."""
        with contextlib.suppress(zmq.Again):
            while True:
                self._take(self.socket.recv_multipart(zmq.NOBLOCK)[-1])
        if now_ns - self._heard_ns > SILENCE_NS:
            self._heard_ns = now_ns
            self.socket.disconnect(self.endpoint)
            self.socket.connect(self.endpoint)
        if now_ns >= self._due_ns:
            self._due_ns = now_ns + (FIRST_PERIOD_NS if self._left > 0 else PERIOD_NS)
            with contextlib.suppress(zmq.Again):
                self.socket.send(msgpack.packb({"op": "ping", "client_ns": time.monotonic_ns()}), zmq.NOBLOCK)

    def _take(self, reply: bytes) -> None:
        received_ns = time.monotonic_ns()
        with contextlib.suppress(ValueError, TypeError, KeyError, msgpack.UnpackException):
            result = msgpack.unpackb(reply)["result"]
            times = (result["client_ns"], result["receive_ns"], result["reply_ns"])
            if all(isinstance(ns, int) for ns in times):
                self._clock.note_ping(*times, received_ns)
                self._heard_ns = received_ns
                self._left -= 1
