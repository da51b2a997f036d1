"""What a Python client of the stream imports. Needs pyzmq and msgpack alone.

    from jetson_runtime.client import FrameClient

    with FrameClient() as client:
        while True:
            frame = client.recv(timeout_ms=50)
            if frame is None or not frame.valid:
                ramp_torque_down()               # nothing fresh for 10 periods: the consumer must act by itself
            else:
                control(frame.angle["knee_angle_r"], frame.moment["knee_angle_r_moment"])

`recv` never returns a stale frame: what piled up while the caller was busy is read and dropped.
"""

from __future__ import annotations

import contextlib
import math
import time
import weakref
from collections import deque
from pathlib import Path
from typing import Any

import zmq

from jetson_runtime.stream import curve, endpoints, messages
from jetson_runtime.stream.received import Ground, ReceivedFrame, received
from jetson_runtime.suit.addresses import DEFAULT_PUBLIC
from jetson_runtime.suit.errors import EndpointError
from jetson_runtime.suit.signals import PERIOD_NS, RATE_HZ

__all__ = ["FrameClient", "Ground", "ReceivedFrame"]

# A stream is alive while its newest frame came within this many periods.
ALIVE_PERIODS = 10
# The rate is measured over this many frames, and is right within this share.
RATE_WINDOW = RATE_HZ // 2
RATE_TOLERANCE = 0.1
# What happened lately, for who asks: marks, tares, pulses of the sync line.
_KEPT_EVENTS = 256
# 0.25 s: a controller drops older ones anyway.
QUEUE_FRAMES = 50
_RECEIVE_BUFFER_BYTES = 16_384
_RECONNECT_MS = 50
# A connection that is silent for so long is made anew: behind a lost cable or Wi-Fi it may stay half-open for minutes.
SILENCE_NS = 1_000_000_000
_LONGEST_WAIT_MS = 250


class FrameClient:
    """A subscription to one service; reconnects by itself. Not for use from several threads at once.

    `alive`: the newest frame was sent and read less than 10 periods ago, on this client's own clock. `rate_ok`:
    alive, and the last half second came at 200 Hz within 10 %. `valid`: alive, and the service vouches for the
    newest frame. These and `latest` first take in what waits, without blocking.

    Counters: `frames` received; `missed` sequence numbers that never came; `malformed` messages ignored; `restarts`
    of the service seen (a new session id). `hello` and `status` are the newest such messages as dicts, or None;
    `events` the newest 256 `event` messages, oldest first, a deque that the caller may empty.
    Every reading member raises EndpointError if the service speaks another version of the schema.
    """

    def __init__(
        self,
        endpoint: str = DEFAULT_PUBLIC,
        *,
        key_file: Path | None = None,
        queue_frames: int = QUEUE_FRAMES,
        same_clock: bool = True,
    ) -> None:
        """Connects (in the background: no service need be there yet). EndpointError: no such kind of address.

        key_file: what `second-skin keys add` made for this client; an address of another machine needs it.
        KeyFileError: it cannot be read, or others can read it.
        queue_frames: how many frames ZeroMQ keeps for `recv_all`. same_clock: False where the service runs on
        another machine (through a tunnel, say); ages are then counted from the fastest frame seen.
        """
        self.endpoint = endpoint
        self.hello: dict[str, Any] | None = None
        self.status: dict[str, Any] | None = None
        self.events: deque[dict[str, Any]] = deque(maxlen=_KEPT_EVENTS)
        self.frames = 0
        self.missed = 0
        self.malformed = 0
        self.restarts = 0
        self._newest: ReceivedFrame | None = None
        self._unread: deque[ReceivedFrame] = deque(maxlen=4 * queue_frames)
        self._session: str | None = None
        self._publish_ns: deque[int] = deque(maxlen=RATE_WINDOW)
        self._same_clock = same_clock
        # What to add to the service's clock to have this client's.
        self._clock_offset_ns = 0
        self._keys = curve.load_client(key_file) if key_file else None
        self._heard_ns = time.monotonic_ns()
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._connect(queue_frames)
        # Also for who forgets to close: a context that is collected before its socket waits for it for ever.
        self._finalizer = weakref.finalize(self, endpoints.close, self._socket, self._context)

    def __enter__(self) -> FrameClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the subscription."""
        self._finalizer()

    @property
    def alive(self) -> bool:
        self._take_in()
        newest = self._newest
        if newest is None:
            return False
        # Read just now is not enough: after a stall of this client, frames of a dead service still wait.
        limit_ns = ALIVE_PERIODS * PERIOD_NS
        return time.monotonic_ns() - newest.receive_ns < limit_ns and self._sent_within(newest, limit_ns)

    @property
    def rate_ok(self) -> bool:
        return self.alive and abs(self.rate_hz - RATE_HZ) < RATE_TOLERANCE * RATE_HZ

    @property
    def rate_hz(self) -> float:
        """Frames a second over the last half second of frames; NaN before that many came."""
        self._take_in()
        times = self._publish_ns
        if len(times) < RATE_WINDOW:
            return math.nan
        return (len(times) - 1) * 1e9 / max(1, times[-1] - times[0])

    @property
    def valid(self) -> bool:
        return self.alive and self._newest is not None and self._newest.valid

    @property
    def latest(self) -> ReceivedFrame | None:
        """The newest frame that came, however old (see `alive`); None before the first."""
        self._take_in()
        return self._newest

    @property
    def session(self) -> str | None:
        """The service's session id, random at each of its starts; None before anything came."""
        return self._session

    def recv(self, timeout_ms: float) -> ReceivedFrame | None:
        """The newest frame not returned before, sent less than 20 ms ago; None if none comes in time."""
        deadline_ns = time.monotonic_ns() + int(timeout_ms * 1e6)
        while True:
            frames = self.recv_all((deadline_ns - time.monotonic_ns()) / 1e6)
            if frames and self._sent_within(frames[-1], messages.STALE_NS):
                return frames[-1]
            if time.monotonic_ns() >= deadline_ns:
                return None

    def recv_all(self, timeout_ms: float) -> list[ReceivedFrame]:
        """Every frame that waits, oldest first, stale or not; waits for one if there is none; empty if none comes."""
        deadline_ns = time.monotonic_ns() + int(timeout_ms * 1e6)
        while True:
            self._take_in()
            left_ns = deadline_ns - time.monotonic_ns()
            if self._unread or left_ns <= 0:
                frames = list(self._unread)
                self._unread.clear()
                return frames
            self._socket.poll(min(left_ns // 1_000_000 + 1, _LONGEST_WAIT_MS))

    def _connect(self, queue_frames: int) -> zmq.Socket[bytes]:
        socket = self._context.socket(zmq.SUB)
        socket.setsockopt(zmq.LINGER, 0)
        socket.setsockopt(zmq.RCVHWM, queue_frames)
        socket.setsockopt(zmq.RCVBUF, _RECEIVE_BUFFER_BYTES)
        socket.setsockopt(zmq.RECONNECT_IVL, _RECONNECT_MS)
        # Not ZMQ_HEARTBEAT_IVL: on a subscriber whose queue is full it aborts the process (libzmq issue 3937).
        endpoints.keep_alive(socket)
        if self._keys:
            curve.present(socket, self._keys)
        for topic in messages.TOPICS:
            socket.subscribe(topic)
        try:
            socket.connect(self.endpoint)
        except zmq.ZMQError as error:
            endpoints.close(socket, self._context)
            raise EndpointError(
                f"{self.endpoint}: {error.strerror}; write {DEFAULT_PUBLIC} or ipc:///path"
            ) from error
        return socket

    def _take_in(self) -> None:
        """Reads all that waits, and keeps count; connects anew where nothing has come for too long."""
        with contextlib.suppress(zmq.Again):
            while True:
                self._accept(self._socket.recv_multipart(zmq.NOBLOCK)[-1])
                self._heard_ns = time.monotonic_ns()
        if time.monotonic_ns() - self._heard_ns > SILENCE_NS and self.endpoint.startswith("tcp://"):
            self._heard_ns = time.monotonic_ns()
            self._socket.disconnect(self.endpoint)
            self._socket.connect(self.endpoint)

    def _accept(self, payload: bytes) -> None:
        receive_ns = time.monotonic_ns()
        try:
            message = messages.decode(payload)
            self._check_version(message)
            self._note_session(message["session"])
            if message["topic"] == messages.FRAME:
                self._note_frame(received(message, receive_ns))
            elif message["topic"] == messages.HELLO:
                self.hello = message
            elif message["topic"] == messages.STATUS:
                self.status = message
            elif message["topic"] == messages.EVENT:
                self.events.append(message)
        except (ValueError, KeyError, TypeError, AttributeError):
            self.malformed += 1

    def _check_version(self, message: dict[str, Any]) -> None:
        if message["v"] != messages.SCHEMA_VERSION:
            raise EndpointError(
                f"{self.endpoint}: the service speaks schema {message['v']}, this client {messages.SCHEMA_VERSION}; "
                "install the client that belongs to the service"
            )

    def _note_session(self, session: str) -> None:
        if session == self._session:
            return
        if self._session is not None:
            self.restarts += 1
            self.hello = self.status = None
        self._session = session
        self._publish_ns.clear()

    def _note_frame(self, frame: ReceivedFrame) -> None:
        before = self._newest
        if before is not None and before.session == frame.session:
            self.missed += max(0, frame.seq - before.seq - 1)
        if not self._same_clock:
            delay_ns = frame.receive_ns - frame.publish_ns
            self._clock_offset_ns = delay_ns if before is None else min(self._clock_offset_ns, delay_ns)
        self.frames += 1
        self._newest = frame
        self._unread.append(frame)
        self._publish_ns.append(frame.publish_ns)

    def _sent_within(self, frame: ReceivedFrame, limit_ns: int) -> bool:
        """False also for a frame from the future: then the clocks are not the same, and its age is not known."""
        age_ns = time.monotonic_ns() - frame.publish_ns - self._clock_offset_ns
        return 0 <= age_ns < limit_ns
