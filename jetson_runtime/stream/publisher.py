"""The publisher's thread: it alone touches ZeroMQ, so that no client can ever delay a tick.

The reactor hands frames over with `post`, which never blocks. `public` addresses carry topic and payload, `latest`
addresses the payload of frames alone (for clients that set CONFLATE), `control` addresses take commands (control.py),
`local` ones have all that a recorder needs (local.py).
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import zmq

from jetson_runtime.stream import endpoints, messages, outlet
from jetson_runtime.stream.control import Answer, ControlSocket, Refusal, Request, Submit
from jetson_runtime.stream.door import Door
from jetson_runtime.stream.frame_writer import FrameWriter
from jetson_runtime.stream.hand_over import HandOver
from jetson_runtime.stream.local import LocalStream
from jetson_runtime.stream.pressure import PressureTopic
from jetson_runtime.stream.tap import Tap
from jetson_runtime.stream.udp_outlet import UdpOutlet
from jetson_runtime.suit.config import Security
from jetson_runtime.suit.signals import RATE_HZ

if TYPE_CHECKING:
    from jetson_runtime.inference.frame import Frame
    from jetson_runtime.inference.live_angles import LiveAngles
    from jetson_runtime.suit.output import OutputTable

HELLO_PERIOD_NS = 1_000_000_000
# 15 s: longer than any command averages.
RECENT_FRAMES = 15 * RATE_HZ
# Behind a newer one a frame is not worth sending this long after its deadline.
STALE_AFTER_DEADLINE_NS = 12_000_000


class Publisher:
    """Owns the sockets of one session: `bind`, then `run` in its own thread until `stop`.

    post: reactor's thread. set_status, tell_event, stop: any thread. Counters to read from any thread: `sent`,
    `dropped`, `non_finite` and `last_publish_ns` (None before the first frame). addresses: each kind as bound, with the
    port that a wildcard was given.
    """

    def __init__(
        self,
        output: OutputTable,
        session: str,
        sides: tuple[str, ...],
        describe: Callable[[], Mapping[str, Any]],
        max_wait_ns: int,
        submit: Submit | None = None,
        angles: LiveAngles | None = None,
        facts: Callable[[], Mapping[str, Any]] = dict,
        security: Security | None = None,
    ) -> None:
        """`describe` gives what `hello` says (see `messages.describe`); it is asked each time one is sent.

        max_wait_ns: from a frame's grid time to its deadline; until then no frame is stale, whatever it waited for.
        submit: is given each request of the control socket that is not answered at once, and must not block.
        angles: makes `angle_imu` of each frame; None leaves it empty.
        facts: what a recorder is told of the session (`messages.encode_session`).
        security: who may connect; None: as an empty [security].
        """
        self._hand_over = HandOver(max_wait_ns + STALE_AFTER_DEADLINE_NS)
        self.post = self._hand_over.post
        self._call = self._hand_over.call
        self._output = output
        self.session = session
        self._describe = describe
        self._writer = FrameWriter(session, sides, angles)
        # For whoever averages over some seconds of them.
        self.recent: deque[Frame] = deque(maxlen=RECENT_FRAMES)
        self._submit = submit or _not_ready
        self._events: deque[tuple[bytes, Callable[[], None] | None]] = deque()
        self._new_status: deque[bytes] = deque(maxlen=1)
        self._last_status: bytes | None = None
        self._stopping = False
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.door = Door(self._context, security or Security())
        self._public: zmq.Socket[bytes] | None = None
        self._latest: zmq.Socket[bytes] | None = None
        self.tap = Tap()
        self.local = LocalStream(session, self.tap, facts)
        self._control: ControlSocket | None = None
        self._pressure = PressureTopic(session)
        self.udp = UdpOutlet(output.udp, session, sides)
        self.addresses: dict[str, list[str]] = {"public": [], "latest": [], "control": []}
        self.addresses["local"] = self.local.addresses
        self.sent = 0
        self.last_publish_ns: int | None = None

    @property
    def dropped(self) -> int:
        """Frames that found the queue full or grew stale in it."""
        return self._hand_over.dropped

    @property
    def non_finite(self) -> int:
        """Frames that claimed to be valid with a NaN or infinite value, and were sent as not valid."""
        return self._writer.non_finite

    @property
    def diverging(self) -> tuple[str, ...]:
        """The angles of the newest frame that the IMUs tell otherwise than the network."""
        return self._writer.diverging

    def bind(self) -> None:
        """Opens every address, all or none; raises EndpointError or KeyFileError that says what to do."""
        try:
            keys = self.door.open()
            self._public, self._latest = (outlet.open_outlet(self._context, self.door) for _ in range(2))
            router = self._context.socket(zmq.ROUTER)
            self._control = ControlSocket(router, self._submit, self._call, self.door.admits)
            self.door.watch(router)
            for name, socket, asked in (
                ("public", self._public, self._output.public),
                ("latest", self._latest, self._output.latest),
                ("control", router, self._output.control),
            ):
                for address in endpoints.bind_all(socket, asked, keys):
                    self.addresses[name].append(address)
            self.local.bind(self._context, self._output.local)
        except BaseException:
            self.close()
            raise

    def remember(self, frames: Sequence[Frame]) -> None:
        """Before `run`: frames that another publisher would have sent; what later ones tell may depend on them."""
        for frame in frames:
            self._writer.write(frame, 0)
        self.recent.extend(frames)

    def set_status(self, status: Mapping[str, Any]) -> None:
        """Sends `status` once now, and to each client that subscribes later. TypeError: not of plain types."""
        self._new_status.append(messages.encode_status(status, self.session, time.monotonic_ns()))
        self._call()

    def tell_event(
        self, kind: str, content: Mapping[str, Any], effect: Callable[[], None] | None = None
    ) -> None:
        """Sends an `event` to whoever has subscribed to them. TypeError: not of plain types.

        effect: called by this thread as it is sent: later frames are written with it, earlier ones were without.
        """
        payload = messages.encode_event(kind, content, self.session, time.monotonic_ns())
        self._events.append((payload, effect))
        self._call()

    def stop(self) -> None:
        """Makes `run` return."""
        self._stopping = True
        self._call()

    def run(self) -> None:
        """The thread's body: sends until `stop`, then closes the sockets and removes the ipc files."""
        public, latest, control = self._public, self._latest, self._control
        if public is None or latest is None or control is None:
            raise RuntimeError("bind() comes before run()")
        poller = zmq.Poller()
        wake = self._hand_over.fileno()
        poller.register(wake, zmq.POLLIN)
        poller.register(public, zmq.POLLIN)
        poller.register(control.socket, zmq.POLLIN)
        local = self.local
        if local.socket is not None:
            poller.register(local.socket, zmq.POLLIN)
        poller.register(latest, zmq.POLLIN)
        hello_ns = time.monotonic_ns()
        try:
            while not self._stopping:
                wait_ns = max(0, hello_ns - time.monotonic_ns())
                ready = dict(poller.poll(wait_ns // 1_000_000 + 1))
                if wake in ready:
                    self._hand_over.heard()
                    self._send_frames()
                    self._send_status()
                    self._send_events()
                    control.flush()
                    local.pump(time.monotonic_ns())
                    self._send_pressure()
                if control.socket in ready:
                    control.take()
                if local.socket in ready:
                    self._answer_recorders()
                if public in ready:
                    self._answer_subscriptions(public)
                if latest in ready:
                    outlet.subscriptions(latest, self.door)
                now_ns = time.monotonic_ns()
                if now_ns >= hello_ns:
                    hello_ns = now_ns + HELLO_PERIOD_NS
                    self._send_hello()
            local.pump(time.monotonic_ns(), all_of_it=True)
        finally:
            self.close()

    def close(self) -> None:
        """Closes what is open, ipc files included. Only where `run` was never started: it does this by itself."""
        self.door.stop()
        # The files first: once the sockets are closed, a file of that name is the next service's.
        for addresses in self.addresses.values():
            for address in addresses:
                endpoints.remove_file(address)
        control = self._control.socket if self._control else None
        for socket in (self._public, self._latest, control):
            if socket is not None:
                socket.close(linger=0)
        self.local.close()
        self.udp.close()
        self._public = self._latest = self._control = None
        self._context.term()

    def _send_frames(self) -> None:
        """Sends what waits, in order."""
        for frame, now_ns in self._hand_over.frames():
            payload = self._writer.write(frame, now_ns)
            self._send(messages.FRAME, payload)
            if self._latest is not None:
                self._latest.send(payload, zmq.NOBLOCK)
            self.local.add_frame(payload)
            self.udp.send(frame, now_ns, bool(self._writer.diverging))
            self.sent += 1
            self.last_publish_ns = now_ns
            self.recent.append(frame)

    def _send_status(self) -> None:
        if self._new_status:
            self._last_status = self._new_status.popleft()
            self._send(messages.STATUS, self._last_status)
            self.local.send(messages.STATUS, self._last_status)

    def _send_events(self) -> None:
        while self._events:
            event, effect = self._events.popleft()
            if effect is not None:
                effect()
            self._send(messages.EVENT, event)
            self.local.send(messages.EVENT, event)

    def _send_pressure(self) -> None:
        newest = self.recent[-1] if self.recent else None
        if payload := self._pressure.next(newest, time.monotonic_ns()):
            self._send(messages.PRESSURE, payload)

    def _send_hello(self) -> None:
        payload = messages.encode_hello(self._describe(), self.session, time.monotonic_ns())
        self._send(messages.HELLO, payload)
        self.local.send(messages.HELLO, payload)

    def _answer_recorders(self) -> None:
        """Who comes gets `session`, `hello` and the last `status` at once."""
        wanted = self.local.listen()
        if messages.HELLO in wanted:
            self._send_hello()
        if messages.STATUS in wanted and self._last_status is not None:
            self.local.send(messages.STATUS, self._last_status)

    def _answer_subscriptions(self, public: zmq.Socket[bytes]) -> None:
        """New subscribers get `hello` and the last `status` at once; everybody else gets them once more."""
        asked, ended = outlet.subscriptions(public, self.door)
        self._pressure.heed(asked, ended)
        wanted = {topic for topic in messages.TOPICS for prefix in asked if topic.encode().startswith(prefix)}
        if messages.HELLO in wanted:
            self._send_hello()
        if messages.STATUS in wanted and self._last_status is not None:
            self._send(messages.STATUS, self._last_status)

    def _send(self, topic: str, payload: bytes) -> None:
        if self._public is not None:
            self._public.send_multipart((topic.encode(), payload), zmq.NOBLOCK)


def _not_ready(request: Request, answer: Answer) -> None:
    raise Refusal(messages.ControlCode.NOT_READY, "the service takes no commands yet", "try again")
