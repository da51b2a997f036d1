"""Rows 25 and 26: the power is cut while the recorder writes and while state is saved, in a virtual machine, for real.

Its QEMU is killed with SIGKILL. What the machine's disk was given by then is looked at twice: all of it, and only what
was there at its last flush, as from a disk that loses its own memory with the power.
"""

from __future__ import annotations

import random
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent / "power_cut"))

from guest_disk import run
from virtual_machine import VirtualMachine, missing
from written import disk, surely_kept

from jetson_runtime.recording import catalogue
from jetson_runtime.recording.mcap_file import Reading
from jetson_runtime.stream import messages
from jetson_runtime.suit.state import StateFolder

MOST_LOST_S = 1.2
# The power may go between any two writes: so many of those moments.
CUTS_BETWEEN_WRITES = 20
SENT, SAVED = r"sent (\d+) (\d+)", r"saved (\d+)"


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VirtualMachine]:
    if reason := missing():
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("machine")
    yield VirtualMachine(folder)
    shutil.rmtree(folder)


def files(image: Path) -> Path:
    """What is on the disk after the file system's own recovery, copied out."""
    folder = image.with_name(f"{image.name}.files")
    folder.mkdir()
    run("e2fsck", "-fy", str(image), fine=(0, 1))
    run("debugfs", "-R", f"rdump / {folder}", str(image))
    return folder


def kept_frames(path: Path) -> list[tuple[int, int]]:
    """When each was sent, and its number."""
    frames = (message for message in Reading(path) if message.topic == messages.FRAME)
    return [(frame.t_ns, messages.decode(frame.payload)["seq"]) for frame in frames]


def saved_state(image: Path) -> int:
    """The number of the state on that disk, 0 where there is none; it must be whole."""
    loaded = StateFolder(files(image) / "state").load()
    assert loaded.damage == ""
    if loaded.state.tare is None:
        return 0
    number = int(loaded.state.tare.tare_id)
    assert {part.power_up_ns for part in loaded.state.tare.parts.values()} == {number}, "of one piece"
    return number


def test_row_25_a_power_cut_costs_the_recording_little_more_than_its_last_sync(
    machine: VirtualMachine, record_property: pytest.RecordProperty
) -> None:
    for frames in (1000, 1461, 1237):
        running = machine.go("record")
        running.until_told(SENT, frames)
        writes = running.cut()
        _, sent_ns = running.told(SENT)[-1]
        kept = disk(running.before, surely_kept(writes), running.disk.with_suffix(".kept"))
        for name, image in (("given", running.disk), ("kept", kept)):
            (path,) = (files(image) / "recordings").glob("*.mcap")
            assert catalogue.look(path).state == catalogue.CUT
            found = kept_frames(path)
            lost_s = (sent_ns - found[-1][0]) * 1e-9
            record_property(f"seconds_lost_{name}", round(lost_s, 3))
            assert lost_s <= MOST_LOST_S
            assert [seq for _, seq in found] == list(range(found[0][1], found[-1][1] + 1)), "without a gap"
            assert catalogue.repair(path).entry == catalogue.look(path)
            assert catalogue.look(path).state == catalogue.WHOLE
            assert kept_frames(path) == found


def test_row_26_a_power_cut_leaves_the_old_state_or_the_new(
    machine: VirtualMachine, record_property: pytest.RecordProperty
) -> None:
    for saves in (50, 171):
        running = machine.go("state")
        running.until_told(SAVED, saves)
        writes = running.cut()
        (saved,) = running.told(SAVED)[-1]
        kept = disk(running.before, surely_kept(writes), running.disk.with_suffix(".kept"))
        assert saved_state(running.disk) in (saved, saved + 1)
        assert saved_state(kept) in (saved, saved + 1), "what `save` has returned from is on the disk"
    found = [
        saved_state(disk(running.before, writes[:count], running.disk.with_suffix(f".{count}")))
        for count in sorted(random.Random(1).sample(range(len(writes)), CUTS_BETWEEN_WRITES))
    ]
    record_property("states_found", found)
    assert found == sorted(found)
    assert len(set(found)) > CUTS_BETWEEN_WRITES // 2
