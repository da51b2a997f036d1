"""Work that is dealt out to processes, one item at a time."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from jetson_runtime.suit.errors import SuitError

Item = TypeVar("Item")
Result = TypeVar("Result")


class WorkerLostError(SuitError):
    """A process ended in the middle of its work."""


def spread(work: Callable[[Item], Result], items: Iterable[Item], processes: int) -> list[Result]:
    """`work` of each item, in the items' order; in this very process where `processes` is 1.

    Raises what the work raises, and WorkerLostError where a process is killed. Ctrl-C ends it when the items at work
    are done.
    """
    if processes == 1:
        return [work(item) for item in items]
    try:
        with ProcessPoolExecutor(processes, initializer=_leave_ctrl_c_to_the_parent) as pool:
            return list(pool.map(work, items))
    except BrokenProcessPool:
        raise WorkerLostError(
            f"one of {processes} processes was killed, perhaps for want of memory; try fewer --processes"
        ) from None


def _leave_ctrl_c_to_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
