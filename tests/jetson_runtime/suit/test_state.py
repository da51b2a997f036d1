"""What outlives a power cut: whole or not at all, the one before where the last is damaged, its age on both clocks."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jetson_runtime.suit import durable
from jetson_runtime.suit.config import Wearer
from jetson_runtime.suit.errors import StateError
from jetson_runtime.suit.state import FitState, Instant, Loaded, StateFolder, SuitState, WearerState

NOW = Instant(utc_ns=1_790_000_000_000_000_000, boot_id="this boot", monotonic_ns=50_000_000_000)

_WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from test_state import numbered
from jetson_runtime.suit.state import StateFolder
folder = StateFolder(Path(sys.argv[1]))
number = int(sys.argv[2])
while True:
    number += 1
    folder.save(numbered(number))
    print(number, flush=True)
"""


def numbered(number: int) -> SuitState:
    """A state that says which one it is, some kilobytes long."""
    return SuitState(fit=FitState(at=NOW, found=(f"{number}",) * 400, basis=str(number)))


def number_of(loaded: Loaded) -> int:
    assert loaded.state.fit is not None
    assert set(loaded.state.fit.found) == {loaded.state.fit.basis}
    return int(loaded.state.fit.basis)


def test_what_was_saved_is_read_back(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path / "state")
    assert folder.load() == Loaded(SuitState())
    wearer = Wearer(mass_kg=81.5, foot_length_m=0.28, foot_width_m=0.1)
    state = SuitState(wearer=WearerState(at=NOW, wearer=wearer, config=None))
    folder.save(state)
    assert StateFolder(tmp_path / "state").load() == Loaded(state)


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda data: data[: len(data) // 2], "cut off"),
        (lambda data: b"", "cut off"),
        (lambda data: bytes(len(data)), "cut off"),
        (lambda data: data.replace(b'"2"', b'"3"', 1), "checksum"),
        (lambda data: data.replace(b'"format": 1', b'"format": 9'), "format 9"),
        (lambda data: b"[" * 100_000, "cut off"),
    ],
)
def test_row_24_a_damaged_state_gives_way_to_the_one_before_and_is_stale(
    tmp_path: Path, damage: object, told: str
) -> None:
    folder = StateFolder(tmp_path)
    folder.save(numbered(1))
    folder.save(numbered(2))
    path = tmp_path / "state.json"
    path.write_bytes(damage(path.read_bytes()))  # type: ignore[operator]
    again = StateFolder(tmp_path)
    loaded = again.load()
    assert loaded.stale
    assert told in loaded.damage
    assert number_of(loaded) == 1
    again.save(numbered(3))  # the damaged one must not take the place of the good one before it
    path.write_bytes(b"")
    assert number_of(StateFolder(tmp_path).load()) == 1


def test_row_24_a_state_that_is_gone_gives_way_to_the_one_before(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    folder.save(numbered(1))
    folder.save(numbered(2))
    (tmp_path / "state.json").unlink()
    loaded = StateFolder(tmp_path).load()
    assert (loaded.stale, number_of(loaded)) == (True, 1)


def test_row_24_a_tare_stays_stale_through_other_saves_and_older_versions_read_past_the_mark(
    tmp_path: Path,
) -> None:
    """The wearer that is set after the damage must not make the old tare the last one."""
    folder = StateFolder(tmp_path)
    folder.save(numbered(1))
    folder.save(numbered(2))
    path = tmp_path / "state.json"
    path.write_bytes(b"")
    again = StateFolder(tmp_path)
    again.save(again.load().state)
    loaded = StateFolder(tmp_path).load()
    assert (loaded.stale, loaded.damage, number_of(loaded)) == (True, "", 1)
    kept = json.loads(path.read_bytes())
    assert "tare_stale" not in kept["state"]  # whose fields a version of before would refuse
    del kept["tare_stale"]  # as such a version writes it
    path.write_text(json.dumps(kept))
    loaded = StateFolder(tmp_path).load()
    assert (loaded.stale, loaded.damage, number_of(loaded)) == (False, "", 1)
    path.write_text(json.dumps({**kept, "tare_stale": "?"}))
    assert StateFolder(tmp_path).load().damage.endswith("neither true nor false")


def test_row_26_a_kill_while_writing_leaves_the_old_state_or_the_new(tmp_path: Path) -> None:
    """Twenty times SIGKILL amid endless saves: never half a state, and never one older than the last reported one."""
    reported = 0
    for kill in range(20):
        writer = subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(tmp_path), str(reported), str(Path(__file__).parent)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert writer.stdout is not None
        first = int(writer.stdout.readline())
        time.sleep(0.003 * kill)
        writer.send_signal(signal.SIGKILL)
        lines = writer.stdout.read().split("\n")
        writer.wait()
        reported = max([first, *(int(line) for line in lines[:-1] if line)])
        loaded = StateFolder(tmp_path).load()
        assert not loaded.stale
        assert number_of(loaded) in (reported, reported + 1)
        reported = number_of(loaded)


def test_row_26_the_disk_has_content_then_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The order that a power cut may interrupt anywhere: content synced, then renamed, then the folder synced."""
    steps: list[str] = []
    fsync, replace = os.fsync, os.replace

    def log_fsync(descriptor: int) -> None:
        steps.append("sync " + ("folder" if os.path.isdir(f"/proc/self/fd/{descriptor}") else "content"))
        fsync(descriptor)

    def log_replace(source: Path, target: Path) -> None:
        steps.append(f"rename to {target.name}")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", log_fsync)
    monkeypatch.setattr(os, "replace", log_replace)
    folder = StateFolder(tmp_path)
    folder.save(numbered(1))
    assert steps == ["sync content", "rename to state.json", "sync folder"]
    steps.clear()
    folder.save(numbered(2))
    assert steps == ["rename to state.before.json", "sync content", "rename to state.json", "sync folder"]


def test_a_folder_that_cannot_be_written_is_told_and_keeps_what_it_has(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path / "state")
    folder.save(numbered(1))
    (tmp_path / "state" / ".state.json.new").mkdir()  # root may write anything but over a folder
    with pytest.raises(StateError, match=r"state\.json: cannot be written"):
        folder.save(numbered(2))
    assert number_of(StateFolder(tmp_path / "state").load()) == 1


def test_ages_on_either_clock() -> None:
    later = Instant(
        utc_ns=NOW.utc_ns + 3600 * 10**9, boot_id="this boot", monotonic_ns=NOW.monotonic_ns + 10**9
    )
    assert NOW.age_s(later) == 1.0  # the wall clock was set in between
    after_boot = later.model_copy(update={"boot_id": "next boot", "monotonic_ns": 5})
    assert NOW.age_s(after_boot) == 3600.0
    unset = after_boot.model_copy(update={"utc_ns": 1000})
    assert NOW.age_s(unset) is None
    assert json.loads(Instant.now().model_dump_json())["boot_id"]


def test_a_failed_write_leaves_no_litter(tmp_path: Path) -> None:
    target = tmp_path / "folder"
    (target / "inside").mkdir(parents=True)
    with pytest.raises(OSError, match="directory"):
        durable.write(target, b"x")
    assert sorted(item.name for item in tmp_path.iterdir()) == ["folder"]
