"""A client's SUB socket: how it is connected, read, waited for, and made anew after a silence."""

from __future__ import annotations

import time
import weakref
from collections.abc import Iterator
from pathlib import Path

import zmq

from jetson_runtime.stream import curve, endpoints
from jetson_runtime.stream.clock import ServiceClock
from jetson_runtime.stream.pinger import Pinger
from jetson_runtime.suit.addresses import DEFAULT_PUBLIC
from jetson_runtime.suit.errors import EndpointError

# A connection that is silent for so long is made anew: behind a lost cable or Wi-Fi it may stay half-open for minutes.
SILENCE_NS = 1_000_000_000
_RECEIVE_BUFFER_BYTES = 16_384
_RECONNECT_MS = 50
_LONGEST_WAIT_MS = 250


class Subscription:
    """To `topics` of one service; of one thread. `pinger`: where the service's clock is asked for, else None."""

    def __init__(
        self,
        endpoint: str,
        topics: tuple[str, ...],
        queue_frames: int,
        *,
        key_file: Path | None,
        control: str | None,
        clock: ServiceClock | None,
    ) -> None:
        """Connects in the background. EndpointError, KeyFileError: as FrameClient's. clock: what `control` tells."""
        self.endpoint = endpoint
        keys = curve.load_client(key_file) if key_file else None
        self._heard_ns = time.monotonic_ns()
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = context.socket(zmq.SUB)
        sockets = [self._socket]
        # Also for who forgets to close: a context that is collected before its sockets waits for them for ever.
        self._finalizer = weakref.finalize(self, _end, sockets, context)
        try:
            self._connect(topics, queue_frames, keys)
            self.pinger = Pinger(context, control, keys, clock) if control and clock else None
        except BaseException:
            self._finalizer()
            raise
        if self.pinger is not None:
            sockets.append(self.pinger.socket)
        self.sockets = tuple(sockets)
        self._poller = zmq.Poller()
        for socket in sockets:
            self._poller.register(socket, zmq.POLLIN)

    @property
    def closed(self) -> bool:
        return not self._finalizer.alive

    def close(self) -> None:
        self._finalizer()

    def begin_anew(self) -> None:
        """Another service answers from now on: its clock is to be asked for at once."""
        if self.pinger is not None:
            self.pinger.begin_anew()

    def payloads(self) -> Iterator[bytes]:
        """All that waits, without blocking; then the clock's turn, and a new connection after too long a silence."""
        try:
            while True:
                payload = self._socket.recv_multipart(zmq.NOBLOCK)[-1]
                self._heard_ns = time.monotonic_ns()
                yield payload
        except zmq.Again:
            pass
        now_ns = time.monotonic_ns()
        if self.pinger is not None:
            self.pinger.turn(now_ns)
        if now_ns - self._heard_ns > SILENCE_NS and self.endpoint.startswith("tcp://"):
            self._heard_ns = now_ns
            self._socket.disconnect(self.endpoint)
            self._socket.connect(self.endpoint)

    def wait(self, left_ns: int) -> None:
        """Until something comes, or no longer than `left_ns`."""
        self._poller.poll(self.wait_ms(left_ns))

    def wait_ms(self, left_ns: int) -> int:
        """How long to wait before the next look, where `left_ns` are left."""
        longest_ms = _LONGEST_WAIT_MS if self.pinger is None else self.pinger.wait_ms
        return min(left_ns // 1_000_000 + 1, longest_ms)

    def _connect(self, topics: tuple[str, ...], queue_frames: int, keys: curve.ClientKeys | None) -> None:
        socket = self._socket
        socket.setsockopt(zmq.LINGER, 0)
        socket.setsockopt(zmq.RCVHWM, queue_frames)
        socket.setsockopt(zmq.RCVBUF, _RECEIVE_BUFFER_BYTES)
        socket.setsockopt(zmq.RECONNECT_IVL, _RECONNECT_MS)
        # Not ZMQ_HEARTBEAT_IVL: on a subscriber whose queue is full it aborts the process (libzmq issue 3937).
        endpoints.keep_alive(socket)
        if keys:
            curve.present(socket, keys)
        for topic in topics:
            socket.subscribe(topic)
        try:
            socket.connect(self.endpoint)
        except zmq.ZMQError as error:
            raise EndpointError(
                f"{self.endpoint}: {error.strerror}; write {DEFAULT_PUBLIC} or ipc:///path"
            ) from error


def _end(sockets: list[zmq.Socket[bytes]], context: zmq.Context[zmq.Socket[bytes]]) -> None:
    for socket in sockets:
        socket.close(linger=0)
    context.term()
