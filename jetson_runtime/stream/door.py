"""The door: who may connect, how many at a time, and who has to leave. A thread of its own, so that a crowd before it
holds up no frame.

libzmq asks it about each CURVE client (`zap.py`) and reports what becomes of each connection (zmq_socket_monitor(3)).
"""

from __future__ import annotations

import contextlib
import os
import struct
import threading
import time
import weakref
from typing import TYPE_CHECKING

import zmq

from jetson_runtime.stream import curve
from jetson_runtime.stream.connections import Connections
from jetson_runtime.suit.config import Security

if TYPE_CHECKING:
    from jetson_runtime.stream.zap import Gatekeeper

# A key that was added or removed takes effect within this time.
KEYS_PERIOD_NS = 500_000_000
# The first part of a report (zmq_socket_monitor(3)); pyzmq's own reader would load asyncio at each start.
_REPORT = struct.Struct("=Hi")
# Between two looks at who asks to come in.
_REPORTS_AT_ONCE = 64
# After these the end of the same connection is reported next. A refused key is not among them: `zap.py` tells it.
_FAILURES: dict[int, str] = {
    zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL: "it shows no key, or not this service's, or does not speak ZeroMQ",
    zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL: "it left, or fell silent, before it had said who it is",
}
_EVENTS = (
    zmq.EVENT_ACCEPTED
    | zmq.EVENT_DISCONNECTED
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
)


class Door:
    """`open` and `watch` before the first bind, then `run` in a thread of its own until `stop`.

    `admits` belongs to the thread of the watched sockets; `counts` may be read from any (see `Connections`).
    """

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], security: Security) -> None:
        self._context = context
        self._security = security
        self._connections = Connections(security)
        self._gatekeeper: Gatekeeper | None = None
        # Of each monitor, why the handshake failed whose connection's end is reported next.
        self._failures: dict[zmq.Socket[bytes], str] = {}
        self._stopping = self._started = False
        # Either `run` closes what there is, or a `stop` that came before it.
        self._turn = threading.Lock()
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        weakref.finalize(self, os.close, self._wake)

    @property
    def counts(self) -> dict[str, int]:
        return self._connections.counts

    @property
    def mistakes(self) -> list[str]:
        """What is wrong with the keys of clients, who are not let in therefore; from any thread."""
        return self._gatekeeper.mistakes if self._gatekeeper else []

    def open(self) -> curve.Pair | None:
        """Reads the keys that the config names; the service's own pair, or None where it names none.

        KeyFileError for a secret key that is missing, broken, or readable by others.
        """
        folder = self._security.keys
        if folder is None:
            return None
        from jetson_runtime.stream.zap import Gatekeeper  # brings asyncio, which a local service does without

        pair = curve.load_server(folder)
        self._gatekeeper = Gatekeeper(self._context, folder, self._connections.refused)
        return pair

    def watch(self, socket: zmq.Socket[bytes]) -> None:
        """Counts and limits the connections that `socket` accepts on addresses bound from now on."""
        address = f"inproc://door-{id(socket)}"
        socket.monitor(address, _EVENTS)
        monitor = self._context.socket(zmq.PAIR)
        # Without room for a report libzmq's own thread would wait, and every client with it.
        monitor.setsockopt(zmq.RCVHWM, 0)
        monitor.connect(address)
        self._failures[monitor] = ""

    def admits(self, message: zmq.Frame, *, subscribes: bool = False) -> bool:
        """Whether to heed what a client sent; shuts out one whose key was revoked or that subscribes without end."""
        try:
            descriptor = int(message.get(zmq.SRCFD))
        except zmq.ZMQError:
            return False  # it has gone
        gatekeeper = self._gatekeeper
        if gatekeeper is None:
            return self._connections.heard(descriptor, "", (), subscribes=subscribes)
        return self._connections.heard(descriptor, _key_of(message), gatekeeper.names, subscribes=subscribes)

    def run(self) -> None:
        """The thread's body; closes what it owns at its end."""
        with self._turn:
            if self._stopping:
                return
            self._started = True
        try:
            self._attend()
        except zmq.ContextTerminated:
            if not self._stopping:
                raise
        finally:
            self._close()

    def _attend(self) -> None:
        gatekeeper = self._gatekeeper
        poller = zmq.Poller()
        for source in (self._wake, *self._failures, *([gatekeeper.socket] if gatekeeper else [])):
            poller.register(source, zmq.POLLIN)
        look_ns = time.monotonic_ns()
        while not self._stopping:
            ready = dict(poller.poll(KEYS_PERIOD_NS // 1_000_000))
            for monitor in self._failures:
                if monitor in ready:
                    self._read_reports(monitor)
            if gatekeeper and gatekeeper.socket in ready:
                gatekeeper.answer()
            if time.monotonic_ns() >= look_ns:
                look_ns = time.monotonic_ns() + KEYS_PERIOD_NS
                self._connections.sweep()
                if gatekeeper:
                    self._look_at_keys(gatekeeper)

    def stop(self) -> None:
        """Makes `run` return; closes what there is where it was never started."""
        with self._turn:
            self._stopping = True
            if not self._started:
                self._close()
        os.eventfd_write(self._wake, 1)

    def _close(self) -> None:
        if self._gatekeeper:
            self._gatekeeper.close()
        while self._failures:
            self._failures.popitem()[0].close(linger=0)

    def _look_at_keys(self, gatekeeper: Gatekeeper) -> None:
        before = gatekeeper.names
        if gatekeeper.read_keys():
            self._connections.revoke(before, gatekeeper.names)

    def _read_reports(self, monitor: zmq.Socket[bytes]) -> None:
        with contextlib.suppress(zmq.Again):
            for _ in range(_REPORTS_AT_ONCE):
                event, value = _REPORT.unpack(monitor.recv_multipart(zmq.NOBLOCK)[0])
                if event == zmq.EVENT_ACCEPTED:
                    self._connections.arrived(value)
                elif event == zmq.EVENT_DISCONNECTED:
                    self._connections.left(value, self._failures[monitor])
                self._failures[monitor] = _FAILURES.get(event, "")


def _key_of(message: zmq.Frame) -> str:
    """The public key that the sender has shown; '' on addresses that ask for none."""
    try:
        return str(message.get("User-Id"))
    except zmq.ZMQError:
        return ""
