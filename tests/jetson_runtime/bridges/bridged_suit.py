"""For tests of the bridges: an emulated suit, its service, and bridges as processes of their own."""

from __future__ import annotations

import math
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgpack
import zmq
from logged_process import SECOND_SKIN, LoggedProcess
from worn_suit import ServiceProcess, WornSuit, until

from drivers.emulator.bench import Bench
from jetson_runtime.stream.control_client import ControlClient

PATIENCE_S = 180.0


class BridgedSuit:
    """The suit and its service; `state` is kept beside the config."""

    def __init__(self, folder: Path, bench: Bench) -> None:
        self.folder = folder
        self.worn = WornSuit(folder, bench)
        self.config = self.worn.write_config()
        self.config.write_text(self.config.read_text().replace('engine = "numpy"', 'engine = "auto"'))
        self.start_service()

    @property
    def endpoint(self) -> str:
        return self.worn.endpoint

    def start_service(self) -> None:
        self.service = ServiceProcess(self.config, self.endpoint)

    def runs(self) -> bool:
        return self.service.state() == "running"

    def valid(self) -> bool:
        self.service.client.recv_all(0)
        return self.service.client.valid

    def ask(self, op: str, **arguments: Any) -> dict[str, Any]:
        with ControlClient(self.worn.control) as control:
            return control.ask(op, **arguments)

    def bridge(self, *words: str) -> LoggedProcess:
        """`second-skin bridge` with these words and the service's address."""
        return LoggedProcess(self.folder, *SECOND_SKIN, "bridge", *words, "--endpoint", self.endpoint)


class Tap:
    """Every message of some topics, as it was sent, from now on; its payloads too."""

    def __init__(self, endpoint: str, *topics: str) -> None:
        self.messages: list[dict[str, Any]] = []
        self.payloads: list[bytes] = []
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(endpoint, topics))
        self._thread.start()

    def __enter__(self) -> Tap:
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join()

    def of(self, topic: str) -> list[dict[str, Any]]:
        return [message for message in list(self.messages) if message["topic"] == topic]

    def _run(self, endpoint: str, topics: tuple[str, ...]) -> None:
        with zmq.Context() as context, context.socket(zmq.SUB) as sub:
            sub.setsockopt(zmq.LINGER, 0)
            sub.setsockopt(zmq.RCVHWM, 0)
            for topic in topics:
                sub.subscribe(topic)
            sub.connect(endpoint)
            while not self._ending.is_set():
                if sub.poll(50):
                    payload = sub.recv_multipart()[-1]
                    self.payloads.append(payload)
                    self.messages.append(msgpack.unpackb(payload))


@contextmanager
def bridged(folder: Path) -> Iterator[BridgedSuit]:
    """A suit whose frames are valid."""
    with Bench() as bench:
        suit = BridgedSuit(folder, bench)
        try:
            assert until(suit.valid, PATIENCE_S), suit.service.log
            yield suit
        finally:
            suit.service.stop()


def same(one: float, other: float) -> bool:
    """Equal to the last bit, or both no number."""
    return one == other or (math.isnan(one) and math.isnan(other))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def passed(seconds: float) -> None:
    """Lets the stream go on for a while."""
    time.sleep(seconds)
