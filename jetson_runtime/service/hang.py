"""Where every thread is while the service hangs, told before systemd ends it.

By the interpreter itself, whose lock holds the other threads still meanwhile. `faulthandler`, which SIGABRT calls,
walks their stacks as they run and can fall over them; it remains for a hang that holds that lock.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
import traceback
from collections.abc import Callable

from jetson_runtime.service.waiting import Stop

# Watchdog and patience of systemd are longer (WatchdogSec= of the unit).
HANG_NS = 1_000_000_000
_LOOK_S = 0.2

_log = logging.getLogger("second-skin")


class HangTeller:
    """`run` in a thread of its own, until stopped; once for each hang."""

    def __init__(self, fed_ns: Callable[[], int | None], stop: Stop) -> None:
        """fed_ns: when the watchdog was last fed, CLOCK_MONOTONIC; None before the first time."""
        self._fed_ns = fed_ns
        self._stop = stop
        self._told_of: int | None = None

    def run(self) -> None:
        """Looks five times a second."""
        while not self._stop.wait(_LOOK_S):
            self.look(time.monotonic_ns())

    def look(self, now_ns: int) -> None:
        """Tells each thread's stack where the watchdog has not been fed for HANG_NS."""
        fed_ns = self._fed_ns()
        if fed_ns is None or fed_ns == self._told_of or now_ns - fed_ns < HANG_NS:
            return
        self._told_of = fed_ns
        _log.critical(
            "no frame, or nobody who looks, for %.1f s; where each thread is:", (now_ns - fed_ns) * 1e-9
        )
        names = {thread.ident: thread.name for thread in threading.enumerate()}
        for ident, frame in sys._current_frames().items():
            if ident != threading.get_ident():
                stack = "".join(traceback.format_stack(frame)).rstrip()
                _log.critical("thread %s:\n%s", names.get(ident, ident), stack)
