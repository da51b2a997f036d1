"""Rows 29, 30, 31: a disk that is full, slow or read-only. The stream goes on; the recording says what became of it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "jetson_runtime" / "recording"))

from recorded_suit import RecordedSuit
from worn_suit import until

from drivers.emulator.bench import Bench
from jetson_runtime.recording import catalogue
from jetson_runtime.recording.comparison import compare
from jetson_runtime.recording.mcap_file import Reading

NOT_RECORDING, RECORDER_SILENT = 50, 51
SLOW_DISK = """
import os, sys, time
at_once = os.fdatasync
def slowly(descriptor):
    time.sleep(2.0)
    at_once(descriptor)
os.fdatasync = slowly
from jetson_runtime.cli import main
sys.exit(main(["record", "--config", sys.argv[1]]))
"""


@contextlib.contextmanager
def mounted(folder: Path, *words: str) -> Iterator[None]:
    """A file system of its own in `folder`."""
    if os.geteuid() != 0:
        pytest.skip("to mount a file system needs root")
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(["mount", *words, str(folder)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextlib.contextmanager
def recorded(folder: Path) -> Iterator[RecordedSuit]:
    with Bench() as bench:
        suit = RecordedSuit(folder, bench)
        try:
            yield suit
        finally:
            suit.close()


def faults(suit: RecordedSuit) -> set[int]:
    return {fault["number"] for fault in suit.service.status.get("faults", [])}


def test_row_29_a_full_disk_ends_the_recording_with_a_flag_and_room_brings_it_back(tmp_path: Path) -> None:
    folder = tmp_path / "recordings"
    with mounted(folder, "-t", "tmpfs", "-o", "size=3m", "none"), recorded(tmp_path) as suit:
        suit.record()
        assert suit.frames_pass(400), suit.service.log
        ballast = folder / "ballast"
        with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(65_536))
        assert until(lambda: suit.told().get("state") == "paused", 30.0), suit.recorders[0].log
        assert NOT_RECORDING in faults(suit)
        assert "space" in suit.told()["why"]
        assert suit.frames_pass(200), "frames go on"
        (full,) = suit.files()
        assert catalogue.look(full).frames > 0
        ballast.unlink()
        assert until(lambda: suit.told().get("state") == "recording", 30.0), suit.recorders[0].log
        assert until(lambda: NOT_RECORDING not in faults(suit))
        first, second = suit.files()
        assert until(lambda: catalogue.look(second).frames > 800, 180.0), "more than a replay's warm-up"
        assert suit.recorders[0].stop() == 0
        assert first == full
        assert catalogue.look(second).state == catalogue.WHOLE
        assert compare([second]).same


def test_row_29_the_guard_stops_before_the_disk_is_full(tmp_path: Path) -> None:
    with Bench() as bench:
        suit = RecordedSuit(tmp_path, bench, "keep_free_mb = 1000000")
        try:
            suit.record()
            assert until(lambda: suit.told().get("state") == "paused", 60.0), suit.recorders[0].log
            assert "MB are free" in suit.told()["why"]
            assert suit.files() == []
            assert suit.frames_pass(100), "frames go on"
        finally:
            suit.close()


def test_row_30_a_disk_that_stalls_two_seconds_at_each_sync_costs_nothing(tmp_path: Path) -> None:
    with recorded(tmp_path) as suit:
        recorder = suit.record(("-c", SLOW_DISK))
        assert suit.frames_pass(400), suit.service.log
        assert suit.frames_pass(200)
        assert suit.frames_pass(1000), "frames go on"
        told = suit.told()
        assert (told["missed"], told["dropped"]) == (0, 0)
        assert recorder.stop() == 0
        (path,) = suit.files()
        found = compare([path])
        assert (found.same, found.gaps) == (True, 0)


def test_row_31_a_disk_that_turns_read_only_stops_the_recording_alone(tmp_path: Path) -> None:
    image, folder = tmp_path / "disk", tmp_path / "recordings"
    subprocess.run(["truncate", "--size=32M", str(image)], check=True)
    subprocess.run(["mkfs.ext4", "-q", str(image)], check=True)
    with mounted(folder, "-o", "loop", str(image)), recorded(tmp_path) as suit:
        suit.record()
        assert suit.frames_pass(400), suit.service.log
        subprocess.run(["mount", "-o", "remount,abort", str(folder)], check=False)
        assert until(lambda: suit.told().get("state") == "paused", 30.0), suit.recorders[0].log
        assert NOT_RECORDING in faults(suit)
        assert "ead-only" in suit.told()["why"]
        assert suit.frames_pass(200), "frames go on"
        (path,) = suit.files()
        frames = [message for message in Reading(path) if message.topic == "frame"]
        assert frames, "what was on the disk can be read"


def test_a_recorder_that_hangs_is_told_and_one_that_has_ended_is_not(tmp_path: Path) -> None:
    """Fault 51. The service cannot start it again: that is systemd's; it says so to whoever wears the suit."""
    with recorded(tmp_path) as suit:
        recorder = suit.record()
        assert until(lambda: suit.told().get("state") == "recording", 60.0), recorder.log
        assert RECORDER_SILENT not in faults(suit)
        recorder.process.send_signal(signal.SIGSTOP)
        try:
            assert until(lambda: RECORDER_SILENT in faults(suit), 30.0), suit.service.status
            assert suit.frames_pass(200), "frames go on"
        finally:
            recorder.process.send_signal(signal.SIGCONT)
        assert until(lambda: RECORDER_SILENT not in faults(suit), 30.0), suit.service.status
        assert recorder.stop() == 0
        assert until(lambda: suit.told().get("state") == "ended", 30.0)
        assert suit.frames_pass(1000), "longer than a silence"
        assert RECORDER_SILENT not in faults(suit)
        again = suit.record()
        assert until(lambda: suit.told().get("state") == "recording", 60.0), again.log
        again.kill()
        assert until(lambda: RECORDER_SILENT in faults(suit), 30.0), suit.service.status
