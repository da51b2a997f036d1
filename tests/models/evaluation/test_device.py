"""Series of a bundle: the device's own numbers, scored where they may be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_up_trials import made_up_trial

from jetson_runtime.inference import bundle as bundles
from jetson_runtime.inference import engines
from jetson_runtime.suit import signals
from models.data.dataset import Recording
from models.evaluation.device import Device, unknown_ground

HISTORY = 248


@pytest.fixture(scope="module")
def recording() -> Recording:
    trial = made_up_trial("s0", 0, seconds=4.0)
    return Recording("s0_W_0", "s0", "W", trial.channels, trial.labels, "W2")


@pytest.fixture(scope="module")
def demo() -> bundles.Bundle:
    return bundles.load(bundles.SHIPPED)


def test_it_tells_what_the_engine_tells_of_both_legs(demo: bundles.Bundle, recording: Recording) -> None:
    series = Device(demo).series(recording)
    legs = np.stack([recording.leg(side)[0] for side in signals.SIDES], axis=1)
    engine, out = engines.create("numpy", demo, 2), np.empty((800, 2, 8), np.float32)
    for rows, answer in zip(legs, out, strict=True):
        engine.step(rows, answer)
    knee = signals.OUTCOME_NAMES.index("knee_angle")
    lumbar = signals.OUTCOME_NAMES.index("lumbar_extension")
    told = series.estimates["tcn"][HISTORY:]
    at = signals.LABEL_NAMES.index
    np.testing.assert_allclose(told[:, at("knee_angle_r")], out[HISTORY:, 0, knee], atol=2e-3)
    np.testing.assert_allclose(told[:, at("knee_angle_l")], out[HISTORY:, 1, knee], atol=2e-3)
    np.testing.assert_allclose(
        told[:, at("lumbar_extension")], out[HISTORY:, :, lumbar].mean(axis=1), atol=2e-3
    )
    right = demo.baselines().ridge(recording.rows)
    np.testing.assert_allclose(series.estimates["ridge"][HISTORY:, at("knee_angle_r")], right[HISTORY:, knee])


def test_the_first_248_rows_are_neither_told_nor_scored(seven: Path, recording: Recording) -> None:
    mine = np.ones((800, 14))
    series = Device(bundles.load(seven)).series(recording, {"mine": mine})
    assert (series.name, series.subject, series.task, series.condition) == ("s0_W_0", "s0", "W", "W2")
    for values in (series.truth, *series.estimates.values()):
        assert np.isnan(values[:HISTORY]).all() and np.isfinite(values[HISTORY:]).all()
    np.testing.assert_allclose(series.estimates["tcn"][HISTORY:], 7.0, atol=1e-5)
    np.testing.assert_allclose(series.estimates["constant"][HISTORY:], 1.0)


@pytest.mark.parametrize("rows", [30, 248, 300, 495])
def test_a_short_trial_is_led_in_and_counts_from_its_first_row(
    demo: bundles.Bundle, recording: Recording, rows: int
) -> None:
    short = replace(recording, rows=recording.rows[:rows], labels=recording.labels[:rows])
    series = Device(demo).series(short)
    assert series.truth.shape == (rows, 14)
    assert np.isfinite(series.truth).all() and np.isfinite(series.estimates["tcn"]).all()
    held = replace(
        recording,
        rows=np.concatenate([np.repeat(short.rows[:1], 496, axis=0), short.rows]),
        labels=np.zeros((496 + rows, 14), np.float32),
    )
    longer = Device(demo).series(held).estimates["tcn"][496:]
    np.testing.assert_allclose(series.estimates["tcn"], longer, atol=1e-2)


def test_a_foot_on_something_unmeasured_is_not_scored_but_a_missing_insole_is(
    seven: Path, recording: Recording
) -> None:
    trial = made_up_trial("s0", 0, seconds=4.0)
    channels = trial.channels.copy()
    channels[:, signals.CHANNEL_INDEX["insole_l_vgrf"]] = np.nan
    channels[500:520, signals.CHANNEL_INDEX["insole_r_vgrf"]] = np.nan
    unknown = unknown_ground(replace(trial, channels=channels))
    assert np.flatnonzero(unknown).tolist() == list(range(500, 520))
    truth = Device(bundles.load(seven)).series(recording, unscored=unknown).truth
    assert np.isnan(truth[500:520]).all() and np.isfinite(truth[520:]).all()
