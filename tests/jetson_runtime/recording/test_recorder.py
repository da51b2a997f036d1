"""The recorder as a process: what it writes opens, is repaired where it was cut, and replays to the last bit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from recorded_suit import RecordedSuit
from worn_suit import until

from drivers.emulator.bench import Bench
from jetson_runtime.cli import main
from jetson_runtime.recording import catalogue
from jetson_runtime.recording.catalogue import CUT, OPEN, WHOLE
from jetson_runtime.recording.comparison import compare
from jetson_runtime.recording.mcap_file import Reading
from jetson_runtime.stream import messages


@pytest.fixture
def recorded(tmp_path: Path) -> Iterator[RecordedSuit]:
    with Bench() as bench:
        recorded = RecordedSuit(tmp_path, bench)
        yield recorded
        recorded.close()


def test_a_recording_is_whole_and_replays_to_the_last_bit(
    recorded: RecordedSuit, capsys: pytest.CaptureFixture[str]
) -> None:
    recorder = recorded.record()
    assert recorded.frames_pass(1000), recorded.service.log
    (path,) = recorded.files()
    assert catalogue.look(path).state == OPEN
    assert recorder.stop() == 0, recorder.log
    entry = catalogue.look(path)
    assert entry.state == WHOLE
    assert entry.frames > 600
    assert recorded.service.client.session in path.name
    assert {message.topic for message in Reading(path)} >= {
        "raw",
        "features",
        "frame",
        "hello",
        "session",
        "status",
    }
    assert main(["replay", str(path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["same"]
    assert told["equal"] > 200
    assert (told["different"], told["missing"], told["gaps"], told["build"]) == (0, 0, 0, {})


def test_a_recorder_that_is_killed_leaves_a_file_that_opens_and_is_repaired(
    recorded: RecordedSuit, capsys: pytest.CaptureFixture[str]
) -> None:
    recorder = recorded.record()
    assert recorded.frames_pass(1000), recorded.service.log
    recorded.service.client.recv_all(0)
    last = recorded.service.client.latest
    recorder.kill()
    (path,) = recorded.files()
    before = list(Reading(path))
    assert catalogue.look(path).state == CUT
    newest = max(messages.decode(m.payload)["seq"] for m in before if m.topic == "frame")
    assert last is not None
    assert last.seq - newest < 200, "at most a second of frames"
    assert main(["recordings", str(recorded.folder)]) == 1
    assert "--repair" in capsys.readouterr().err
    assert main(["recordings", str(recorded.folder), "--repair"]) == 0
    assert catalogue.look(path).state == WHOLE
    assert list(Reading(path)) == before
    assert compare([path]).same


def test_a_second_recorder_run_goes_on_in_another_part_of_the_same_session(recorded: RecordedSuit) -> None:
    recorded.record()
    assert recorded.frames_pass(300), recorded.service.log
    recorded.recorders[-1].kill()
    recorder = recorded.record()
    assert until(lambda: len(recorded.files()) == 2)
    recorded.frames_pass(900)
    assert recorder.stop() == 0
    first, second = recorded.files()
    assert (first.stem[-3:], second.stem[-3:]) == ("000", "001")
    assert compare([second]).same


def test_parts_follow_each_other_without_a_gap(tmp_path: Path) -> None:
    with Bench() as bench:
        recorded = RecordedSuit(tmp_path, bench, "keep_free_mb = 0\npart_mb = 1")
        try:
            recorder = recorded.record()
            assert until(lambda: len(recorded.files()) >= 3, 60.0), recorder.log
            recorded.frames_pass(600)
            assert recorder.stop() == 0
        finally:
            recorded.close()
    parts = recorded.files()
    assert {catalogue.look(path).state for path in parts} == {WHOLE}
    together = compare(parts)
    assert (together.same, together.gaps) == (True, 0)
    frames = [
        messages.decode(m.payload)["seq"] for path in parts for m in Reading(path) if m.topic == "frame"
    ]
    assert frames == sorted(set(frames)), "no frame twice, none out of order"
    assert compare(parts[1:2]).missing == 0


def test_damage_in_the_middle_costs_its_chunk_alone_and_the_original_is_kept(recorded: RecordedSuit) -> None:
    recorder = recorded.record()
    assert recorded.frames_pass(300), recorded.service.log
    recorded.frames_pass(300)
    recorder.stop()
    (path,) = recorded.files()
    count = sum(1 for _ in Reading(path))
    damaged = bytearray(path.read_bytes())
    middle = len(damaged) // 2
    damaged[middle : middle + 64] = bytes(64)
    path.write_bytes(damaged)
    # Where it lies on a chunk's end, the next record's head is a second place.
    assert catalogue.repair(path).damaged in (1, 2)
    assert path.with_name(path.name + ".damaged").read_bytes() == bytes(damaged)
    assert 0.5 * count < sum(1 for _ in Reading(path)) < count


def test_a_config_without_a_local_address_is_told_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "suit.toml"
    config.write_text('[model]\nbundle = "x"\n[streams]\n')
    assert main(["record", "--config", str(config)]) == 2
    assert "under [output]" in capsys.readouterr().err
