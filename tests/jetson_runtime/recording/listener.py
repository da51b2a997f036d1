"""Everything that a service says on its local address, as a recorder would hear it."""

from __future__ import annotations

import threading
from typing import Any

import zmq

from jetson_runtime.stream import messages


class Listener:
    """Takes in all topics from when it is made; `close` ends it. messages: payloads by topic, in order."""

    def __init__(self, endpoint: str, topics: tuple[str, ...] = messages.LOCAL_TOPICS) -> None:
        self.payloads: dict[str, list[bytes]] = {topic: [] for topic in messages.LOCAL_TOPICS}
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.SUB)
        self._socket.setsockopt(zmq.RCVHWM, 0)
        for topic in topics:
            self._socket.subscribe(topic)
        self._socket.connect(endpoint)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def close(self) -> None:
        self._ending.set()
        self._thread.join()
        self._socket.close(linger=0)
        self._context.term()

    def decoded(self, topic: str) -> list[dict[str, Any]]:
        return [messages.decode(payload) for payload in list(self.payloads[topic])]

    def events(self) -> list[list[Any]]:
        """All events of `raw`, one after the other."""
        return [event for message in self.decoded(messages.RAW) for event in message["events"]]

    def _run(self) -> None:
        while not self._ending.is_set():
            if self._socket.poll(50):
                topic, payload = self._socket.recv_multipart()
                self.payloads[topic.decode()].append(payload)
