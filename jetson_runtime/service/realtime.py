"""What keeps the reactor on time: scheduling class, pinning, memory lock, the interpreter's hand-over and its gc.

What the system does not permit is told in one line with the remedies, and the service runs on without it.
"""

from __future__ import annotations

import ctypes
import errno
import gc
import os
import resource
import sys
from pathlib import Path
from typing import NamedTuple

from jetson_runtime.suit.config import Realtime

# How long a thread that holds the interpreter may keep it from one that waits (Python's default is 5 ms: a tick).
SWITCH_INTERVAL_S = 0.000_2
# mlockall(2): pages are locked as they are touched, so that a thread's untouched stack costs nothing.
_CAP_IPC_LOCK = 14
_MCL_CURRENT, _MCL_FUTURE, _MCL_ONFAULT = 1, 2, 4

REACTOR_RANK = 0
PUBLISHER_RANK = 1
OTHER_RANK = 2


def shorten_hand_over() -> None:
    """Lets a thread that wakes up wait at most 0.2 ms for one that computes."""
    sys.setswitchinterval(SWITCH_INTERVAL_S)


class Refused(NamedTuple):
    """What the system does not permit, each with its remedy; empty where it does."""

    scheduling: str
    memory: str
    processors: str

    def line(self) -> str:
        """All of it in one line; empty where all is permitted."""
        told = "; ".join(text for text in self if text)
        return (
            f"not permitted here, so that frames come late when the machine is busy: {told}" if told else ""
        )


def enter_process(settings: Realtime) -> Refused:
    """Gives every thread there is, those that libraries started too, the lowest rank, and locks the memory.

    Threads started from these inherit the rank. That the reactor can be pinned is only tried.
    """
    permitted = all(_enter(int(thread), settings, OTHER_RANK) for thread in os.listdir("/proc/self/task"))
    before = os.sched_getaffinity(0)
    processors = pin_thread(settings)
    os.sched_setaffinity(0, before)
    priority = _priority(settings, OTHER_RANK)
    return Refused(
        scheduling=""
        if permitted
        else f"SCHED_FIFO {priority} (set LimitRTPRIO= in the unit, or [realtime] priority = 0 in suit.toml)",
        memory=lock_memory(),
        processors=processors,
    )


def enter_thread(settings: Realtime, rank: int) -> None:
    """Gives the calling thread its priority, where permitted; rank 0 is the reactor's, higher ranks lower."""
    _enter(0, settings, rank)


def pin_thread(settings: Realtime) -> str:
    """Pins the calling thread to the config's processors, if it names any; returns why not, or ''."""
    if not settings.cpus:
        return ""
    try:
        os.sched_setaffinity(0, settings.cpus)
    except OSError as error:
        return f"processors {list(settings.cpus)} ({error.strerror}; correct [realtime] cpus in suit.toml)"
    return ""


def lock_memory() -> str:
    """Keeps touched pages in memory; returns why not, or ''.

    Under a limit it is left alone: at the limit each later allocation would fail.
    """
    if not _lock_is_unlimited():
        return "locked memory, which is limited (set LimitMEMLOCK=infinity in the unit)"
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mlockall(_MCL_CURRENT | _MCL_FUTURE | _MCL_ONFAULT) != 0:
        reason = errno.errorcode.get(ctypes.get_errno(), "?")
        return f"locked memory ({reason}; set LimitMEMLOCK=infinity in the unit)"
    return ""


def freeze_garbage() -> None:
    """Takes all that start-up made out of the collector's sight and leaves collecting to `collect_young`.

    A full collection among the modules of a numerical program takes tens of milliseconds: many ticks.
    """
    gc.freeze()
    gc.disable()


def collect_young() -> None:
    """Frees cycles made since the last call, e.g. by a failed bring-up; well under a millisecond after a freeze."""
    gc.collect(1)


def _enter(thread: int, settings: Realtime, rank: int) -> bool:
    """Whether `thread` (0: the calling one) has its priority now, or none is asked for."""
    if settings.priority == 0:
        return True
    try:
        os.sched_setscheduler(thread, os.SCHED_FIFO, os.sched_param(_priority(settings, rank)))
    except PermissionError:
        return False
    except ProcessLookupError:  # it has ended
        pass
    return True


def _priority(settings: Realtime, rank: int) -> int:
    return max(settings.priority - rank, os.sched_get_priority_min(os.SCHED_FIFO))


def _lock_is_unlimited() -> bool:
    """Whether the limit is off, or the process has the capability that stands above it."""
    if resource.getrlimit(resource.RLIMIT_MEMLOCK)[0] == resource.RLIM_INFINITY:
        return True
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    effective = next((line.split()[1] for line in lines if line.startswith("CapEff:")), "0")
    return bool(int(effective, 16) >> _CAP_IPC_LOCK & 1)
