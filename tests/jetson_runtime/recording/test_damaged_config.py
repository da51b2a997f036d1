"""A suit.toml that a power cut damaged: the recorder goes on with the copy that the service runs with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from recorded_suit import RecordedSuit, RecorderProcess
from worn_suit import until

from drivers.emulator.bench import Bench
from jetson_runtime.suit.config_copy import load
from jetson_runtime.suit.errors import ConfigDamaged, ConfigError

CONFIG = (
    '[model]\nbundle = "bundle"\n[recording]\nfolder = "kept"\n[streams]\n[output]\nlocal = ["ipc:///x"]\n'
)


@pytest.fixture
def config(tmp_path: Path) -> Iterator[Path]:
    """Of which a service has kept a copy."""
    path = tmp_path / "suit.toml"
    path.write_text(CONFIG)
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "suit.toml.last-good").write_text(CONFIG)
    yield path


@pytest.mark.parametrize("left", [0, 7, len('[model]\nbundle = "bundle"\n')], ids=["empty", "torn", "cut"])
def test_row_24_a_damaged_config_is_that_of_its_copy_with_its_own_folders(config: Path, left: int) -> None:
    config.write_text(CONFIG[:left])
    found, told = load(config)
    assert found.recording.folder == config.parent / "kept"
    assert "its last good copy" in told and told.startswith(str(config))
    moved = config.parent / "state"
    moved.rename(config.parent / "elsewhere")
    with pytest.raises(ConfigError):
        load(config)
    assert load(config, config.parent / "elsewhere")[1]


def test_row_24_a_mistake_or_a_copy_that_is_none_is_told_of_the_file_itself(config: Path) -> None:
    config.write_text(CONFIG.replace("folder", "foldr"))
    with pytest.raises(ConfigError, match="foldr"):
        load(config)
    config.write_text("[mod")
    (config.parent / "state" / "suit.toml.last-good").write_text("[mo")
    with pytest.raises(ConfigDamaged, match=r"suit\.toml: is not valid TOML"):
        load(config)


def test_row_24_a_recorder_records_with_the_copy_of_a_damaged_config_and_says_so(tmp_path: Path) -> None:
    with Bench() as bench:
        recorded = RecordedSuit(tmp_path, bench)
        copy = tmp_path / "state" / "suit.toml.last-good"
        try:
            assert until(copy.is_file, 120.0), recorded.service.log
            good = recorded.config.read_bytes()
            recorded.config.write_bytes(good[: len(good) // 2])
            recorder = recorded.record()
            assert until(recorded.files, 120.0), recorder.log
            assert f"its last good copy {copy} is used" in recorder.log
            assert recorder.stop() == 0, recorder.log
            copy.unlink()
            refused = RecorderProcess(recorded.config)
            assert refused.process.wait(60.0) == 2
            assert "suit.toml: " in refused.log and "Traceback" not in refused.log
        finally:
            recorded.close()
