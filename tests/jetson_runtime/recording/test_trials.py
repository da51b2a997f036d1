"""What a recording's marks say of its trials, by events alone."""

from __future__ import annotations

from typing import Any

import pytest

from jetson_runtime.recording.trials import marked


def event(session: str, at_ns: int, kind: str, **content: Any) -> dict[str, Any]:
    return {"session": session, "at_ns": at_ns, "kind": kind, **content}


def phase(session: str, at_ns: int, name: str, trial: str, **content: Any) -> dict[str, Any]:
    return event(session, at_ns, "mark", phase=name, subject="S1", task="other:hop", trial=trial, **content)


def tare(session: str, at_ns: int, name: str, **content: Any) -> dict[str, Any]:
    return event(session, at_ns, "tare", tare_id=name, parts={}, **content)


def test_a_trial_has_its_own_tare_and_pulses_and_verdict() -> None:
    (trial,) = marked(
        [
            event("a", 1, "sync", edge="rising"),
            tare("a", 2, "t1", from_ns=1, until_ns=2),
            event("a", 3, "mark", text="by hand"),
            phase("a", 4, "begin", "1"),
            tare("a", 5, "t1"),
            event("a", 6, "sync", edge="rising"),
            phase("a", 8, "end", "1", counted=3),
            event("a", 9, "sync", edge="rising"),
            phase("a", 10, "kept", "1", repetition=4, counted=3, sync="pulse", findings=["cold"]),
        ]
    )
    assert (trial.name, trial.begin_ns, trial.moves_ns, trial.end_ns) == ("S1_other-hop_1", 4, 6, 8)
    assert (trial.pulses_ns, trial.state, trial.sync, trial.findings) == ([6], "kept", "pulse", ("cold",))
    assert (trial.repetition, trial.counted) == (4, 3)
    assert trial.tare is not None and (trial.tare["tare_id"], trial.tare["from_ns"]) == ("t1", 1)


@pytest.mark.parametrize(
    ("sync", "moves_ns"), [("pulse", 6), ("no pulse", 4), ("no input", 4)], ids=["came", "too late", "none"]
)
def test_a_trial_begins_with_the_pulse_that_was_waited_for_and_with_no_other(
    sync: str, moves_ns: int
) -> None:
    (trial,) = marked(
        [
            phase("a", 4, "begin", "1"),
            event("a", 3, "sync", edge="rising"),
            event("a", 5, "sync", edge="falling"),
            event("a", 6, "sync", edge="rising"),
            event("a", 7, "sync", edge="falling"),
            event("a", 9, "sync", edge="rising"),
            phase("a", 10, "end", "1"),
            phase("a", 11, "kept", "1", sync=sync),
        ]
    )
    assert (trial.moves_ns, trial.pulses_ns) == (moves_ns, [6, 9])


def test_a_line_of_which_only_ends_are_told_has_pulses_too() -> None:
    (trial,) = marked(
        [
            phase("a", 4, "begin", "1"),
            event("a", 5, "sync", edge="falling"),
            phase("a", 10, "end", "1"),
            phase("a", 11, "kept", "1", sync="pulse"),
        ]
    )
    assert trial.moves_ns == 5


def test_a_tare_that_is_told_again_is_the_one_that_was_taken_and_one_of_another_session_is_none() -> None:
    first, second = marked(
        [
            tare("a", 1, "t1", from_ns=0, until_ns=1),
            tare("a", 2, "t1"),
            phase("a", 3, "begin", "1"),
            phase("b", 4, "begin", "2"),
        ]
    )
    assert first.tare is not None and first.tare["from_ns"] == 0
    assert second.tare is None
    assert (second.moves_ns, second.end_ns) == (4, None)


def test_a_verdict_of_a_later_session_counts_and_that_of_an_unknown_trial_does_not() -> None:
    trials = marked(
        [
            phase("a", 1, "begin", "1"),
            phase("a", 2, "end", "1"),
            phase("a", 3, "kept", "1", repetition=1),
            phase("b", 1, "begin", "2"),
            phase("b", 2, "end", "2"),
            phase("b", 3, "kept", "2", repetition=1),
            phase("b", 4, "void", "1", text="superseded by trial 2"),
            phase("b", 5, "void", "7"),
            phase("b", 6, "begin", "3"),
        ]
    )
    assert [(one.session, one.state, one.why) for one in trials] == [
        ("a", "void", "superseded by trial 2"),
        ("b", "kept", ""),
        ("b", "open", "nobody kept it"),
    ]


def test_a_verdict_of_a_session_that_a_clock_put_first_counts_too() -> None:
    (trial,) = marked(
        [
            phase("b", 4, "void", "1", text="superseded by trial 2"),
            phase("a", 1, "begin", "1"),
            phase("a", 2, "end", "1"),
            phase("a", 3, "kept", "1", repetition=1),
        ]
    )
    assert (trial.session, trial.state) == ("a", "void")
