"""Processes that a benchmark runs beside what it measures: `python -m jetson_runtime.bench.load ROLE ...`.

hog                  computes without end at normal priority
sleeper SECONDS      misses no 5 ms deadline that the machine lets anyone keep; tells how late it was (JSON)
subscribers ADDRESS N   N subscriptions, drained together; tells how many frames each got (JSON, on SIGTERM)
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from types import FrameType
from typing import Any

import numpy as np
import zmq

from jetson_runtime.stream import messages
from jetson_runtime.suit.signals import PERIOD_NS, RATE_HZ

# Above everything that is measured, the emulated suit included.
_SLEEPER_PRIORITY = 80
# Often enough for queues of a few frames, rarely enough to cost little.
_DRAIN_S = 0.01


class Load:
    """One such process; it ends with the `with` block."""

    def __init__(self, *words: str) -> None:
        command = [sys.executable, "-m", "jetson_runtime.bench.load", *words]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def __enter__(self) -> Load:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self.told()

    def told(self) -> dict[str, Any]:
        """Ends the process; what it said, {} where it said nothing."""
        self._process.terminate()
        return self.result()

    def result(self) -> dict[str, Any]:
        """What it says when it ends by itself."""
        said = self._process.communicate()[0].strip()
        answer: dict[str, Any] = json.loads(said) if said else {}
        return answer


def main(words: Sequence[str]) -> None:
    """Does what the words say until it is done or SIGTERM comes."""
    if words[0] == "hog":
        while True:
            pass
    elif words[0] == "sleeper":
        sys.stdout.write(json.dumps(sleep(float(words[1]))))
    else:
        sys.stdout.write(json.dumps(subscribe(words[1], int(words[2]))))


def sleep(seconds: float) -> dict[str, float]:
    """Deadlines every 5 ms at a priority above all others, with nothing to do at them: the machine's own floor."""
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(_SLEEPER_PRIORITY))
    late_ms = []
    due_ns = time.monotonic_ns()
    for _ in range(round(seconds * RATE_HZ)):
        due_ns += PERIOD_NS
        time.sleep(max(0, due_ns - time.monotonic_ns()) / 1e9)
        late_ms.append((time.monotonic_ns() - due_ns) / 1e6)
    return {
        "late": sum(late > PERIOD_NS / 1e6 for late in late_ms),
        "p99_ms": float(np.percentile(late_ms, 99)),
        "worst_ms": max(late_ms),
    }


def subscribe(address: str, count: int) -> dict[str, int]:
    """Takes frames on `count` sockets until SIGTERM; the fewest and the most that one of them got."""
    stopping = False

    def stop(_signal: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True

    signal.signal(signal.SIGTERM, stop)
    with zmq.Context() as context:
        sockets = [context.socket(zmq.SUB) for _ in range(count)]
        got = [0] * count
        for socket in sockets:
            socket.linger = 0
            socket.subscribe(messages.FRAME)
            socket.connect(address)
        while not stopping:
            time.sleep(_DRAIN_S)
            for i, socket in enumerate(sockets):
                with contextlib.suppress(zmq.Again):
                    while True:
                        socket.recv_multipart(zmq.NOBLOCK)
                        got[i] += 1
        for socket in sockets:
            socket.close()
    return {"fewest": min(got), "most": max(got)}


if __name__ == "__main__":
    main(sys.argv[1:])
