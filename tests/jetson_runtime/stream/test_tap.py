"""The queue between reactor and publisher: what is lost is counted, and what follows begins with the state."""

from __future__ import annotations

from jetson_runtime.stream import tap
from jetson_runtime.stream.tap import LIMIT, READ, STATE, WAKE, Tap


def _state() -> dict[str, int]:
    return {"ticks": 7}


def test_nothing_is_kept_while_nobody_listens() -> None:
    queue = Tap()
    queue.woke(1)
    assert not queue.on
    assert queue.take() == []
    assert queue.lost == 0


def test_a_listener_gets_the_state_first_and_everything_after_it_in_order() -> None:
    queue = Tap()
    queue.ask()
    queue.begin(_state)
    queue.add((READ, 0, [(b"x", 1)]))
    queue.woke(2)
    assert queue.take() == [(STATE, {"ticks": 7}), (READ, 0, [(b"x", 1)]), (WAKE, 2)]


def test_a_full_queue_loses_whole_wake_ups_counts_them_and_asks_for_the_state_anew() -> None:
    queue = Tap()
    queue.ask()
    queue.begin(_state)
    for now_ns in range(LIMIT + 3):
        queue.woke(now_ns)
    assert not queue.on
    assert queue.lost == 4, "the state took the first place"
    assert queue.take()[-1] == (tap.WAKE, LIMIT - 2)
    assert queue.asked
    queue.begin(_state)
    queue.woke(1)
    assert queue.take() == [(STATE, {"ticks": 7}), (WAKE, 1)]


def test_after_the_last_listener_nothing_is_kept_again() -> None:
    queue = Tap()
    queue.ask()
    queue.begin(_state)
    queue.end()
    queue.woke(1)
    assert queue.take() == [(STATE, {"ticks": 7})]
