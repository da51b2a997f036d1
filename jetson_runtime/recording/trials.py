"""The trials that a recording's marks tell of: begun, ended, kept or void (`stream/control.py`, Mark). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from jetson_runtime.stream import messages
from jetson_runtime.suit.labels import LABELS

MARK, TARE, WEARER = "mark", "tare", "wearer"
_BEGIN, _END, _KEPT, _VOID = "begin", "end", "kept", "void"


@dataclass
class Marked:
    """One trial; instants on CLOCK_MONOTONIC of `session`. end_ns: None where nobody marked it.

    state: open where it was neither kept nor void, for which `why` gives the reason. pulses_ns: those of the sync line
    that began between begin and end. tare: the event of the one that held as it began. repetition, counted, sync,
    findings: as the mark that kept it says.
    """

    session: str
    begin: Mapping[str, Any]
    tare: Mapping[str, Any] | None
    end_ns: int | None = None
    state: Literal["open", "kept", "void"] = "open"
    why: str = "nobody kept it"
    repetition: int | None = None
    counted: int | None = None
    sync: str = "no input"
    findings: tuple[str, ...] = ()
    pulses_ns: list[int] = field(default_factory=list)

    @property
    def key(self) -> tuple[str, ...]:
        """Subject, task and trial."""
        return tuple(str(self.begin.get(name, "")) for name in LABELS)

    @property
    def begin_ns(self) -> int:
        return int(self.begin["at_ns"])

    @property
    def moves_ns(self) -> int:
        """From when on there is movement: the pulse that was waited for, where it came; else the begin.

        A pulse that came too late, or for the laboratory's stop, would cut the movement off.
        """
        return self.pulses_ns[0] if self.sync == "pulse" and self.pulses_ns else self.begin_ns

    @property
    def name(self) -> str:
        """As a file's, without what no file's name should hold."""
        return "_".join(word.replace("/", "-").replace(":", "-") for word in self.key if word)


def marked(events: Iterable[Mapping[str, Any]]) -> list[Marked]:
    """The trials that `events` (of one session or of several, in order) begin, in the order of their beginning.

    A verdict is of the newest trial of that name, also in a later session; also where a clock that was set back makes
    that session come first.
    """
    trials: list[Marked] = []
    early: list[Mapping[str, Any]] = []
    pulses = _Pulses()
    tare: Mapping[str, Any] | None = None
    session = ""
    for event in events:
        if event["session"] != session:
            session, tare = event["session"], None
        if event["kind"] == TARE:
            tare = _tare(event, tare)
        elif event["kind"] == messages.SYNC:
            pulses.note(event, trials)
        elif event["kind"] == MARK and event.get("phase") == _BEGIN:
            trials.append(Marked(session, event, tare))
        elif event["kind"] == MARK and "phase" in event and not _judge(event, trials):
            early.append(event)
    for verdict in early:
        _judge(verdict, trials)
    pulses.give()
    return trials


def _tare(event: Mapping[str, Any], before: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """A tare that is told again, because a device came back, is the one that was taken."""
    same = before is not None and before["tare_id"] == event["tare_id"] and "from_ns" not in event
    return before if same and before is not None else event


class _Pulses:
    """Edges of the sync line, until it is known which of them begin a pulse: a line may be told by its ends alone."""

    def __init__(self) -> None:
        self._edges: list[tuple[Marked, str, int]] = []
        self._rises: set[str] = set()

    def note(self, event: Mapping[str, Any], trials: list[Marked]) -> None:
        if event["edge"] == "rising":
            self._rises.add(event["session"])
        trial = trials[-1] if trials else None
        if trial is None or trial.session != event["session"] or trial.end_ns is not None:
            return
        if event["at_ns"] >= trial.begin_ns:
            self._edges.append((trial, event["edge"], event["at_ns"]))

    def give(self) -> None:
        """All events have been noted."""
        for trial, edge, at_ns in self._edges:
            if edge == ("rising" if trial.session in self._rises else "falling"):
                trial.pulses_ns.append(at_ns)


def _judge(mark: Mapping[str, Any], trials: list[Marked]) -> bool:
    """Whether there is such a trial."""
    key = tuple(str(mark.get(name, "")) for name in LABELS)
    trial = next((one for one in reversed(trials) if one.key == key), None)
    if trial is None:
        return False
    if mark["phase"] == _END:
        trial.end_ns = mark["at_ns"]
    elif mark["phase"] == _VOID:
        trial.state, trial.why = "void", mark.get("text", "void")
    elif mark["phase"] == _KEPT:
        trial.state, trial.why = "kept", ""
        trial.repetition, trial.counted = mark.get("repetition"), mark.get("counted")
        trial.sync, trial.findings = mark.get("sync", "no input"), tuple(mark.get("findings", ()))
    return True
