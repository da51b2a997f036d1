"""The stream as the page takes it in: a thread that listens while somebody looks at the page, and is a client like any.

Twenty times a second it hands on what has come. While nobody looks it is connected to nothing.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import zmq

from jetson_runtime.client import FrameClient, ReceivedFrame
from jetson_runtime.dashboard.view import SILENCE_S
from jetson_runtime.stream import messages
from jetson_runtime.suit.errors import EndpointError

PERIOD_S = 0.05
# Of maps: what is older is not shown.
_QUEUE_MAPS = 20


@dataclass(frozen=True)
class Heard:
    """What came since the last one, and the newest of each kind. silent_s: how long nothing has come; None: it comes.

    trouble: why nothing can be understood, '' where it can.
    """

    frames: tuple[ReceivedFrame, ...] = ()
    newest: ReceivedFrame | None = None
    hello: dict[str, Any] | None = None
    status: dict[str, Any] | None = None
    pressure: dict[str, Any] | None = None
    events: tuple[dict[str, Any], ...] = ()
    silent_s: float | None = 0.0
    trouble: str = ""


class Feed:
    """`start`, then `watch` as often as one likes, at last `stop`; from any thread. Each Heard goes to `tell`."""

    def __init__(self, endpoint: str, tell: Callable[[Heard], None]) -> None:
        """endpoint: a public address of this machine. tell: called by this one's thread, and must not block."""
        self._endpoint = endpoint
        self._tell = tell
        self._watched = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="feed", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def watch(self, watched: bool) -> None:
        """Whether somebody looks."""
        if watched:
            self._watched.set()
        else:
            self._watched.clear()

    def stop(self) -> None:
        self._stopping = True
        self._watched.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping:
            self._watched.wait()
            trouble = ""
            try:
                with FrameClient(self._endpoint) as client, _Side(self._endpoint) as side:
                    self._listen(client, side)
            except EndpointError as error:  # the service speaks another version of the schema
                trouble = str(error)
            if trouble and not self._stopping:
                self._tell(Heard(trouble=trouble))
                time.sleep(1.0)

    def _listen(self, client: FrameClient, side: _Side) -> None:
        since_s = next_s = time.monotonic()
        while self._watched.is_set() and not self._stopping:
            frames = client.recv_all(0)
            side.take()
            events = tuple(client.events)
            client.events.clear()
            newest = client.latest
            if newest is not None and newest.session != client.session:
                newest = None
            silent_s = _silence_s(newest, since_s)
            self._tell(
                Heard(
                    frames=tuple(frames),
                    newest=newest,
                    hello=client.hello,
                    status=client.status,
                    pressure=side.pressure if silent_s is None else None,
                    events=events,
                    silent_s=silent_s,
                )
            )
            next_s = max(next_s + PERIOD_S, time.monotonic())
            time.sleep(max(0.0, next_s - time.monotonic()))


class _Side:
    """What FrameClient leaves to others: `pressure`, the newest map."""

    def __init__(self, endpoint: str) -> None:
        self.pressure: dict[str, Any] | None = None
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.SUB)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.RCVHWM, _QUEUE_MAPS)
        self._socket.subscribe(messages.PRESSURE)
        self._socket.connect(endpoint)

    def __enter__(self) -> _Side:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close(linger=0)
        self._context.term()

    def take(self) -> None:
        """The maps that have come."""
        with contextlib.suppress(zmq.Again):
            while True:
                payload = self._socket.recv_multipart(zmq.NOBLOCK)[-1]
                with contextlib.suppress(ValueError):
                    self.pressure = messages.decode(payload)


def _silence_s(newest: ReceivedFrame | None, since_s: float) -> float | None:
    """By when the newest frame was sent, on the clock that both share; since_s: since when has been listened."""
    heard_s = since_s if newest is None else newest.publish_ns * 1e-9
    silent_s = time.monotonic() - heard_s
    return silent_s if newest is None or silent_s > SILENCE_S else None
