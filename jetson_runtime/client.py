"""What a Python client of the stream imports. Needs pyzmq and msgpack alone.

    from jetson_runtime.client import FrameClient

    with FrameClient() as client:
        while True:                              # at the controller's own rate
            frame = client.value(max_age_ms=20)
            if frame is None or not frame.moment_valid:
                ramp_torque_down()               # nothing that may be acted on: the consumer must act by itself
            else:
                control(frame.angle["knee_angle_r"], frame.moment["knee_angle_r_moment"])
            wait_for_the_next_cycle()

`value` looks and returns at once; `recv` waits for the next frame; `recv_async` and `async for frame in client` do so
in asyncio. None of them ever returns a stale frame: what piled up while the caller was busy is read and dropped.
"""

from __future__ import annotations

import time
from collections import deque
from pathlib import Path
from typing import Any

from jetson_runtime.client_async import Readiness
from jetson_runtime.stream import messages
from jetson_runtime.stream.clock import Offset, ServiceClock
from jetson_runtime.stream.liveness import ALIVE_NS, ALIVE_PERIODS, RATE_TOLERANCE, RATE_WINDOW, Liveness
from jetson_runtime.stream.received import Ground, ReceivedFrame, received
from jetson_runtime.stream.smoothing import Smoothing
from jetson_runtime.stream.subscription import Subscription
from jetson_runtime.suit.addresses import DEFAULT_PUBLIC
from jetson_runtime.suit.errors import EndpointError, NoValue

__all__ = [
    "ALIVE_PERIODS",
    "RATE_TOLERANCE",
    "RATE_WINDOW",
    "FrameClient",
    "Ground",
    "NoValue",
    "ReceivedFrame",
    "Smoothing",
]

# What happened lately, for who asks: marks, tares, pulses of the sync line.
_KEPT_EVENTS = 256
# 0.25 s: a controller drops older ones anyway.
QUEUE_FRAMES = 50
_FOR_EVER_NS = 1 << 62


class FrameClient:
    """A subscription to one service; reconnects by itself. Not for use from several threads or tasks at once.

    `alive`: the newest frame was sent and read less than 10 periods ago, on this client's own clock. `rate_ok`:
    alive, and the last half second came at 200 Hz within 10 %. `valid`: alive, and the service vouches for the
    newest frame. These, `value` and `latest` first take in what waits, without blocking.

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
        control: str | None = None,
        smoothing: Smoothing | None = None,
    ) -> None:
        """Connects (in the background: no service need be there yet). EndpointError: no such kind of address.

        key_file: what `second-skin keys add` made for this client; an address of another machine needs it.
        KeyFileError: it cannot be read, or others can read it.
        queue_frames: how many frames ZeroMQ keeps for `recv_all`. same_clock: False where the service runs on
        another machine (through a tunnel, say). control: that service's control address, which is then asked for its
        time; a frame is taken to be as old as it can be by that. Without it ages are counted from the fastest frame
        seen, whatever that one took: good for who shows, not for who controls. smoothing: of this client alone; takes
        in every frame that comes, so that angle, moment and velocity of those that are returned are smooth, and later.
        """
        self.endpoint = endpoint
        self.hello: dict[str, Any] | None = None
        self.status: dict[str, Any] | None = None
        self.events: deque[dict[str, Any]] = deque(maxlen=_KEPT_EVENTS)
        self.frames = 0
        self.missed = 0
        self.malformed = 0
        self.restarts = 0
        self._unread: deque[ReceivedFrame] = deque(maxlen=4 * queue_frames)
        self._session: str | None = None
        clock = None if same_clock else ServiceClock()
        self._liveness = Liveness(clock)
        self._clock_by_frames = clock if control is None else None
        self._subscription = Subscription(
            endpoint,
            messages.TOPICS,
            queue_frames,
            key_file=key_file,
            control=None if same_clock else control,
            clock=clock,
        )
        self._readiness: Readiness | None = None
        self._smoothing = smoothing

    def __enter__(self) -> FrameClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the subscription, and an `async for` over it."""
        if self._readiness is not None:
            self._readiness.end()
        self._subscription.close()

    @property
    def alive(self) -> bool:
        self._take_in()
        return self._liveness.alive

    @property
    def rate_ok(self) -> bool:
        return self.alive and self._liveness.at_rate

    @property
    def rate_hz(self) -> float:
        """Frames a second over the last half second of frames; NaN before that many came."""
        self._take_in()
        return self._liveness.rate_hz

    @property
    def valid(self) -> bool:
        alive, newest = self.alive, self._liveness.newest
        return alive and newest is not None and newest.valid

    @property
    def latest(self) -> ReceivedFrame | None:
        """The newest frame that came, however old (see `alive`); None before the first."""
        self._take_in()
        return self._liveness.newest

    @property
    def session(self) -> str | None:
        """The service's session id, random at each of its starts; None before anything came."""
        return self._session

    @property
    def clock(self) -> Offset | None:
        """What to add to the service's times to have this machine's, and how far off that may be; None: not known."""
        self._take_in()
        return self._liveness.offset

    def value(self, max_age_ms: float, *, strict: bool = False) -> ReceivedFrame | None:
        """The newest frame if it may be acted on: sent less than `max_age_ms` ago, at most 50 ms after its instant
        (`age_ms`), alive, rate_ok, valid; else None.

        It may be asked for as often as wanted. strict: raises NoValue, which says why, instead of returning None.
        Moments count only where its `moment_valid` does as well. max_age_ms: more than 50 counts as 50. ValueError: it
        is no number.
        """
        try:
            limit_ns = int(min(max_age_ms * 1e6, ALIVE_NS))
        except (TypeError, ValueError, OverflowError):
            raise ValueError(f"max_age_ms: a number of milliseconds, not {max_age_ms!r}") from None
        self._take_in()
        if self._liveness.usable(limit_ns):
            return self._liveness.newest
        if strict:
            raise NoValue(self._liveness.why_not(limit_ns))
        return None

    def recv(self, timeout_ms: float) -> ReceivedFrame | None:
        """The newest frame not returned before, sent less than 20 ms ago; None if none comes in time."""
        deadline_ns = time.monotonic_ns() + int(timeout_ms * 1e6)
        while True:
            frame = self._unread_and_fresh()
            left_ns = deadline_ns - time.monotonic_ns()
            if frame is not None or left_ns <= 0:
                return frame
            self._subscription.wait(left_ns)

    async def recv_async(self, timeout_ms: float | None = None) -> ReceivedFrame | None:
        """As `recv`, while other tasks go on; without a limit it waits until a frame comes, or None once closed."""
        limit_ns = _FOR_EVER_NS if timeout_ms is None else int(timeout_ms * 1e6)
        deadline_ns = time.monotonic_ns() + limit_ns
        if self._readiness is None:
            self._readiness = Readiness(self._subscription.sockets)
        while not self._subscription.closed:
            frame = self._unread_and_fresh()
            left_ns = deadline_ns - time.monotonic_ns()
            if frame is not None or left_ns <= 0:
                return frame
            await self._readiness.wait(min(left_ns * 1e-9, self._subscription.wait_ms(left_ns) * 1e-3))
        return None

    def __aiter__(self) -> FrameClient:
        return self

    async def __anext__(self) -> ReceivedFrame:
        """The next fresh frame, however long it takes; ends once the client is closed."""
        frame = await self.recv_async()
        if frame is None:
            raise StopAsyncIteration
        return frame

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
            self._subscription.wait(left_ns)

    def _unread_and_fresh(self) -> ReceivedFrame | None:
        self._take_in()
        if not self._unread:
            return None
        newest = self._unread[-1]
        self._unread.clear()
        return newest if self._liveness.sent_within(newest, messages.STALE_NS) else None

    def _take_in(self) -> None:
        """Reads all that waits, and keeps count."""
        for payload in self._subscription.payloads():
            self._accept(payload)

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
            self._subscription.begin_anew()
            self._liveness.begin_session()
        self._session = session

    def _note_frame(self, frame: ReceivedFrame) -> None:
        before = self._liveness.newest
        if before is not None and before.session == frame.session:
            self.missed += max(0, frame.seq - before.seq - 1)
        if self._clock_by_frames is not None:
            self._clock_by_frames.note_frame(frame.publish_ns, frame.receive_ns)
        if self._smoothing is not None:
            frame = self._smoothing.update(frame)
        self.frames += 1
        self._liveness.note(frame)
        self._unread.append(frame)
