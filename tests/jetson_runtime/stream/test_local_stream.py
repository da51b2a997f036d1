"""What a recorder tells of itself on the local address goes on into the status: only what is plain is taken."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import msgpack
import pytest
import zmq

from jetson_runtime.stream.local import REPORT, LocalStream
from jetson_runtime.stream.tap import Tap


class Line:
    """A local address and a recorder at it."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], folder: Path) -> None:
        self.tap = Tap()
        self.stream = LocalStream("session", self.tap, dict)
        self.stream.bind(context, (f"ipc://{folder}/local",))
        self.recorder = context.socket(zmq.XSUB)
        self.recorder.connect(self.stream.addresses[0])

    def tell(self, payload: bytes) -> None:
        """Returns when it was heard."""
        self.recorder.send(REPORT + payload)
        assert self.stream.socket is not None
        assert self.stream.socket.poll(5_000)
        self.stream.listen()

    def ask(self, prefix: bytes, wanted: bool = True) -> None:
        """A subscription, or its end, that has arrived."""
        self.recorder.send((b"\x01" if wanted else b"\x00") + prefix)
        assert self.stream.socket is not None
        assert self.stream.socket.poll(5_000)
        self.stream.listen()

    def said(self) -> dict[str, object] | None:
        return self.stream.report[0] if self.stream.report else None


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    with zmq.Context() as context:
        line = Line(context, tmp_path)
        yield line
        line.recorder.close(linger=0)
        line.stream.close()


def test_a_report_is_kept_with_its_time(line: Line) -> None:
    before_ns = time.monotonic_ns()
    line.tell(msgpack.packb({"state": "recording", "missed": 0, "why": None}))
    assert line.said() == {"state": "recording", "missed": 0, "why": None}
    assert line.stream.report is not None
    assert before_ns <= line.stream.report[1] <= time.monotonic_ns()


@pytest.mark.parametrize(
    "payload",
    [
        b"\x81\xa5state" + b"\x91" * 400 + b"\x01",
        b"\x81\xa5state" + b"\x91" * 4_000 + b"\x01",
        b"\x91" * 4_000,
        msgpack.packb({"state": {"of": "affairs"}}),
        msgpack.packb({"state": b"bytes"}),
        msgpack.packb({7: "number"}),
        msgpack.packb(["recording"]),
        b"\x81\xa5state\xa2\xff\xff",
        b"\xc1",
        b"",
    ],
)
def test_what_is_no_plain_report_changes_nothing(line: Line, payload: bytes) -> None:
    line.tell(msgpack.packb({"state": "recording"}))
    line.tell(payload)
    assert line.said() == {"state": "recording"}


def test_who_leaves_takes_nothing_from_who_stays(line: Line) -> None:
    """Two clients, one of which asks for everything and goes: the recorder's topics go on."""
    for topic in (b"raw", b"features"):
        line.ask(topic)
    assert line.tap.asked
    line.tap.begin(dict)
    line.ask(b"")
    line.ask(b"", wanted=False)
    assert line.tap.on
    line.ask(b"raw", wanted=False)
    assert line.tap.on
    line.ask(b"features", wanted=False)
    assert not line.tap.on
