"""For programs beside the service: behind everything else."""

from __future__ import annotations

import contextlib
import os

NICE = 10


def stand_back() -> None:
    """No real-time policy that was inherited, a low priority.

    Both are a thread's own and those of the threads that it starts; NumPy has started some by its import.
    """
    for task in map(int, os.listdir("/proc/self/task")):
        with contextlib.suppress(OSError):
            if os.sched_getscheduler(task) in (os.SCHED_FIFO, os.SCHED_RR):
                os.sched_setscheduler(task, os.SCHED_OTHER, os.sched_param(0))
            os.setpriority(os.PRIO_PROCESS, task, max(NICE, os.getpriority(os.PRIO_PROCESS, task)))
