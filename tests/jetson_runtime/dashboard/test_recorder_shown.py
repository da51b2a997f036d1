"""The recorder's card and the list of recordings: what was asked, what is of which trial, how much room is left."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from jetson_runtime.dashboard import view
from jetson_runtime.dashboard.recordings import Recordings
from jetson_runtime.recording.mcap_file import RecordingFile

REPORT = {"state": "stopped", "file": "", "why": "asked to stop", "missed": 0, "dropped": 0}


def recording(folder: Path, name: str, seconds: int, **facts: str) -> Path:
    """Of 1 kB a second, in content that cannot be made smaller."""
    path = folder / f"{name}.mcap"
    file = RecordingFile(path, facts)
    for second in range(seconds + 1):
        file.add("frame", second * 10**9, os.urandom(1000))
    file.close()
    return path


def test_room_is_told_at_the_rate_of_the_newest_whole_recording_while_none_is_written(tmp_path: Path) -> None:
    recordings = Recordings(tmp_path, keep_free_mb=0)
    assert recordings.hours_left("") is None
    recording(tmp_path, "20260101T000000Z_a_000", 3)
    assert recordings.hours_left("") is None, "too short to tell a rate"
    path = recording(tmp_path, "20260101T000100Z_b_000", 20)
    hours = recordings.hours_left("")
    assert hours == pytest.approx(
        shutil.disk_usage(tmp_path).free / (path.stat().st_size / 20) / 3600, rel=0.2
    )
    assert Recordings(tmp_path, keep_free_mb=10**9).hours_left("") == 0.0
    assert Recordings(tmp_path / "absent", keep_free_mb=0).hours_left("") is None


def test_a_recording_is_listed_with_what_it_is_of(tmp_path: Path) -> None:
    recording(tmp_path, "20260101T000000Z_a_000", 1, subject="S01", task="L3", trial="2", session="a")
    recording(tmp_path, "20260101T000000Z_b_000", 1, session="b")
    assert [file["labels"] for file in Recordings(tmp_path, 0).listed()] == ["", "S01 L3 2"]


def test_the_card_says_what_was_asked_and_what_the_recorder_does() -> None:
    wish = {"number": 3, "wanted": False, "age_s": 12.0}
    rows = {row.name: row for row in view.recorder({"recording": REPORT, "record": wish}, 71.6)}
    assert rows["Recorder"].value == "stopped, asked to stop"
    assert rows["Asked to"].value == "stop (12 s old)"
    assert rows["Room for"].value == "about 72 h"
    wish = {"number": 4, "wanted": True, "age_s": None, "subject": "S01", "trial": "2"}
    rows = {row.name: row for row in view.recorder({"recording": REPORT, "record": wish}, None)}
    assert rows["Asked to"].value == "start S01 2 (of unknown age)"
    assert "Asked to" not in {row.name for row in view.recorder({"recording": REPORT, "record": None}, None)}


def test_an_order_is_an_event_in_words() -> None:
    told = {"kind": "record", "number": 4, "wanted": True, "subject": "S01", "task": "L3", "trial": "2"}
    assert view.event(told) == "recording start S01 L3 2"
    assert view.event({"kind": "record", "number": 5, "wanted": False}) == "recording stop"
