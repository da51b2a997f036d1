"""The publisher's thread: it alone touches ZeroMQ, so that no client can ever delay a tick.

The reactor hands frames over with `post`, which never blocks. `public` addresses carry topic and payload, `latest`
addresses the payload of frames alone (for clients that set CONFLATE).
"""

from __future__ import annotations

import contextlib
import os
import time
import weakref
from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import zmq

from jetson_runtime.stream import endpoints, messages

if TYPE_CHECKING:
    from jetson_runtime.inference.frame import Frame
    from jetson_runtime.suit.config import OutputTable

HELLO_PERIOD_NS = 1_000_000_000
# Frames that may wait between the reactor and this thread, and between this thread and one slow client.
QUEUE_FRAMES = 32
CLIENT_QUEUE_FRAMES = 20
# A kernel's default of megabytes would hold seconds of frames for a client that reads too slowly.
SEND_BUFFER_BYTES = 16_384
# A subscription is a topic's name; anything longer is no client of ours.
INCOMING_LIMIT_BYTES = 256
# Subscriptions handled between two looks at the frames, so that a flood of them delays none.
SUBSCRIPTIONS_AT_ONCE = 32
# Behind a newer one a frame is not worth sending this long after its deadline.
STALE_AFTER_DEADLINE_NS = 12_000_000


class Publisher:
    """Owns the sockets of one session: `bind`, then `run` in its own thread until `stop`.

    post: reactor's thread. set_status, stop: any thread. Counters to read from any thread: `sent`, `dropped`,
    `non_finite` and `last_publish_ns` (None before the first frame).
    """

    def __init__(
        self,
        output: OutputTable,
        session: str,
        sides: tuple[str, ...],
        describe: Callable[[], Mapping[str, Any]],
        max_wait_ns: int,
    ) -> None:
        """`describe` gives what `hello` says (see `messages.describe`); it is asked each time one is sent.

        max_wait_ns: from a frame's grid time to its deadline; until then no frame is stale, whatever it waited for.
        """
        self._stale_ns = max_wait_ns + STALE_AFTER_DEADLINE_NS
        self._output = output
        self._session = session
        self._describe = describe
        self._encoder = messages.FrameEncoder(session, sides)
        self._frames: deque[Frame] = deque(maxlen=QUEUE_FRAMES)
        self._new_status: deque[bytes] = deque(maxlen=1)
        self._last_status: bytes | None = None
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        # Not in close(): a late post() must never write into a descriptor that has become another file's.
        weakref.finalize(self, os.close, self._wake)
        self._stopping = False
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._public: zmq.Socket[bytes] | None = None
        self._latest: zmq.Socket[bytes] | None = None
        self._addresses: dict[str, list[str]] = {"public": [], "latest": []}
        self.sent = 0
        # One for each thread that counts: an increment is no single step.
        self._dropped_at_post = 0
        self._dropped_as_stale = 0
        self.last_publish_ns: int | None = None

    @property
    def dropped(self) -> int:
        """Frames that found the queue full or grew stale in it."""
        return self._dropped_at_post + self._dropped_as_stale

    @property
    def non_finite(self) -> int:
        """Frames that claimed to be valid with a NaN or infinite value, and were sent as not valid."""
        return self._encoder.non_finite

    @property
    def addresses(self) -> dict[str, list[str]]:
        """`public` and `latest` as bound, with the port that a wildcard was given."""
        return self._addresses

    def bind(self) -> None:
        """Opens every address; raises EndpointError that names the address and what to do. Binds all or none."""
        try:
            self._public = self._socket(zmq.XPUB)
            self._public.setsockopt(zmq.XPUB_VERBOSE, 1)
            self._latest = self._socket(zmq.PUB)
            for address in self._output.public:
                self._addresses["public"].append(endpoints.bind(self._public, address))
            for address in self._output.latest:
                self._addresses["latest"].append(endpoints.bind(self._latest, address))
        except BaseException:
            self.close()
            raise

    def post(self, frame: Frame) -> None:
        """Hands `frame` over; never blocks. With a full queue the oldest frame in it is dropped."""
        frames = self._frames
        if len(frames) == QUEUE_FRAMES:
            self._dropped_at_post += 1
        frames.append(frame)
        os.eventfd_write(self._wake, 1)

    def set_status(self, status: Mapping[str, Any]) -> None:
        """Sends `status` once now, and to each client that subscribes later. TypeError: not of plain types."""
        self._new_status.append(messages.encode_status(status, self._session, time.monotonic_ns()))
        os.eventfd_write(self._wake, 1)

    def stop(self) -> None:
        """Makes `run` return."""
        self._stopping = True
        os.eventfd_write(self._wake, 1)

    def run(self) -> None:
        """The thread's body: sends until `stop`, then closes the sockets and removes the ipc files."""
        public = self._public
        if public is None:
            raise RuntimeError("bind() comes before run()")
        poller = zmq.Poller()
        poller.register(self._wake, zmq.POLLIN)
        poller.register(public, zmq.POLLIN)
        hello_ns = time.monotonic_ns()
        try:
            while not self._stopping:
                wait_ns = max(0, hello_ns - time.monotonic_ns())
                ready = dict(poller.poll(wait_ns // 1_000_000 + 1))
                if self._wake in ready:
                    os.eventfd_read(self._wake)
                    self._send_frames()
                    self._send_status()
                if public in ready:
                    self._answer_subscriptions(public)
                now_ns = time.monotonic_ns()
                if now_ns >= hello_ns:
                    hello_ns = now_ns + HELLO_PERIOD_NS
                    self._send_hello()
        finally:
            self.close()

    def close(self) -> None:
        """Closes what is open, ipc files included. Only where `run` was never started: it does this by itself."""
        # The files first: once the sockets are closed, a file of that name is the next service's.
        for address in (*self._addresses["public"], *self._addresses["latest"]):
            endpoints.remove_file(address)
        for socket in (self._public, self._latest):
            if socket is not None:
                socket.close(linger=0)
        self._public = self._latest = None
        self._context.term()

    def _socket(self, kind: int) -> zmq.Socket[bytes]:
        socket = self._context.socket(kind)
        socket.setsockopt(zmq.LINGER, 0)
        socket.setsockopt(zmq.SNDHWM, CLIENT_QUEUE_FRAMES)
        socket.setsockopt(zmq.SNDBUF, SEND_BUFFER_BYTES)
        socket.setsockopt(zmq.MAXMSGSIZE, INCOMING_LIMIT_BYTES)
        # Not ZMQ_HEARTBEAT_IVL: libzmq aborts a client that finds its connection closed and a ping behind a full
        # queue (a stall of 0.7 s killed 6 of 8). 200 frames a second are heartbeat enough.
        endpoints.keep_alive(socket)
        return socket

    def _send_frames(self) -> None:
        """Sends what waits, in order; behind a newer frame a stale one is dropped."""
        frames = self._frames
        while frames:
            frame = frames.popleft()
            now_ns = time.monotonic_ns()
            if frames and now_ns - frame.t_ns > self._stale_ns:
                self._dropped_as_stale += 1
                continue
            payload = self._encoder.encode(frame, now_ns)
            self._send(messages.FRAME, payload)
            if self._latest is not None:
                self._latest.send(payload, zmq.NOBLOCK)
            self.sent += 1
            self.last_publish_ns = now_ns

    def _send_status(self) -> None:
        if self._new_status:
            self._last_status = self._new_status.popleft()
            self._send(messages.STATUS, self._last_status)

    def _send_hello(self) -> None:
        payload = messages.encode_hello(self._describe(), self._session, time.monotonic_ns())
        self._send(messages.HELLO, payload)

    def _answer_subscriptions(self, public: zmq.Socket[bytes]) -> None:
        """New subscribers get `hello` and the last `status` at once; everybody else gets them once more."""
        wanted = set()
        with contextlib.suppress(zmq.Again):
            for _ in range(SUBSCRIPTIONS_AT_ONCE):
                message = public.recv(zmq.NOBLOCK)
                if message[:1] == b"\x01":
                    wanted |= {t for t in messages.TOPICS if t.encode().startswith(message[1:])}
        if messages.HELLO in wanted:
            self._send_hello()
        if messages.STATUS in wanted and self._last_status is not None:
            self._send(messages.STATUS, self._last_status)

    def _send(self, topic: str, payload: bytes) -> None:
        if self._public is not None:
            self._public.send_multipart((topic.encode(), payload), zmq.NOBLOCK)
