"""Another machine's clock by time pings: the truth lies within what is told, whatever the way and the drift are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jetson_runtime.stream.clock import DRIFT, ServiceClock

MS = 1_000_000
S = 1_000_000_000
AHEAD = 7_000 * S + 123


def ping(clock: ServiceClock, now: int, there: int, back: int, ahead: int = AHEAD, work: int = 0) -> int:
    """One that takes `there` and `back` ns on the way and `work` at the service, whose clock is `ahead`."""
    receive = now + there + ahead
    received = now + there + work + back
    clock.note_ping(now, receive, receive + work, received)
    return received


def error_and_bound(clock: ServiceClock, now: int, ahead: int = AHEAD) -> tuple[int, int]:
    offset = clock.at(now)
    assert offset is not None
    return abs(offset.ns + ahead), offset.uncertainty_ns


def test_nothing_is_known_before_anything_came() -> None:
    clock = ServiceClock()
    assert clock.at(S) is None
    assert not clock.by_ping


@given(
    st.lists(st.tuples(st.integers(0, 50 * MS), st.integers(0, 50 * MS), st.integers(0, 5 * MS)), min_size=1),
    st.integers(-(10**18), 10**18),
)
def test_the_truth_is_within_the_bound_whatever_the_way(ways: list[tuple[int, int, int]], ahead: int) -> None:
    clock, now = ServiceClock(), 5 * S
    for there, back, work in ways:
        now = ping(clock, now, there, back, ahead, work)
        error, bound = error_and_bound(clock, now, ahead)
        assert error <= bound
        now += 20 * MS
    best = min(there + back for there, back, _ in ways)
    assert error_and_bound(clock, now, ahead)[1] <= best // 2 + 1 + DRIFT * (now - 5 * S) + 1


@pytest.mark.parametrize("ppm", [-80, 80])
def test_clocks_that_drift_apart_are_followed(ppm: int) -> None:
    """An hour at a ping a second, of which one in thirty has a short way."""
    clock = ServiceClock()
    worst = 0
    for second in range(3600):
        now = second * S
        ahead = AHEAD + second * ppm * 1000
        trip = 1 * MS if second % 30 == 0 else 40 * MS
        ping(clock, now, trip // 5, trip - trip // 5, ahead)
        error, bound = error_and_bound(clock, now + S // 2, ahead)
        assert error <= bound
        worst = max(worst, bound)
    assert worst < 5 * MS


def test_a_bound_grows_while_nobody_answers() -> None:
    clock = ServiceClock()
    now = ping(clock, 0, MS, MS)
    bounds = [error_and_bound(clock, now + seconds * S)[1] for seconds in (0, 10, 100)]
    assert bounds == [MS + 1, 2 * MS + 1, 11 * MS + 1]


def test_a_slow_ping_that_contradicts_the_fast_one_is_believed() -> None:
    """The service's machine slept: its monotonic clock stood still."""
    clock = ServiceClock()
    now = ping(clock, 0, MS // 10, MS // 10)
    ping(clock, now + S, 20 * MS, 20 * MS, AHEAD - 3600 * S)
    error, bound = error_and_bound(clock, now + S, AHEAD - 3600 * S)
    assert error <= bound


def test_a_reply_that_cannot_be_is_ignored() -> None:
    clock = ServiceClock()
    clock.note_ping(1000, 0, 5000, 2000)
    clock.note_ping(1000, 5000, 0, 2000)
    assert clock.at(0) is None


def test_without_pings_the_fastest_frame_counts_and_is_slowly_forgotten() -> None:
    clock = ServiceClock()
    for k in range(100):
        clock.note_frame(k * 5 * MS + AHEAD, k * 5 * MS + (MS if k == 10 else 9 * MS))
    offset = clock.at(S)
    assert offset is not None
    assert MS - AHEAD <= offset.ns < MS - AHEAD + DRIFT * S
    for k in range(100, 200 * 200):
        clock.note_frame(k * 5 * MS + AHEAD, k * 5 * MS + 9 * MS)
    offset = clock.at(S)
    assert offset is not None
    assert offset.ns == 9 * MS - AHEAD


def test_another_session_begins_anew() -> None:
    clock = ServiceClock()
    ping(clock, 0, MS, MS)
    clock.reset()
    assert clock.at(S) is None
