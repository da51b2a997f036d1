"""Rows as the suit delivers them; legs, masks and segments."""

from __future__ import annotations

import inspect
import os
import shutil
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

pytest.importorskip("torch")

from made_up_trials import made_up_trial

from jetson_runtime.suit import signals
from jetson_runtime.suit.errors import TrialError
from jetson_runtime.suit.trial import write_trial
from jetson_runtime.timing import align, lowpass, resample, ring, weights
from models.data import dataset, offline
from models.data.dataset import Floats, Recording


def test_a_trial_becomes_rows_by_the_aligner_of_the_body() -> None:
    trial = made_up_trial("s", 1, seconds=3.0)
    recording = dataset.record("s_W_0", trial)
    imu = list(signals.STREAMS[0].channels)
    insole = list(signals.STREAMS[6].channels)
    assert recording.rows.shape == trial.channels.shape
    spread = trial.channels[:, imu].std(axis=0).mean()
    assert np.abs(recording.rows[50:, imu] - trial.channels[50:, imu]).max() < 0.2 * spread
    # 75 to 80 Hz carried to 200 Hz: the rows cannot be the trial's own, and most repeat or lag.
    late = recording.rows[50:, insole] - trial.channels[50:, insole]
    assert np.all(np.abs(late).mean(axis=0) > 0.02 * trial.channels[:, insole].std(axis=0))
    np.testing.assert_array_equal(recording.rows, dataset.record("s_W_0", trial).rows)
    assert not np.array_equal(recording.rows, dataset.record("s_W_1", trial).rows)


def test_what_is_undefined_or_absent_gets_the_fill_value() -> None:
    trial = made_up_trial("s", 1, seconds=2.0)
    channels = trial.channels.copy()
    cop = signals.CHANNEL_INDEX["insole_l_cop_ap"]
    channels[100:200, cop : cop + 2] = np.nan
    channels[:, list(signals.STREAMS[0].channels)] = np.nan
    rows = dataset.record("s", replace(trial, channels=channels)).rows
    assert np.isfinite(rows).all()
    np.testing.assert_array_equal(rows[130:190, cop], 0.5)
    np.testing.assert_array_equal(
        rows[:, signals.CHANNEL_INDEX["back_accel_y"]], np.float32(signals.STANDARD_GRAVITY)
    )


def test_the_left_leg_reads_the_mirrored_suit(recordings: list[Recording]) -> None:
    recording = recordings[0]
    right, right_truth = recording.leg("r")
    left, left_truth = recording.leg("l")
    name = signals.CHANNEL_INDEX
    np.testing.assert_array_equal(left[:, name["thigh_r_accel_z"]], -right[:, name["thigh_l_accel_z"]])
    np.testing.assert_array_equal(left[:, name["thigh_l_gyro_z"]], right[:, name["thigh_r_gyro_z"]])
    np.testing.assert_array_equal(left[:, name["insole_r_vgrf"]], right[:, name["insole_l_vgrf"]])
    np.testing.assert_array_equal(dataset.mirrored(left), right)
    knee, back = signals.OUTCOME_NAMES.index("knee_angle"), signals.OUTCOME_NAMES.index("lumbar_extension")
    truth = recording.labels[300]
    assert right_truth[300, knee] == truth[signals.LABEL_NAMES.index("knee_angle_r")]
    assert left_truth[300, knee] == truth[signals.LABEL_NAMES.index("knee_angle_l")]
    assert left_truth[300, back] == right_truth[300, back]
    assert np.isnan(left_truth[:248]).all() and np.isfinite(left_truth[248:]).all()


def test_statistics_are_those_of_both_legs(recordings: list[Recording]) -> None:
    mean, sd = dataset.input_statistics(recordings)
    legs = np.concatenate([r.leg(side)[0][::8] for r in recordings for side in signals.SIDES])
    np.testing.assert_allclose(mean, legs.mean(axis=0), atol=1e-4)
    np.testing.assert_allclose(sd, legs.std(axis=0), rtol=1e-4)
    assert abs(mean[signals.CHANNEL_INDEX["back_accel_z"]]) < 1e-6


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A trial whose rows were made once."""
    write_trial(tmp_path / "a_W_0.parquet", made_up_trial("a", 1, seconds=1.5))
    dataset.load(tmp_path)
    return tmp_path


def _mark(folder: Path) -> Floats:
    """Changes the rows that were kept, so that one sees whether they are used; returns what they were."""
    kept = folder / "rows" / "a_W_0.device.npz"
    with np.load(kept) as table:
        rows, key, facts = table["rows"], table["key"], table["facts"]
    np.savez(kept, rows=rows + 1.0, key=key, facts=facts)
    return rows


def test_a_folder_is_read_once_and_its_rows_kept(folder: Path) -> None:
    assert [path.name for path in (folder / "rows").iterdir()] == ["a_W_0.device.npz"]
    rows = _mark(folder)
    (again,) = dataset.load(folder)
    assert again.subject == "a"
    np.testing.assert_allclose(again.rows, rows + 1.0)


@pytest.mark.parametrize("maker", [resample, align, lowpass, weights, ring, signals, offline])
def test_rows_that_other_code_made_are_made_anew(
    folder: Path, monkeypatch: pytest.MonkeyPatch, maker: ModuleType
) -> None:
    source = inspect.getsource
    monkeypatch.setattr(inspect, "getsource", lambda made: source(made) + "#" * (made is maker))
    rows = _mark(folder)
    dataset._code.cache_clear()
    try:
        np.testing.assert_array_equal(dataset.load(folder)[0].rows, rows)
        assert len(list((folder / "rows").iterdir())) == 1
    finally:
        dataset._code.cache_clear()


def test_an_older_file_put_in_a_trial_s_place_is_read(folder: Path) -> None:
    """As a copy that keeps its times does, or an archive unpacked over the folder."""
    path = folder / "a_W_0.parquet"
    write_trial(path, made_up_trial("b", 2, seconds=1.5))
    os.utime(path, (1e9, 1e9))
    (found,) = dataset.load(folder)
    expected = dataset.record("a_W_0", made_up_trial("b", 2, seconds=1.5))
    assert found.subject == "b"
    np.testing.assert_allclose(found.rows, expected.rows, atol=1e-5)


def test_rows_are_made_anew_where_none_can_be_kept_or_read(folder: Path) -> None:
    rows = dataset.load(folder)[0].rows
    (kept,) = (folder / "rows").iterdir()
    content = kept.read_bytes()
    for damaged in (content[:1000], b"", b"hello", content[:1000] + bytes(1000) + content[2000:]):
        kept.write_bytes(damaged)
        np.testing.assert_array_equal(dataset.load(folder)[0].rows, rows)
    np.savez(kept, rows=rows)
    np.testing.assert_array_equal(dataset.load(folder)[0].rows, rows)
    shutil.rmtree(folder / "rows")
    (folder / "rows").write_text("no folder: nothing can be written into it, whoever asks")
    np.testing.assert_array_equal(dataset.load(folder)[0].rows, rows)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrialError, match=r"holds no trial.*second-skin-lab virtual"):
        dataset.load(tmp_path)


def test_neutral_stances_are_neither_trained_on_nor_scored(folder: Path) -> None:
    stance = made_up_trial("a", 5, seconds=1.5)
    write_trial(
        folder / "a_neutral_0.parquet", replace(stance, meta=replace(stance.meta, task="other:neutral"))
    )
    assert [recording.name for recording in dataset.load(folder)] == ["a_W_0"]
    (folder / "a_W_0.parquet").unlink()
    with pytest.raises(TrialError, match="neutral stances only"):
        dataset.load(folder)


def test_each_way_keeps_its_own_rows(folder: Path) -> None:
    (device,), (offline_one,) = dataset.load(folder), dataset.load(folder, way="offline")
    assert sorted(path.name for path in (folder / "rows").iterdir()) == [
        "a_W_0.device.npz",
        "a_W_0.offline.npz",
    ]
    assert not np.array_equal(device.rows, offline_one.rows)
    for way, rows in (("device", device.rows), ("offline", offline_one.rows)):
        np.testing.assert_array_equal(dataset.load(folder, way=way)[0].rows, rows)


def test_errors_of_all_files_are_told_in_one_message_and_nothing_is_kept(folder: Path) -> None:
    for name in ("b_W_0", "c_W_0"):
        trial = made_up_trial(name[0], ord(name[0]), seconds=1.5)
        trial.channels[:, :3] /= 9.81
        write_trial(folder / f"{name}.parquet", trial)
    (folder / "d_W_0.parquet").write_bytes((folder / "a_W_0.parquet").read_bytes())
    for _ in range(2):
        with pytest.raises(TrialError) as refused:
            dataset.load(folder)
        lines = str(refused.value).splitlines()
        assert "3 errors" in lines[0]
        assert [line.split(":")[0].strip() for line in lines[1:]] == [
            "b_W_0.parquet",
            "c_W_0.parquet",
            "d_W_0.parquet",
        ]
        assert "it seems to be in g" in lines[1] and "same recording as a_W_0" in lines[3]
