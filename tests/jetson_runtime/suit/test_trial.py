"""The trial file: written and read back, and its defects told at once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from jetson_runtime.suit.errors import TrialError
from jetson_runtime.suit.trial import PLATE_NAMES, Trial, TrialMeta, read_trial, write_trial


@pytest.fixture
def trial() -> Trial:
    random = np.random.default_rng(1)
    meta = TrialMeta("s1", "W", 70.0, 0.27, 0.10, source="test", extra={"speed": "1.2"})
    return Trial(
        time_s=np.arange(50) / 200,
        channels=random.normal(size=(50, 54)).astype(np.float32),
        labels=random.normal(size=(50, 14)).astype(np.float32),
        meta=meta,
        quaternions={"back": random.normal(size=(50, 4)).astype(np.float32)},
    )


def test_what_is_written_is_read_back(trial: Trial, tmp_path: Path) -> None:
    write_trial(tmp_path / "t.parquet", trial)
    back = read_trial(tmp_path / "t.parquet")
    assert back.meta == trial.meta
    assert np.array_equal(back.channels, trial.channels)
    assert np.array_equal(back.labels, trial.labels)
    assert np.array_equal(back.quaternions["back"], trial.quaternions["back"])


def test_what_force_plates_measured_is_read_back(trial: Trial, tmp_path: Path) -> None:
    """NaN where a foot is in the air, as every plate tells it; no plates stay none."""
    plates = np.random.default_rng(2).normal(size=(50, 6)).astype(np.float32)
    plates[10:20, 1:3] = np.nan
    write_trial(tmp_path / "with.parquet", replace(trial, plates=plates))
    write_trial(tmp_path / "without.parquet", trial)
    back = read_trial(tmp_path / "with.parquet")
    np.testing.assert_array_equal(back.plates, plates)
    assert np.array_equal(back.channels, trial.channels)
    assert pq.read_schema(tmp_path / "with.parquet").names[-6:] == list(PLATE_NAMES)
    assert read_trial(tmp_path / "without.parquet").plates is None


def test_every_defect_at_once(trial: Trial, tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    write_trial(path, trial)
    table = pq.read_table(path).drop_columns(["back_gyro_y", "knee_angle_r"])
    pq.write_table(table.replace_schema_metadata({b"subject": b"s", b"task": b"W"}), path)
    with pytest.raises(TrialError) as caught:
        read_trial(path)
    for word in ("t.parquet", "back_gyro_y", "knee_angle_r", "body_mass_kg", "foot_length_m"):
        assert word in str(caught.value)


def test_a_gap_in_time_is_named_by_its_row(trial: Trial, tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    time = trial.time_s.copy()
    time[20:] += 0.005
    write_trial(path, Trial(time, trial.channels, trial.labels, trial.meta))
    with pytest.raises(TrialError, match="row 20"):
        read_trial(path)


def test_a_file_that_is_no_parquet(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    path.write_bytes(b"no")
    with pytest.raises(TrialError, match="cannot be read"):
        read_trial(path)


def test_the_real_motion_trials_can_be_read(shared: Path) -> None:
    trials = [read_trial(path) for path in sorted((shared / "data" / "trials").glob("*.parquet"))]
    assert len(trials) == 14
    standing = next(trial for trial in trials if trial.meta.extra["trial"] == "subject4_squats1")
    assert abs(float(standing.channels[0, 1]) - 9.81) < 0.2
