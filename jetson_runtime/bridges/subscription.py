"""A subscription to a service's stream: whole messages as maps, every one that comes, in order."""

from __future__ import annotations

import contextlib
import logging
import time
import weakref
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import zmq

from jetson_runtime.stream import curve, endpoints, messages
from jetson_runtime.suit.addresses import DEFAULT_PUBLIC
from jetson_runtime.suit.errors import EndpointError

# 10 s: what a bridge hands on may be late, but nothing of it should be lost.
_QUEUE_MESSAGES = 2000
_RECONNECT_MS = 50
# As of FrameClient: behind a lost cable or Wi-Fi a connection may stay half-open for minutes.
_SILENCE_S = 1.0
# Until it is said that nobody has been heard at all.
_PATIENCE_S = 3.0

_log = logging.getLogger("second-skin-bridge")


class Subscription:
    """To one service; reconnects by itself. For one thread. `malformed`: messages that were ignored."""

    def __init__(self, endpoint: str, topics: Iterable[str], key_file: Path | None = None) -> None:
        """Connects in the background. EndpointError: no such kind of address. KeyFileError: as of FrameClient."""
        self.malformed = 0
        self._endpoint = endpoint
        self._optional: set[str] = set()
        keys = curve.load_client(key_file) if key_file else None
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = context.socket(zmq.SUB)
        self._finalizer = weakref.finalize(self, endpoints.close, self._socket, context)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.RCVHWM, _QUEUE_MESSAGES)
        self._socket.setsockopt(zmq.RECONNECT_IVL, _RECONNECT_MS)
        endpoints.keep_alive(self._socket)
        if keys:
            curve.present(self._socket, keys)
        for topic in topics:
            self._socket.subscribe(topic)
        try:
            self._socket.connect(endpoint)
        except zmq.ZMQError as error:
            self.close()
            raise EndpointError(
                f"{endpoint}: {error.strerror}; write {DEFAULT_PUBLIC} or ipc:///path"
            ) from error
        self._heard_s = time.monotonic()
        self._unheard_s: float | None = self._heard_s + _PATIENCE_S

    def __enter__(self) -> Subscription:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the subscription."""
        self._finalizer()

    def want(self, topic: str, wanted: bool) -> None:
        """Whether a topic beside those of the beginning is to come; as often as one likes."""
        if wanted and topic not in self._optional:
            self._optional.add(topic)
            self._socket.subscribe(topic)
        elif not wanted and topic in self._optional:
            self._optional.discard(topic)
            self._socket.unsubscribe(topic)

    def recv(self, timeout_s: float) -> list[dict[str, Any]]:
        """All that waits, oldest first; waits for the first. EndpointError: another version of the schema."""
        found = []
        if self._socket.poll(int(timeout_s * 1000)):
            with contextlib.suppress(zmq.Again):
                while True:
                    payload = self._socket.recv_multipart(zmq.NOBLOCK)[-1]
                    try:
                        found.append(self._read(payload))
                    except ValueError:
                        self.malformed += 1
            self._heard_s = time.monotonic()
            self._unheard_s = None
        elif self._unheard_s is not None and time.monotonic() > self._unheard_s:
            self._unheard_s = None
            _log.warning("%s: nothing is heard there yet: is the service running? waiting", self._endpoint)
        elif time.monotonic() - self._heard_s > _SILENCE_S and self._endpoint.startswith("tcp://"):
            self._heard_s = time.monotonic()
            self._socket.disconnect(self._endpoint)
            self._socket.connect(self._endpoint)
        return found

    def _read(self, payload: bytes) -> dict[str, Any]:
        message = messages.decode(payload)
        if message["v"] != messages.SCHEMA_VERSION:
            raise EndpointError(
                f"{self._endpoint}: the service speaks schema {message['v']}, this bridge "
                f"{messages.SCHEMA_VERSION}; install the version that belongs to the service"
            )
        return message
