"""A stream whose every frame the test decides, on the wire: 200 a second, each with the time of its sending."""

from __future__ import annotations

import threading
import time
from typing import Any

import msgpack
import zmq
from test_cpp_messages import message

from jetson_runtime.stream import messages
from jetson_runtime.suit.signals import PERIOD_NS

MOMENT = "ankle_angle_r_moment"


class ScriptedStream:
    """A moment of 1 Nm/kg that may be acted on, of 70 kg, until `tell` says otherwise of the frames that follow."""

    def __init__(self) -> None:
        self._changes: dict[str, Any] = {"moment": {MOMENT: 1.0}, "moment_valid": True}
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.XPUB)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.bind("tcp://127.0.0.1:*")
        self.endpoint = self._socket.getsockopt_string(zmq.LAST_ENDPOINT)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._send)
        self._thread.start()

    def tell(self, **changes: Any) -> None:
        self._changes = self._changes | changes

    def close(self) -> None:
        self._ending.set()
        self._thread.join()
        self._socket.close()
        self._context.term()

    def _send(self) -> None:
        begin_ns, seq = time.monotonic_ns(), 0
        hello = {"topic": "hello", "v": messages.SCHEMA_VERSION, "session": "3f9a2c11", "body_mass_kg": 70.0}
        while not self._ending.wait(max(0.0, (begin_ns + seq * PERIOD_NS - time.monotonic_ns()) * 1e-9)):
            if seq % 50 == 0:
                self._socket.send_multipart([b"hello", msgpack.packb(hello)])
            self._socket.send_multipart([b"frame", message(seq, time.monotonic_ns(), **self._changes)])
            seq += 1
