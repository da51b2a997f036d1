"""12: a recording of the suit: marks are in it, it is whole after its end and readable after a kill, and a replay gives
the same frames."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from running import Service, begin, command

# A replay needs so many frames until its own history is as long as the service's.
WARM_UP = 800


@pytest.fixture
def recorder(service: Service, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    assert service.config.output.local, "[output] local names no address for a recorder"
    service.until_valid()
    folder = str(tmp_path / "recordings")
    process = begin("record", "--config", str(service.config_path), "--folder", folder)
    yield process
    process.kill()
    process.wait(10)


def _recorder_state(service: Service) -> str:
    return str((service.status().get("recording") or {}).get("state"))


def _listed(folder: Path, *words: str) -> list[dict[str, Any]]:
    _, said = command("recordings", str(folder), "--json", *words)
    return [json.loads(line) for line in said.splitlines() if line.startswith("{")]


def test_a_recording_is_whole_and_replays_to_the_last_bit(
    service: Service, recorder: subprocess.Popen[bytes], tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    assert service.until(lambda: _recorder_state(service) == "recording"), service.status()
    print(service.ask("mark", "acceptance run", "--task", "W1"))
    service.watch(max(8.0, 60.0 * pytestconfig.getoption("--minutes")))
    recorder.terminate()
    assert recorder.wait(30) == 0
    (entry,) = _listed(tmp_path / "recordings")
    print(
        f"{entry['frames']} frames in {entry['duration_s']:.1f} s, {entry['size'] / 1e6:.1f} MB, {entry['state']}"
    )
    assert entry["state"] == "whole"
    assert entry["frames"] > WARM_UP
    status, said = command("replay", entry["path"])
    print(said)
    assert status == 0, "a frame differs"
    table = tmp_path / "table.csv"
    status, said = command("export", entry["path"], "--to", "csv", "--out", str(table))
    assert status == 0, said
    assert table.stat().st_size > 0


def test_a_killed_recorder_leaves_a_file_that_opens(
    service: Service, recorder: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    assert service.until(lambda: _recorder_state(service) == "recording"), service.status()
    seen = len(service.watch(5.0))
    recorder.kill()
    recorder.wait(10)
    (entry,) = _listed(tmp_path / "recordings")
    print(f"after the kill: {entry['frames']} frames are readable, {seen} came in the last 5 s")
    assert entry["state"] == "cut"
    assert entry["frames"] > seen / 2
    (mended,) = _listed(tmp_path / "recordings", "--repair")
    print(f"repaired: {mended['frames']} frames, {mended['state']}")
    assert mended["state"] == "whole"
    assert service.until(lambda: 51 in service.faults(), 30.0), "the status does not miss the recorder"
