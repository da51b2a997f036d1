"""What somebody wants of the recorder, which the service only passes on, and whether the recorder has done it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jetson_runtime.service.faults import Fault, Problem
from jetson_runtime.stream.local import LocalStream
from jetson_runtime.suit import wish as wishes
from jetson_runtime.suit.state import Instant
from jetson_runtime.suit.wish import RecordWish

# A recorder says how it is once a second.
_SILENT_NS = 4_000_000_000
# It obeys within a few hundredths; one that has only just been started needs longer.
_PATIENCE_NS = 6_000_000_000
_RECORDS, _PAUSED, _ENDED = "recording", "paused", "ended"


class RecordWishes:
    """The wish as it holds now. `ask` is called by one thread at a time and may wait for the disk; all else by any."""

    def __init__(self, folder: Path) -> None:
        """damage: what was wrong with the file of it, '' where nothing was."""
        self._folder = folder
        self.wish, self.damage = wishes.load(folder)

    def ask(self, wanted: bool, labels: dict[str, str]) -> RecordWish:
        """Sets it, on the disk first. StateError where the disk refuses; all is then as before."""
        number = self.wish.number + 1 if self.wish else 1
        wish = RecordWish(number=number, wanted=wanted, at=Instant.now(), **labels)
        wishes.save(self._folder, wish)
        self.wish = wish
        return wish

    def told(self) -> dict[str, Any] | None:
        """What a recorder is told; None where nobody ever asked."""
        return self.wish.told() if self.wish else None


class RecorderWatch:
    """Called once a second by one thread."""

    def __init__(self, asked: RecordWishes, local: LocalStream) -> None:
        self._asked = asked
        self._local = local
        self._number: int | None = None
        self._since_ns: int | None = None

    def look(self, now_ns: int) -> tuple[dict[str, Any], list[Problem]]:
        """`record` and `recording` of the status: the wish, and what the recorder said last, None where there is none.

        A recorder that went in order has said so (`ended`).
        """
        wish, report = self._asked.wish, self._local.report[0] if self._local.report else None
        told = {**wish.told(), "age_s": wish.at.age_s(Instant.now())} if wish else None
        problems = []
        state = state_of(self._local, now_ns)
        if report is not None and state is None and report.get("state") != _ENDED:
            problems.append(Problem(Fault.RECORDER_SILENT, "the recorder says nothing any more"))
        elif state == _PAUSED:
            problems.append(Problem(Fault.NOT_RECORDING, f"not recording: {(report or {}).get('why')}"))
        if wish is not None and not problems and (text := self._disobeyed(wish, report, state, now_ns)):
            problems.append(Problem(Fault.NOT_OBEYED, text))
        return {"record": told, "recording": report}, problems

    def _disobeyed(
        self, wish: RecordWish, report: dict[str, Any] | None, state: str | None, now_ns: int
    ) -> str:
        """What was asked for and is not so, once it has had time; '' where all is as asked."""
        if wish.number != self._number or self._since_ns is None:
            self._number, self._since_ns = wish.number, now_ns
        if now_ns - self._since_ns < _PATIENCE_NS:
            return ""
        if not wish.wanted:
            return "recording was to stop, and the recorder still records" if state == _RECORDS else ""
        if state is None:
            return "a recording was asked for, and no recorder runs"
        if (report or {}).get("obeys") != wish.number:
            return "a recording was asked for, and the recorder does not heed it"
        return "" if state == _RECORDS else f"a recording was asked for, and the recorder is {state}"


def state_of(local: LocalStream, now_ns: int) -> str | None:
    """Of the recorder that speaks now; None where none does."""
    if local.report is None:
        return None
    report, told_ns = local.report
    state = str(report.get("state"))
    return None if state == _ENDED or now_ns - told_ns > _SILENT_NS else state
