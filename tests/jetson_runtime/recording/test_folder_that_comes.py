"""A folder on a stick that is mounted later, or taken away: tried again without an end, and told once."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from recorded_suit import RecordedSuit
from worn_suit import until

from drivers.emulator.bench import Bench
from jetson_runtime.recording.mcap_file import Reading
from jetson_runtime.recording.store import Store
from jetson_runtime.stream import messages
from jetson_runtime.suit.config import RecordingTable


class Stick:
    """No folder can be made at `mount`, not by root either, until `plug`; it is empty then."""

    def __init__(self, folder: Path) -> None:
        self.mount = folder / "stick"
        self.mount.touch()

    def plug(self) -> None:
        self.mount.unlink()
        self.mount.mkdir()

    def pull(self) -> None:
        shutil.rmtree(self.mount)
        self.mount.touch()


@pytest.fixture
def stick(tmp_path: Path) -> Iterator[Stick]:
    yield Stick(tmp_path)


def test_a_folder_that_is_not_there_yet_or_vanishes_is_made_again_and_told_once(stick: Stick) -> None:
    asked: list[int] = []
    told: list[str] = []
    folder = stick.mount / "recordings" / "of today"
    store = Store(RecordingTable(folder=folder, keep_free_mb=0), lambda: asked.append(1), told.append)
    number = 0

    def second() -> str:
        """What comes within it, and the look at its end."""
        nonlocal number
        for _ in range(3):
            number += 1
            payload = messages.encode_event("mark", {"text": str(number)}, "s1", number)
            store.add(messages.decode(payload), payload)
        store.keep()
        return store.state

    assert {second() for _ in range(5)} == {"paused"}
    assert len(told) == 1 and "not recording" in told[0]
    stick.plug()
    assert second() == "recording" == second()
    assert asked and len(list(folder.glob("*.mcap"))) == 1
    stick.pull()
    assert second() == "paused"
    assert {second() for _ in range(5)} == {"paused"}
    assert len([line for line in told if "is gone from its folder" in line]) == 1, told
    before = len(told)
    stick.plug()
    second()
    assert second() == "recording"
    last = number
    store.close()
    assert len(told) == before + 1
    (path,) = folder.glob("*.mcap")
    assert [message.t_ns for message in Reading(path)][-1] == last


def test_a_recorder_that_waits_for_its_stick_begins_when_it_is_there(tmp_path: Path, stick: Stick) -> None:
    with Bench() as bench:
        recorded = RecordedSuit(tmp_path, bench)
        folder = stick.mount / "kept"
        config = recorded.config.read_text().replace(str(recorded.folder), str(folder))
        recorded.config.write_text(config)
        try:
            recorder = recorded.record()
            assert until(lambda: recorded.told().get("state") == "paused", 120.0), recorder.log
            assert recorded.frames_pass(600), recorded.service.log
            assert recorder.log.count("not recording") == 1
            stick.plug()
            assert until(lambda: recorded.told().get("state") == "recording", 60.0), recorder.log
            assert recorded.frames_pass(200), recorded.service.log
            assert recorder.stop() == 0, recorder.log
            assert len(list(folder.glob("*.mcap"))) == 1
        finally:
            recorded.close()
