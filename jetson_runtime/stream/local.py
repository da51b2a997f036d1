"""The local address: everything, for a recorder on this machine that must lose nothing.

A socket of its own, ipc only: a recorder may have 10 s of messages wait, a controller must never read an old one. What
the reactor was given (`raw`, `features`) is taken from the tap while somebody listens. A recorder tells in the other
direction how it is.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from typing import Any

import msgpack  # type: ignore[import-untyped]  # ships none
import zmq

from jetson_runtime.stream import endpoints, messages
from jetson_runtime.stream.tap import ROW, Event, Tap

# Messages that may wait for one recorder: 10 s of frames, features and the rest.
QUEUE_MESSAGES = 5_000
# What comes at each tick is sent together: waking the other end for each would cost more than what it carries.
SEND_PERIOD_NS = 50_000_000
# A message from a recorder begins with this byte (0 and 1 are ZeroMQ's own), a map follows.
REPORT = b"\x02"
_INCOMING_LIMIT_BYTES = 4_096
_INCOMING_AT_ONCE = 32
# At the end a recorder may take so long to fetch what waits for it.
_LINGER_MS = 200


class LocalStream:
    """Used by the publisher's thread alone; `report` may be read by any.

    report: what a recorder said last, and when (CLOCK_MONOTONIC ns); None before the first word.
    """

    def __init__(self, session: str, tap: Tap, facts: Callable[[], Mapping[str, Any]]) -> None:
        """facts: asked for what `messages.encode_session` tells, each time a recorder comes."""
        self.addresses: list[str] = []
        self.report: tuple[dict[str, Any], int] | None = None
        self.socket: zmq.Socket[bytes] | None = None
        self._session = session
        self._tap = tap
        self._facts = facts
        self._prefixes: set[bytes] = set()
        self._wanted: set[str] = set()
        self._frames: list[bytes] = []
        self._numbers = 0
        self._next_ns = 0

    def bind(self, context: zmq.Context[zmq.Socket[bytes]], addresses: tuple[str, ...]) -> None:
        """Opens every address; EndpointError as in `endpoints.bind`."""
        if not addresses:
            return
        self.socket = socket = context.socket(zmq.XPUB)
        socket.setsockopt(zmq.XPUB_VERBOSE, 1)
        socket.setsockopt(zmq.SNDHWM, QUEUE_MESSAGES)
        socket.setsockopt(zmq.MAXMSGSIZE, _INCOMING_LIMIT_BYTES)
        for address in addresses:
            self.addresses.append(endpoints.bind(socket, address))

    def close(self) -> None:
        """Closes the socket; its file goes first, as it may be the next service's afterwards."""
        for address in self.addresses:
            endpoints.remove_file(address)
        if self.socket is not None:
            self.socket.close(linger=_LINGER_MS)
        self.socket = None

    def add_frame(self, payload: bytes) -> None:
        """Goes with the next `pump`."""
        if messages.FRAME in self._wanted:
            self._frames.append(payload)

    def send(self, topic: str, payload: bytes) -> None:
        """One message to whoever wants its topic, behind all frames that were added before it; never waits."""
        self._send_frames()
        self._send(topic, payload)

    def pump(self, now_ns: int, *, all_of_it: bool = False) -> None:
        """Every 50 ms sends what the tap holds, and the frames; or all of it, at the end."""
        if not self._wanted or (now_ns < self._next_ns and not all_of_it):
            return
        self._next_ns = now_ns + SEND_PERIOD_NS
        self._send_frames()
        events = []
        for event in self._tap.take():
            if event[0] == ROW:
                self._send_features(event, now_ns)
            else:
                events.append(event)
        if events:
            payload = messages.encode_raw(events, self._numbers, self._tap.lost, self._session, now_ns)
            self._numbers += 1
            self.send(messages.RAW, payload)

    def listen(self) -> set[str]:
        """Takes in what recorders ask for and tell; the topics that somebody has just asked for."""
        wanted: set[str] = set()
        with contextlib.suppress(zmq.Again):
            for _ in range(_INCOMING_AT_ONCE):
                assert self.socket is not None
                message = self.socket.recv(zmq.NOBLOCK)
                kind, prefix = message[:1], message[1:]
                if kind == b"\x01" and (topics := _topics(prefix)):
                    self._prefixes.add(prefix)
                    wanted |= topics
                elif kind == b"\x00":
                    # The last who had asked for this prefix has gone; others may want the same topics by another.
                    self._prefixes.discard(prefix)
                elif kind == REPORT:
                    self._take_report(prefix)
        self._wanted = set().union(*(_topics(prefix) for prefix in self._prefixes))
        self._turn_tap(wanted)
        return wanted

    def _send_frames(self) -> None:
        frames, self._frames = self._frames, []
        for frame in frames:
            self._send(messages.FRAME, frame)

    def _send(self, topic: str, payload: bytes) -> None:
        if topic in self._wanted and self.socket is not None:
            self.socket.send_multipart((topic.encode(), payload), zmq.NOBLOCK)

    def _turn_tap(self, wanted: set[str]) -> None:
        if wanted & {messages.RAW, messages.FEATURES}:
            self._tap.ask()
        elif not self._wanted & {messages.RAW, messages.FEATURES}:
            self._tap.end()
        if messages.SESSION in wanted:
            now_ns = time.monotonic_ns()
            self.send(messages.SESSION, messages.encode_session(self._facts(), self._session, now_ns))

    def _send_features(self, event: Event, now_ns: int) -> None:
        _, seq, t_ns, row, sources_ns = event
        self.send(
            messages.FEATURES,
            messages.encode_features(seq, t_ns, row, sources_ns, self._session, now_ns),
        )

    def _take_report(self, payload: bytes) -> None:
        with contextlib.suppress(ValueError, TypeError, RecursionError, msgpack.UnpackException):
            report = msgpack.unpackb(payload)
            # It goes on into the status: what is no plain map of text and numbers is no report.
            if isinstance(report, dict) and all(
                isinstance(key, str) and isinstance(value, str | int | float | None)
                for key, value in report.items()
            ):
                self.report = (report, time.monotonic_ns())


def _topics(prefix: bytes) -> set[str]:
    """Those that a subscription to `prefix` asks for."""
    return {topic for topic in messages.LOCAL_TOPICS if topic.encode().startswith(prefix)}
