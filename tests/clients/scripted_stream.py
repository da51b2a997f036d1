"""A suit whose every frame the test decides, on the wire: 200 a second, each with the time of its sending, and the
answers to `ping` by the same clock."""

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
    """A moment of 1 Nm/kg that may be acted on, of 70 kg, until `tell` says otherwise of the frames that follow.
    ahead_ns: its clock minus that of this machine. mass_kg: of the next `hello`."""

    def __init__(self) -> None:
        self.ahead_ns = 0
        self.mass_kg = 70.0
        self._changes: dict[str, Any] = {"moment": {MOMENT: 1.0}, "moment_valid": True}
        self._context = zmq.Context()
        self._socket, self.endpoint = self._bound(zmq.XPUB)
        self._orders, self.control = self._bound(zmq.ROUTER)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._send)
        self._thread.start()

    def tell(self, **changes: Any) -> None:
        self._changes = self._changes | changes

    def close(self) -> None:
        self._ending.set()
        self._thread.join()
        self._socket.close()
        self._orders.close()
        self._context.term()

    def _bound(self, kind: int) -> tuple[zmq.Socket[bytes], str]:
        socket = self._context.socket(kind)
        socket.setsockopt(zmq.LINGER, 0)
        socket.bind("tcp://127.0.0.1:*")
        return socket, socket.getsockopt_string(zmq.LAST_ENDPOINT)

    def _now_ns(self) -> int:
        return time.monotonic_ns() + self.ahead_ns

    def _send(self) -> None:
        begin_ns, seq = time.monotonic_ns(), 0
        hello = {"topic": "hello", "v": messages.SCHEMA_VERSION, "session": "3f9a2c11"}
        while not self._ending.is_set():
            left_ms = (begin_ns + seq * PERIOD_NS - time.monotonic_ns()) // 1_000_000
            if left_ms > 0:
                if self._orders.poll(left_ms):
                    self._answer()
                continue
            if seq % 50 == 0:
                self._socket.send_multipart([b"hello", msgpack.packb(hello | {"body_mass_kg": self.mass_kg})])
            self._socket.send_multipart([b"frame", message(seq, self._now_ns(), **self._changes)])
            seq += 1

    def _answer(self) -> None:
        who, request = self._orders.recv_multipart()
        asked = msgpack.unpackb(request)
        times = {"client_ns": asked["client_ns"], "receive_ns": self._now_ns(), "reply_ns": self._now_ns()}
        reply = {"op": "ping", "id": asked.get("id"), "ok": True, "result": times}
        self._orders.send_multipart([who, msgpack.packb(reply)])
