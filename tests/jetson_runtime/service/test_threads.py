"""A running service as the kernel sees it: who has which priority, and that start-up is over before the first tick."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest
from worn_suit import ServiceProcess, WornSuit, until

from drivers.emulator.bench import Bench
from jetson_runtime.suit.config import Realtime

# Of the suit on the bench; the others are looked for all the time, so that bring-up threads are there to be seen.
WORN = ("imu_back", "imu_pelvis", "insole_r")
PRIORITY = Realtime().priority


class Thread(NamedTuple):
    """A line of /proc/PID/task/TID/stat (proc(5)), fields 40 and 41, and the processors it may run on."""

    priority: int
    policy: int
    processors: frozenset[int]


def _threads(pid: int) -> list[Thread]:
    threads = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        fields = (task / "stat").read_text().rpartition(")")[2].split()
        processors = frozenset(os.sched_getaffinity(int(task.name)))
        threads.append(Thread(int(fields[37]), int(fields[38]), processors))
    return threads


def _may_be_real_time() -> bool:
    before = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))
    except PermissionError:
        return False
    os.sched_setscheduler(0, *before)
    return True


@pytest.mark.skipif(not _may_be_real_time(), reason="SCHED_FIFO is not permitted here")
@pytest.mark.parametrize("engine", ["numpy", "onnxruntime"])
def test_every_thread_is_real_time_and_the_reactor_the_highest(tmp_path: Path, engine: str) -> None:
    """Those of libraries too: NumPy's, ONNX Runtime's and ZeroMQ's."""
    processor = min(os.sched_getaffinity(0))
    with Bench() as bench:
        suit = WornSuit(tmp_path, bench, WORN)
        config = suit.write_config(extra=f"[realtime]\ncpus = [{processor}]")
        config.write_text(config.read_text().replace('"numpy"', f'"{engine}"'))
        service = ServiceProcess(config, suit.endpoint)
        try:
            assert until(lambda: service.status.get("streams", {}).get("insole_r", {}).get("alive")), (
                service.log
            )
            threads = _threads(service.process.pid)
        finally:
            service.stop()
    assert {thread.policy for thread in threads} == {os.SCHED_FIFO}
    by_priority = Counter(thread.priority for thread in threads)
    assert max(by_priority) == PRIORITY
    assert (by_priority[PRIORITY], by_priority[PRIORITY - 1]) == (1, 1), "reactor and publisher"
    assert by_priority[PRIORITY - 2] >= 1 + 5, "main and the bring-up of what is not there"
    assert set(by_priority) == {PRIORITY, PRIORITY - 1, PRIORITY - 2}
    (reactor,) = (thread for thread in threads if thread.priority == PRIORITY)
    assert reactor.processors == {processor}
    assert [thread.processors for thread in threads].count(reactor.processors) == (
        1 if len(os.sched_getaffinity(0)) > 1 else len(threads)
    )
