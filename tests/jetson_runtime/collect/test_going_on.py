"""A session that goes on with several trials that nobody judged, one of them of a condition that is behind it."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import pytest

from jetson_runtime.collect.guide import LEFT, Guide
from jetson_runtime.collect.progress import Progress
from jetson_runtime.collect.protocol import load
from jetson_runtime.collect.terminal import Terminal

PROTOCOL = 'subject = "S01"\nconditions = ["PS1", "PS2", "PS3", "PS4"]\n'


class Answering:
    """A service that answers, as `collect/suit.py` sees it: what it was told, in order."""

    status = {"state": "running", "wearer": {}, "recording": {"state": "recording"}}  # noqa: RUF012
    has_sync_input = False
    watch = None

    def __init__(self) -> None:
        self.marks: list[str] = []

    def mark(self, **content: Any) -> int:
        self.marks.append(f"{content['task']} {content['phase']}")
        return 1


def going_on(
    tmp_path: Path, states: list[tuple[int, str]], step: int, typed: str
) -> tuple[Progress, list[str]]:
    """states: of a trial of each step."""
    (tmp_path / "p.toml").write_text(PROTOCOL)
    protocol = load(str(tmp_path / "p.toml"))
    progress = Progress(tmp_path / "p.json", "S01", protocol.digest())
    for at, state in states:
        progress.go_to(at)
        progress.begin(f"PS{at + 1}").state = state  # type: ignore[assignment]
    progress.go_to(step)
    source, sink = os.pipe()
    os.write(sink, typed.encode())
    os.close(sink)
    suit = Answering()
    terminal = Terminal(source, io.StringIO(), lambda: None)
    again = Progress(tmp_path / "p.json", "S01", protocol.digest())
    try:
        assert Guide(suit, terminal, protocol, again).run() == LEFT  # type: ignore[arg-type]
    finally:
        os.close(source)
    return again, suit.marks


# For each that has ended: Enter for the repetitions, and the verdict.
@pytest.mark.parametrize(
    ("states", "step", "typed", "after", "marks"),
    [
        ([(0, "begun"), (1, "begun"), (2, "begun")], 2, "q\n", 2, ["PS1 void", "PS2 void", "PS3 void"]),
        ([(0, "begun"), (2, "ended")], 2, "\nq\n", 3, ["PS1 void", "PS3 kept"]),
        ([(0, "ended")], 3, "\nq\n", 3, ["PS1 kept"]),
        ([(0, "ended")], 3, "r\nq\n", 3, ["PS1 void"]),
        ([(2, "ended")], 1, "\nq\n", 1, ["PS3 kept"]),
        ([(2, "ended")], 2, "r\nq\n", 2, ["PS3 void"]),
    ],
)
def test_each_is_decided_and_nobody_is_thrown_back(
    tmp_path: Path, states: list[tuple[int, str]], step: int, typed: str, after: int, marks: list[str]
) -> None:
    progress, told = going_on(tmp_path, states, step, typed)
    assert told == marks
    assert (progress.step, progress.undecided()) == (after, [])
