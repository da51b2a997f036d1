"""Rows 28 and 46: the processors belong to others, or to nobody for most of the time.

What is missed is told beside what the same service missed in the same test while nothing was wrong, before and after: a
machine that runs other things as well loses some of its own.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from broken_suit import BrokenSuit, Start, until
from worn_suit import ServiceProcess

from jetson_runtime.bench.load import Load

LATE = 22
HOGS = 4
SECONDS = 4.0
# Of the ticks, beside those that a quiet time loses.
TOLERATED = 0.05


class Ticks(NamedTuple):
    """Of a while: how many there were, and those that no client could get a frame of."""

    count: int
    missed: int

    @property
    def share_missed(self) -> float:
        return self.missed / max(1, self.count)


def _next_status(service: ServiceProcess) -> dict[str, Any]:
    seen = service.status.get("publish_ns")
    assert until(lambda: service.status.get("publish_ns") not in (seen, None))
    return service.status


def _watch(service: ServiceProcess, seconds: float) -> Ticks:
    """From one status to another, so long apart at least."""
    before = _next_status(service)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        service.client.recv_all(100)
    after = _next_status(service)
    missed = after["missed_ticks"] - before["missed_ticks"]
    return Ticks(missed + after["publisher"]["sent"] - before["publisher"]["sent"], missed)


def _processor_s(pid: int) -> float:
    """Seconds of a processor that a process has had."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _fifo_is_permitted() -> bool:
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    except PermissionError:
        return False
    return True


@contextmanager
def _hogs(processor: int) -> Iterator[list[int]]:
    """Programs of normal priority that compute without end on one processor; their process ids."""
    with ExitStack() as stack:
        hogs = [stack.enter_context(Load("hog")).pid for _ in range(HOGS)]
        for pid in hogs:
            os.sched_setaffinity(pid, {processor})
        assert until(lambda: all(_processor_s(pid) > 0.05 for pid in hogs))
        yield hogs


def _on_one_processor(start: Start, processor: int, priority: int) -> ServiceProcess:
    extra = f"[realtime]\npriority = {priority}\ncpus = [{processor}]"
    _, service = start(write=lambda suit: suit.write_config(extra=extra))
    os.sched_setaffinity(service.process.pid, {processor})
    assert until(lambda: service.state() == "running"), service.log
    for task in Path(f"/proc/{service.process.pid}/task").iterdir():
        os.sched_setaffinity(int(task.name), {processor})
    return service


def test_row_46_programs_that_hog_the_reactor_s_processor_take_no_deadline_from_it(start: Start) -> None:
    """SCHED_FIFO and affinity: every thread of the service shares one processor with four that want all of it."""
    if not _fifo_is_permitted():
        pytest.skip("SCHED_FIFO is not permitted here (CAP_SYS_NICE, or an rtprio limit)")
    processor = max(os.sched_getaffinity(0))
    service = _on_one_processor(start, processor, 50)
    quiet = _watch(service, SECONDS)
    with _hogs(processor) as hogs:
        before = sum(map(_processor_s, hogs))
        crowded = _watch(service, SECONDS)
        taken_s = sum(map(_processor_s, hogs)) - before
    after = _watch(service, SECONDS)
    assert taken_s > SECONDS / 10, "the hogs took what the service left"
    floor = max(quiet.share_missed, after.share_missed)
    assert crowded.share_missed <= floor + TOLERATED, (quiet, crowded, after)
    assert crowded.count - crowded.missed > SECONDS * 200 / 2
    assert until(lambda: service.state() == "running")


class Quota:
    """A processor group of its own for a process, of control groups version 2 or 1."""

    def __init__(self, pid: int) -> None:
        unified, divided = Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/cpu")
        self._is_unified = (unified / "cgroup.controllers").exists()
        root = unified if self._is_unified else divided
        self._group = root / f"second-skin-quota-{pid}"
        self._root = root
        self._pid = pid
        try:
            self._group.mkdir()
            self.limit(1.0)
            (self._group / "cgroup.procs").write_text(str(pid))
        except OSError as error:
            self.close()
            pytest.skip(f"no processor quota can be set here: {error}")

    def limit(self, processors: float) -> None:
        """In each 20 ms the process gets so many processors' time, and stands still for the rest."""
        quota_us = round(processors * 20_000)
        if self._is_unified:
            (self._group / "cpu.max").write_text(f"{quota_us} 20000")
        else:
            (self._group / "cpu.cfs_period_us").write_text("20000")
            (self._group / "cpu.cfs_quota_us").write_text(str(quota_us))

    def throttled(self) -> int:
        """How often it had to stand still."""
        lines = (self._group / "cpu.stat").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("nr_throttled"))

    def close(self) -> None:
        if not self._group.exists():
            return
        if Path(f"/proc/{self._pid}").exists():
            (self._root / "cgroup.procs").write_text(str(self._pid))
        assert until(lambda: not (self._group / "cgroup.procs").read_text())
        self._group.rmdir()


def _late_is_told(service: ServiceProcess) -> bool:
    return any(fault["number"] == LATE for fault in service.status.get("faults", []))


def test_row_28_a_throttled_processor_costs_ticks_and_the_status_says_how_many(start: Start) -> None:
    """One does for 200 Hz; with a tenth of it the frames that leave are true, and the others are counted."""

    def without_priority(suit: BrokenSuit) -> object:
        return suit.write_config(extra="[realtime]\npriority = 0")

    _, service = start(write=without_priority)
    assert until(lambda: service.state() == "running"), service.log
    quota = Quota(service.process.pid)
    try:
        free = _watch(service, SECONDS)
        busy = _late_is_told(service)
        quota.limit(0.10)
        assert until(lambda: _late_is_told(service)), service.status
        throttled = quota.throttled()
        starved = _watch(service, SECONDS)
        assert quota.throttled() > throttled
        assert starved.share_missed > free.share_missed, (free, starved)
        frames = service.client.recv_all(1000)
        assert all(
            frame.publish_ns - frame.t_ns == pytest.approx(frame.age_ms * 1e6, abs=1e3) for frame in frames
        )
        quota.limit(1.0)
        assert until(lambda: service.state() == "running" and (busy or not _late_is_told(service))), (
            service.status
        )
        healed = _watch(service, SECONDS)
        # The first seconds after it are part of the starving.
        assert healed.share_missed <= max(free.share_missed + TOLERATED, starved.share_missed / 4)
    finally:
        quota.close()
