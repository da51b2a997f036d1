"""`second-skin collect` at a terminal, on a person in emulated devices, the real service and the real recorder."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from operator_at import Operator
from person import Person, PersonsSuit
from recorded_suit import RecorderProcess
from worn_suit import ServiceProcess, until

from drivers.emulator.bench import Bench
from jetson_runtime.recording.mcap_file import Reading
from jetson_runtime.stream import messages

PROTOCOL = """
subject = "S07"
tare_s = 0.5
rest_s = 0.0
valid_share = 0.5
conditions = [
    { task = "PS1", seconds = 1.0 },
    { task = "other:bend", what = "bend", repetitions = 4, count = "hips" },
    { task = "PP1", tare = false },
]
"""


class Session:
    """Everything that a session needs, and who runs it."""

    def __init__(self, folder: Path, bench: Bench) -> None:
        self.folder = folder
        self.suit = PersonsSuit(folder, bench, Person())
        self.recordings = folder / "recordings"
        config = self.suit.write_config(extra=f'[recording]\nfolder = "{self.recordings}"\nkeep_free_mb = 0')
        self.service = ServiceProcess(config, self.suit.endpoint)
        self.recorder: RecorderProcess | None = None
        self.protocol = folder / "session.toml"
        self.protocol.write_text(PROTOCOL)
        self.operators: list[Operator] = []
        assert until(lambda: self.service.state() == "running", 60.0), self.service.log

    def record(self) -> None:
        self.recorder = RecorderProcess(self.suit.config)
        assert until(lambda: (self.service.status.get("recording") or {}).get("state") == "recording", 30.0)

    def operate(self) -> Operator:
        words = ("--endpoint", self.suit.endpoint, "--control", self.suit.control)
        self.operators.append(Operator(self.protocol, *words))
        return self.operators[-1]

    def marks(self) -> list[dict[str, Any]]:
        """Of the recording, which is ended."""
        assert self.recorder is not None
        self.recorder.stop()
        told = [
            messages.decode(m.payload)
            for path in sorted(self.recordings.glob("*.mcap"))
            for m in Reading(path)
        ]
        return [one for one in told if one["topic"] == "event" and one["kind"] == "mark"]

    def progress(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.folder / "session_S07.json").read_text())
        return content

    def close(self) -> None:
        for operator in self.operators:
            operator.close()
        if self.recorder is not None and self.recorder.process.poll() is None:
            self.recorder.stop()
        self.service.stop()


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with Bench() as bench:
        session = Session(tmp_path, bench)
        yield session
        session.close()


def phases(marks: list[dict[str, Any]]) -> list[str]:
    return [f"{mark['task']} {mark['trial'].rpartition('-')[2]} {mark['phase']}" for mark in marks]


def test_a_session_with_a_refused_tare_a_redo_a_broken_trial_and_a_correction(session: Session) -> None:
    session.record()
    person, first = session.suit.person, session.operate()
    first.reads("1 of 3: PS1: stand upright")
    first.reads("q: quit")
    person.swing_deg = {"thigh_l": 30.0}
    time.sleep(0.5)
    first.types()
    assert "imu_thigh_l: turned by" in first.reads("again in 3 s")
    person.swing_deg = {}
    first.reads("is taken")
    first.reads("time is up")
    first.reads("the trial is usable")
    first.reads("q: quit")
    first.types("r")
    first.reads("PS1 again")
    first.reads("GO: trial 2 of PS1")
    first.reads("the trial is usable")
    first.reads("q: quit")
    first.types()
    first.reads("2 of 3: other:bend")
    first.reads("q: quit")
    first.types()
    first.reads("GO: trial 1 of other:bend")
    person.swing_deg = {"thigh_l": 40.0, "thigh_r": 40.0}
    first.types("q")
    first.reads("was broken off")
    first.reads("goes on from here")
    assert first.ends() == 1
    person.swing_deg = {}

    second = session.operate()
    second.reads("going on: 1 of 3")
    second.reads("2 of 3: other:bend")
    second.reads("q: quit")
    time.sleep(0.5)
    second.types()
    second.reads("GO: trial 2 of other:bend")
    person.swing_deg = {"thigh_l": 40.0, "thigh_r": 40.0}
    second.reads("  5 s, ")
    person.swing_deg = {}
    time.sleep(1.0)
    second.types()
    counted = int(second.reads("repetitions counted").split()[-3])
    second.reads("or how many?")
    assert 2 <= counted <= 5
    second.types("4")
    second.reads("Enter: keep it   r: do it again   q: quit")
    second.types()
    second.reads("3 of 3: PP1")
    second.reads("q: quit")
    second.types()
    second.reads("GO: trial 1 of PP1")
    time.sleep(1.0)
    second.types()
    second.reads("the suit cannot count these; Enter: 5 were done, or how many?")
    second.types("3")
    second.reads("3 of 5 repetitions")
    second.reads("q: quit")
    second.types("k")
    second.reads("3 of 3 conditions are kept")
    assert second.ends() == 0

    marks = session.marks()
    assert phases(marks) == [
        *("PS1 1 begin", "PS1 1 end", "PS1 1 void", "PS1 2 begin", "PS1 2 end", "PS1 2 kept"),
        *("other:bend 1 begin", "other:bend 1 void"),
        *("other:bend 2 begin", "other:bend 2 end", "other:bend 2 kept"),
        *("PP1 1 begin", "PP1 1 end", "PP1 1 kept"),
    ]
    assert {mark["subject"] for mark in marks} == {"S07"}
    by_name = dict(zip(phases(marks), marks, strict=True))
    bent = by_name["other:bend 2 kept"]
    assert (bent["repetition"], bent["counted"], bent["sync"]) == (4, counted, "no input")
    # A busy machine may add what it cost the frames of so short a trial.
    assert by_name["PP1 1 kept"]["findings"][-1] == "3 of 5 repetitions"
    assert "counted" not in by_name["PP1 1 kept"]
    length_s = (by_name["PS1 2 end"]["at_ns"] - by_name["PS1 2 begin"]["at_ns"]) * 1e-9
    assert 1.0 <= length_s < 3.0


def test_a_killed_session_goes_on_with_the_trial_void_and_an_unjudged_one_is_judged(session: Session) -> None:
    session.record()
    first = session.operate()
    first.reads("q: quit")
    first.types()
    first.reads("GO: trial 1 of PS1")
    first.kill()
    assert [one["state"] for one in session.progress()["trials"]] == ["begun"]
    second = session.operate()
    second.reads("1 of 3: PS1")
    second.reads("q: quit")
    second.types()
    second.reads("the trial is usable")
    second.process.send_signal(signal.SIGINT)
    assert second.ends() == 130
    assert [one["state"] for one in session.progress()["trials"]] == ["void", "ended"]
    third = session.operate()
    third.reads("trial 2 of PS1 has ended and was not judged")
    third.reads("q: quit")
    third.types()
    third.reads("2 of 3: other:bend")
    third.reads("q: quit")
    third.types("s")
    third.reads("3 of 3: PP1")
    third.reads("q: quit")
    third.types("b")
    third.reads("2 of 3: other:bend")
    third.reads("q: quit")
    third.types("b")
    third.reads("1 of 3: PS1")
    third.reads("trial 2 is kept, and superseded by another")
    third.reads("q: quit")
    third.types()
    third.reads("GO: trial 3 of PS1")
    third.reads("the trial is usable")
    third.reads("q: quit")
    third.types()
    third.reads("2 of 3")
    third.reads("q: quit")
    third.types("q")
    assert third.ends() == 1
    assert phases(session.marks()) == [
        *("PS1 1 begin", "PS1 1 void", "PS1 2 begin", "PS1 2 end", "PS1 2 kept"),
        *("PS1 3 begin", "PS1 3 end", "PS1 3 kept", "PS1 2 void"),
    ]


def test_what_spoils_a_trial_is_told_by_name(session: Session) -> None:
    operator = session.operate()
    operator.reads("no recorder runs: trials are not usable until one does")
    operator.reads("no sync input is configured")
    operator.reads("q: quit")
    operator.types("s")
    operator.reads("2 of 3")
    operator.reads("q: quit")
    operator.types("s")
    operator.reads("3 of 3")
    operator.reads("q: quit")
    operator.types()
    operator.reads("GO: trial 1 of PP1")
    session.suit.unplug("imu_shank_r")
    assert until(lambda: session.service.state() == "degraded")
    time.sleep(1.0)
    operator.types()
    operator.reads("Enter: 5 were done, or how many?")
    operator.types()
    told = operator.reads("Enter: do it again   k: keep it all the same   q: quit")
    assert "no recorder runs" in told
    assert "imu_shank_r was missing in" in told
    operator.types("k")
    operator.reads("1 of 3 conditions are kept")
    assert operator.ends() == 0
