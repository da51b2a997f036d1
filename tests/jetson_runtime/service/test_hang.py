"""A service that hangs says where each of its threads is, once."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator

import pytest

from jetson_runtime.service.hang import HANG_NS, HangTeller
from jetson_runtime.service.waiting import Stop

_FED_NS = 5 * HANG_NS


def stuck_here(until: threading.Event) -> None:
    until.wait()


@pytest.fixture
def stuck_thread() -> Iterator[None]:
    until = threading.Event()
    thread = threading.Thread(target=stuck_here, args=(until,), name="engine")
    thread.start()
    yield
    until.set()
    thread.join()


@pytest.mark.usefixtures("stuck_thread")
def test_a_hang_is_told_once_with_the_place_of_each_thread(caplog: pytest.LogCaptureFixture) -> None:
    fed_ns: int | None = _FED_NS
    teller = HangTeller(lambda: fed_ns, Stop())
    with caplog.at_level(logging.CRITICAL, "second-skin"):
        teller.look(_FED_NS + HANG_NS - 1)
        assert not caplog.records
        teller.look(_FED_NS + HANG_NS)
        assert "thread engine:" in caplog.text
        assert "in stuck_here" in caplog.text
        told = len(caplog.records)
        teller.look(_FED_NS + 3 * HANG_NS)
        assert len(caplog.records) == told
        fed_ns = _FED_NS + 3 * HANG_NS
        teller.look(fed_ns + HANG_NS)
        assert len(caplog.records) > told, "another hang"


def test_before_the_first_frame_there_is_no_hang(caplog: pytest.LogCaptureFixture) -> None:
    HangTeller(lambda: None, Stop()).look(1000 * HANG_NS)
    assert not caplog.records
