"""Figures of processes and of the machine, from the kernel's own books."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

_CLOCK_HZ = os.sysconf("SC_CLK_TCK")
# proc(5): fields of /proc/PID/stat counted from the one after the command, and of the first line of /proc/stat.
_UTIME, _STIME = 11, 12
_STEAL, _GUEST = 7, 8


def rss_mb(pid: int) -> float:
    """Resident memory of a process, MB; 0 where it has ended."""
    for line in _read(f"/proc/{pid}/status").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024e-6
    return 0.0


def descriptors(pid: int) -> int:
    """Open file descriptors of a process; 0 where it has ended."""
    return _count(f"/proc/{pid}/fd")


def threads(pid: int) -> int:
    """Threads of a process; 0 where it has ended."""
    return _count(f"/proc/{pid}/task")


def cpu_s(pid: int) -> float:
    """Processor time of all threads of a process so far, s; 0 where it has ended."""
    fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return (int(fields[_UTIME]) + int(fields[_STIME])) / _CLOCK_HZ if fields else 0.0


class Machine:
    """What the figures were taken on, and how much of it others took meanwhile."""

    def __init__(self) -> None:
        self._before = _ticks()

    def facts(self) -> dict[str, Any]:
        """steal_percent: processor time that the host of a virtual machine withheld since this object was made."""
        passed = [now - before for now, before in zip(_ticks(), self._before, strict=True)]
        return {
            "processor": _processor(),
            "cores": os.cpu_count(),
            "system": f"{platform.system()} {platform.release()} {platform.machine()}",
            "python": platform.python_version(),
            "load": os.getloadavg()[0],
            "steal_percent": 100.0 * passed[_STEAL] / max(1, sum(passed[:_GUEST])),
        }


def describe(facts: dict[str, Any]) -> str:
    """The facts in one line."""
    return (
        f"{facts['processor']}, {facts['cores']} cores, {facts['system']}, Python {facts['python']}; "
        f"load {facts['load']:.1f}, steal {facts['steal_percent']:.1f} %"
    )


def _ticks() -> list[int]:
    return [int(field) for field in _read("/proc/stat").partition("\n")[0].split()[1:]]


def _processor() -> str:
    """The board's name, or the processor's."""
    board = _read("/proc/device-tree/model").strip("\0\n")
    lines = _read("/proc/cpuinfo").splitlines()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return board or (models[0] if models else platform.machine())


def _read(path: str) -> str:
    """The file's text; empty where a process has ended or the machine has no such file."""
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _count(folder: str) -> int:
    try:
        return len(os.listdir(folder))
    except OSError:
        return 0
