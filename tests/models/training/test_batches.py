"""What a fold is shown: the same for the same seed, and sensors lost as the runtime shows them lost."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch")

from jetson_runtime.suit import signals
from models.data.dataset import Recording, mirrored
from models.data.folds import leave_one_out
from models.training.batches import FoldBatches, put_on_anew, with_lost_sensors
from models.training.recipe import TrainConfig

CONFIG = TrainConfig(batch=3, outputs=4)


def _batches(recordings: list[Recording], config: TrainConfig = CONFIG, fold: str = "s0") -> FoldBatches:
    splits = leave_one_out((r.subject for r in recordings), [fold])
    return FoldBatches(fold, recordings, splits[fold], config)


def test_a_step_s_batch_depends_on_seed_fold_and_step_alone(recordings: list[Recording]) -> None:
    config = replace(CONFIG, donning_deg=3.0, sensor_dropout=0.3)
    first, again = _batches(recordings, config), _batches(recordings[::1], config)
    for step in (5, 2):
        np.testing.assert_array_equal(first.draw(step)[0], again.draw(step)[0])
    assert not np.array_equal(first.draw(2)[0], first.draw(3)[0])
    other = _batches(recordings, replace(config, seed=1))
    assert not np.array_equal(first.draw(2)[0], other.draw(2)[0])


def test_folds_of_a_leave_one_out_run_have_epochs_of_the_same_length(recordings: list[Recording]) -> None:
    uneven = [recordings[0], *(replace(r, rows=r.rows[:400], labels=r.labels[:400]) for r in recordings[1:])]
    assert _batches(uneven, fold="s0").steps == _batches(uneven, fold="s3").steps >= 1


def test_the_right_leg_alone_is_never_mirrored(recordings: list[Recording]) -> None:
    marked = [replace(r, rows=np.zeros_like(r.rows)) for r in recordings]
    for r in marked:
        r.rows[:, signals.CHANNEL_INDEX["thigh_r_accel_x"]] = 1.0
    right = signals.CHANNEL_INDEX["thigh_r_accel_x"]

    def shown(config: TrainConfig) -> set[float]:
        batches = _batches(marked, config)
        return {float(x) for step in range(6) for x in batches.draw(step)[0][:, 0, right]}

    assert shown(replace(CONFIG, legs="right")) == {1.0}
    assert shown(CONFIG) == {0.0, 1.0}


def test_a_lost_sensor_is_what_the_runtime_shows_of_a_missing_stream() -> None:
    random = np.random.default_rng(0)
    rows = random.normal(5.0, 1.0, (400, 60, 54)).astype(np.float32)
    shown = with_lost_sensors(rows, np.random.default_rng(1), 0.2)
    fill = np.asarray(signals.CHANNEL_FILL, np.float32)
    whole = late = 0
    for stream in signals.STREAMS:
        columns = list(stream.channels)
        lost = (shown[:, :, columns] == fill[columns]).all(axis=2)
        kept = shown[:, :, columns][~lost]
        np.testing.assert_array_equal(kept, rows[:, :, columns][~lost])
        assert (np.diff(lost.astype(int), axis=1) >= 0).all(), "once lost it stays lost"
        whole += int(lost[:, 0].sum())
        late += int((lost[:, -1] & ~lost[:, 0]).sum())
    assert (whole + late) / (400 * 8) == pytest.approx(0.2, abs=0.03)
    assert whole / (whole + late) == pytest.approx(0.5, abs=0.08)


def test_the_fill_is_its_own_mirror_image() -> None:
    fill = np.asarray(signals.CHANNEL_FILL, np.float32)
    np.testing.assert_array_equal(mirrored(fill[None])[0], fill)


def test_a_channel_that_does_not_move_is_not_turned() -> None:
    rows = np.random.default_rng(0).normal(size=(2, 300, 54)).astype(np.float32)
    stream = signals.STREAMS[3]
    columns = list(stream.channels)
    rows[0][:, columns] = np.asarray(signals.CHANNEL_FILL, np.float32)[columns]
    turned = put_on_anew(rows, np.random.default_rng(2), 5.0)
    np.testing.assert_array_equal(turned[0][:, columns], rows[0][:, columns])
    assert not np.isclose(turned[1][:, columns], rows[1][:, columns]).all()
    accel = slice(columns[0], columns[0] + 3)
    np.testing.assert_allclose(
        np.linalg.norm(turned[1][:, accel], axis=1), np.linalg.norm(rows[1][:, accel], axis=1), rtol=1e-4
    )
