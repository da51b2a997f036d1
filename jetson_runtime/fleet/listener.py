"""A suit's stream as the bridge hears it, gathered into the batches of a second.

ZeroMQ's own thread receives, whatever this program is doing; it is asked ten times a second. What never came is known
by the frames' numbers, and told in the next batch.
"""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import Any

import zmq

from jetson_runtime.fleet import batches
from jetson_runtime.fleet.batches import Batch
from jetson_runtime.stream import curve, endpoints, messages
from jetson_runtime.suit.errors import EndpointError

# 100 s of everything may wait here while the disk does not answer.
_QUEUE_MESSAGES = 25_000
# So that no batch is near what a server takes (1 MB).
_FRAMES_AT_MOST = 400
_MESSAGES_AT_MOST = 20
_RECONNECT_MS = 50
# A tcp connection that is silent for so long may be half-open: made anew.
_SILENCE_S = 3.0
# While no suit is heard, a batch without a message tells so.
_SILENT_PERIOD_S = 10.0


class Listener:
    """`take` often, `batches` once a second, `close`; one thread.

    missed: numbers of frames that never came, the service's own gaps included; malformed: messages that are none.
    """

    def __init__(self, endpoint: str, key_file: Path | None = None) -> None:
        """EndpointError, KeyFileError: as FrameClient."""
        self.endpoint = endpoint
        self.missed = 0
        self.malformed = 0
        self._session = ""
        self._next_seq: int | None = None
        self._hello: dict[str, Any] = {}
        self._frames: list[dict[str, Any]] = []
        # The first number that did not come, and how many.
        self._missing: list[list[int]] = []
        self._told: dict[str, list[dict[str, Any]]] = {batches.STATUS: [], batches.EVENTS: []}
        self._ready: list[Batch] = []
        self._heard_s = self._silent_s = self._asked_s = time.monotonic()
        keys = curve.load_client(key_file) if key_file else None
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.SUB)
        self._socket.setsockopt(zmq.RCVHWM, _QUEUE_MESSAGES)
        self._socket.setsockopt(zmq.RECONNECT_IVL, _RECONNECT_MS)
        endpoints.keep_alive(self._socket)
        if keys:
            curve.present(self._socket, keys)
        for topic in messages.TOPICS:
            self._socket.subscribe(topic)
        try:
            self._socket.connect(endpoint)
        except zmq.ZMQError as error:
            self.close()
            raise EndpointError(
                f"{endpoint}: {error.strerror}; write tcp://HOST:PORT or ipc:///PATH"
            ) from error

    def close(self) -> None:
        endpoints.close(self._socket, self._context)

    def take(self) -> None:
        """All that waits."""
        now_s = time.monotonic()
        with contextlib.suppress(zmq.Again):
            while True:
                payload = self._socket.recv_multipart(zmq.NOBLOCK)[-1]
                self._heard_s = self._asked_s = now_s
                try:
                    self._accept(messages.decode(payload))
                except (ValueError, KeyError, TypeError):
                    self.malformed += 1
        if now_s - self._asked_s > _SILENCE_S and self.endpoint.startswith("tcp://"):
            self._asked_s = now_s
            self._socket.disconnect(self.endpoint)
            self._socket.connect(self.endpoint)

    def batches(self) -> list[Batch]:
        """Of what was taken since the last call: frames, then events, then status, of each session."""
        self._close_second()
        now_s = time.monotonic()
        if self._ready or now_s - self._heard_s < _SILENT_PERIOD_S:
            self._silent_s = now_s
        elif now_s - self._silent_s >= _SILENT_PERIOD_S:
            self._silent_s = now_s
            self._add(batches.of_messages(batches.STATUS, self._session, [], time.monotonic_ns()))
        ready, self._ready = self._ready, []
        return ready

    def _accept(self, message: dict[str, Any]) -> None:
        if message["v"] != messages.SCHEMA_VERSION:
            raise ValueError("another version of the stream")
        session, topic = message["session"], message["topic"]
        if session != self._session:
            self._close_second()
            self._session, self._next_seq, self._hello = session, None, {}
        if topic == messages.FRAME:
            seq = int(message["seq"])
            if self._next_seq is not None and seq != self._next_seq:
                self._missing.append([self._next_seq, seq - self._next_seq])
                self.missed += max(0, seq - self._next_seq)
            self._next_seq = seq + 1
            self._frames.append(message)
            if len(self._frames) >= _FRAMES_AT_MOST:
                self._close_frames()
        elif topic == messages.HELLO:
            self._hello = message
        else:
            self._told[batches.STATUS if topic == messages.STATUS else batches.EVENTS].append(message)

    def _close_second(self) -> None:
        self._close_frames()
        for kind in (batches.EVENTS, batches.STATUS):
            told, self._told[kind] = self._told[kind], []
            for first in range(0, len(told), _MESSAGES_AT_MOST):
                part = told[first : first + _MESSAGES_AT_MOST]
                self._add(batches.of_messages(kind, self._session, part, 0))

    def _close_frames(self) -> None:
        frames, self._frames = self._frames, []
        missing, self._missing = self._missing, []
        for batch in batches.of_frames(frames) if frames else ():
            inside = [gap for gap in missing if gap[0] <= batch["last"]]
            missing = missing[len(inside) :]
            self._add({**batch, "missing": inside})

    def _add(self, batch: Batch) -> None:
        """With what is known of the session."""
        hello = self._hello
        batch |= {name: hello.get(name) for name in ("utc_minus_monotonic_ns", "clock_synchronised")}
        batch |= {name: hello.get(name) for name in ("model", "body_mass_kg", "sides")}
        self._ready.append(batch)
