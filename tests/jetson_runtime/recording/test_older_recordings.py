"""A recording of a build that did not know today's fields: readable, comparable, and the fields are told as new."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgpack
import pytest
from recorded_suit import RecordedSuit
from worn_suit import until

from drivers.emulator.bench import Bench
from jetson_runtime.cli import main
from jetson_runtime.recording.comparison import as_then, compare
from jetson_runtime.recording.mcap_file import Reading, RecordingFile
from jetson_runtime.stream import messages
from jetson_runtime.stream.received import received

NEW = {"velocity", "moment_valid"}
NEW_OF_A_FOOT = {"heel_strike_ns", "toe_off_ns"}


@pytest.fixture
def recorded(tmp_path: Path) -> Iterator[Path]:
    """The one part of a session of some seconds."""
    with Bench() as bench:
        suit = RecordedSuit(tmp_path, bench)
        try:
            assert until(suit.runs, 90.0), suit.service.log
            recorder = suit.record()
            assert until(lambda: suit.told().get("state") == "recording", 60.0)
            assert suit.frames_pass(900)
            assert recorder.stop() == 0
            (path,) = suit.files()
            yield path
        finally:
            suit.close()


def as_before(message: dict[str, Any]) -> dict[str, Any]:
    """What a build of before would have sent."""
    old = {key: value for key, value in message.items() if key not in NEW}
    if old["topic"] == messages.FRAME:
        old["ground"] = {
            side: {key: value for key, value in foot.items() if key not in NEW_OF_A_FOOT}
            for side, foot in old["ground"].items()
        }
    if old["topic"] == messages.RAW:
        for event in old["events"]:
            if event[0] == "state":
                del event[1]["feet"]
                for device in event[1]["devices"]:
                    del device["clock"]["samples"]
    return old


def rewritten(path: Path, to: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Path:
    file = RecordingFile(to, {"session": "s"})
    for message in Reading(path):
        content = messages.decode(message.payload)
        anew = msgpack.packb(change(content))
        file.add(message.topic, message.t_ns, anew)
    file.close()
    return to


def test_an_older_recording_is_equal_but_for_what_is_new(
    recorded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert compare([recorded]).same
    older = rewritten(recorded, tmp_path / "older.mcap", as_before)
    found = compare([older])
    assert found.same, found
    assert found.added == sorted([*NEW, *(f"ground.{side}.{key}" for side in "rl" for key in NEW_OF_A_FOOT)])
    assert main(["replay", str(older)]) == 0
    assert "new since the recording, and not compared: ground.l.heel_strike_ns" in capsys.readouterr().out
    frame = next(messages.decode(m.payload) for m in Reading(older) if m.topic == messages.FRAME)
    read = received(frame, time.monotonic_ns())
    assert (read.velocity, read.moment_valid, read.ground["r"].heel_strike_ns) == ({}, False, None)

    def disturbed(message: dict[str, Any]) -> dict[str, Any]:
        old = as_before(message)
        if old["topic"] == messages.FRAME:
            old["ground"]["r"]["vgrf"] += 1e-9
        return old

    other = compare([rewritten(recorded, tmp_path / "other.mcap", disturbed)])
    assert other.different > 0
    assert set(other.by_key) == {"ground.r.vgrf"}


def test_only_what_was_not_known_then_is_left_out() -> None:
    then = {"seq": 1, "angle": {"a": 1.0}, "ground": {"r": {"vgrf": 0.5}}}
    now = {"seq": 2, "angle": {"a": 1.0, "b": 2.0}, "new": 3, "ground": {"r": {"vgrf": 0.6, "x": 1}, "l": {}}}
    kept, added = as_then(then, now)
    assert kept == {"seq": 2, "angle": {"a": 1.0, "b": 2.0}, "ground": {"r": {"vgrf": 0.6}, "l": {}}}
    assert added == ["new", "ground.r.x"]
