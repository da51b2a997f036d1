"""The laboratory's pulse on a GPIO line: each edge, stamped by the kernel, becomes an event of the stream.

A thread of its own that sleeps in poll(2). The stamps are CLOCK_MONOTONIC as all else here, so how late they are read
does not matter; a line that swings without end is read a few edges at a time.
"""

from __future__ import annotations

import select
from collections.abc import Callable
from typing import Any

from drivers.gpio.chips import open_lines
from drivers.gpio.lines import EDGES_AT_ONCE, Edge, Line, LineError, Lines
from jetson_runtime.service.faults import Fault, Problem
from jetson_runtime.service.waiting import Stop
from jetson_runtime.stream.messages import SYNC
from jetson_runtime.suit.pins import SyncTable

# After edges came, so long none are read: of a line that swings, 320 a second at the most.
_PAUSE_S = 0.05
_RETRY_S = 2.0
_LOOK_MS = 200
_LOST_NS = 10_000_000_000
_LINE = "sync"

Tell = Callable[[str, dict[str, Any]], None]


class SyncInput:
    """`run` is a thread's body; `status` and `problems` are read by another.

    edges: those that happened, lost ones too; each has its number, so that a gap in the numbers is a loss.
    """

    def __init__(self, settings: SyncTable, tell: Tell, stop: Stop) -> None:
        """tell: sends an event of a kind with its content."""
        self.edges = 0
        self.lost = 0
        self.last_ns: int | None = None
        self._settings = settings
        self._tell = tell
        self._stop = stop
        self._refused: LineError | None = None
        self._lost_ns: int | None = None

    def run(self) -> None:
        """Until `stop` is set; a line that cannot be had is asked for again and again."""
        while not self._stop.is_set():
            try:
                self._follow()
            except LineError as error:
                self._refused = error
                self._stop.wait(_RETRY_S)

    def status(self) -> dict[str, Any]:
        """For `status`: edges since the start, lost ones, the newest's instant (CLOCK_MONOTONIC ns), which are told."""
        told = {"edges": self.edges, "lost": self.lost, "last_ns": self.last_ns}
        return told | {"edge": self._settings.edge}

    def problems(self, now_ns: int) -> list[Problem]:
        """What is wrong with it at `now_ns`."""
        refused, lost_ns = self._refused, self._lost_ns
        if refused is not None:
            return [Problem(Fault.SYNC_LINE, f"no sync pulses: {refused.what}")]
        if lost_ns is not None and now_ns - lost_ns < _LOST_NS:
            return [Problem(Fault.SYNC_LOST, f"{self.lost} sync pulses lost: the line swings too fast")]
        return []

    def _follow(self) -> None:
        settings = self._settings
        line = Line(settings.line, settings.edge, settings.active_low)
        lines = open_lines(settings.chip, {_LINE: line}, "second-skin sync")
        self._refused = None
        poll = select.poll()
        poll.register(lines.fileno(), select.POLLIN)
        try:
            self._read(lines, poll)
        finally:
            lines.close()

    def _read(self, lines: Lines, poll: select.poll) -> None:
        before = 0
        while not self._stop.is_set():
            if not poll.poll(_LOOK_MS):
                continue
            edges = lines.read()
            for edge in edges:
                self._take(edge, edge.number - before)
                before = edge.number
            if len(edges) == EDGES_AT_ONCE:
                self._stop.wait(_PAUSE_S)

    def _take(self, edge: Edge, steps: int) -> None:
        """steps: 1 where no edge was lost before this one."""
        self.edges += steps
        if steps > 1:
            self.lost += steps - 1
            self._lost_ns = edge.at_ns
        self.last_ns = edge.at_ns
        told = {"edge": "rising" if edge.rising else "falling", "number": self.edges, "at_ns": edge.at_ns}
        self._tell(SYNC, told)
