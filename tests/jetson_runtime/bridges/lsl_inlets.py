"""For tests: LSL's own inlets, and what they were told."""

from __future__ import annotations

import time

import pytest
from bridged_suit import PATIENCE_S
from logged_process import LoggedProcess
from worn_suit import until

pylsl = pytest.importorskip("pylsl", reason="needs the extra bridges")
MOST = 2000


def inlet_of(name: str, process: LoggedProcess) -> pylsl.StreamInlet:
    """Open, so that nothing sent from now on is missed."""
    found: list[pylsl.StreamInfo] = []

    def is_there() -> bool:
        assert process.process.poll() is None, process.log
        found.extend(pylsl.resolve_byprop("name", name, timeout=1.0))
        return bool(found)

    assert until(is_there, PATIENCE_S), process.log
    inlet = pylsl.StreamInlet(found[0], max_buflen=60)
    inlet.open_stream(timeout=PATIENCE_S)
    return inlet


def pulled(inlet: pylsl.StreamInlet) -> list[tuple[float, list]]:
    """All samples that have come, and those of the next 0.2 s, each with its time stamp."""
    told = []
    while True:
        samples, stamps = inlet.pull_chunk(timeout=0.2, max_samples=MOST)
        told += list(zip(stamps, samples, strict=True))
        if len(stamps) < MOST:
            return told


def channels_of(inlet: pylsl.StreamInlet) -> list[dict[str, str]]:
    entry = inlet.info(timeout=PATIENCE_S).desc().child("channels").child("channel")
    found = []
    while not entry.empty():
        keys = ("label", "unit", "type", "positive")
        found.append({key: entry.child_value(key) for key in keys})
        entry = entry.next_sibling("channel")
    return found


def lsl_minus_monotonic() -> float:
    """In seconds, by this test's own measurement."""
    brackets = []
    for _ in range(50):
        before = time.monotonic_ns()
        other = pylsl.local_clock()
        after = time.monotonic_ns()
        brackets.append((after - before, other - (before + after) / 2e9))
    return min(brackets)[1]
