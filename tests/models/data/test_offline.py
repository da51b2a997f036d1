"""The paper's offline way: insoles of 80 Hz on the grid by a spline that knows what comes next."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("scipy")

from made_up_trials import made_up_trial

from jetson_runtime.suit import signals
from jetson_runtime.timing.resample import resample_trial
from models.data.offline import offline_rows, splined
from models.data.stretches import stretches

IMU = list(signals.STREAMS[0].channels)
INSOLE = list(signals.STREAMS[6].channels)
COP = signals.CHANNEL_INDEX["insole_r_cop_ap"]


def test_imus_are_as_recorded_and_insoles_nearer_than_a_causal_aligner_brings_them() -> None:
    trial = made_up_trial("s", 1, seconds=3.0)
    rows, causal = offline_rows(trial, 7), resample_trial(trial, 7)
    np.testing.assert_array_equal(rows[:, IMU], trial.channels[:, IMU].astype(np.float64))
    error, causal_error = (
        np.sqrt(np.nanmean((made[:, INSOLE] - trial.channels[:, INSOLE]) ** 2)) for made in (rows, causal)
    )
    assert error < 0.02 * trial.channels[:, INSOLE].std(axis=0).mean()
    assert causal_error > 5.0 * error
    np.testing.assert_array_equal(rows, offline_rows(trial, 7))
    assert not np.array_equal(rows, offline_rows(trial, 8))


def test_what_is_undefined_stays_so_and_nothing_else_does() -> None:
    trial = made_up_trial("s", 1, seconds=2.0)
    channels = trial.channels.copy()
    channels[100:200, COP : COP + 2] = np.nan
    channels[:, IMU] = np.nan
    rows = offline_rows(replace(trial, channels=channels), 3)
    assert np.isnan(rows[:, IMU]).all()
    (gap,) = stretches(np.isnan(rows[:, COP]))
    # Known samples end up to one of the insole's periods (2.5 rows) before the gap and begin as much after it.
    assert 97 <= gap[0] <= 100 and 200 <= gap[1] <= 203
    assert np.isfinite(np.delete(rows, [*IMU, COP, COP + 1], axis=1)).all()


def test_a_cubic_is_followed_exactly_and_short_runs_by_lines() -> None:
    t = np.arange(12) / 80.0
    at = np.arange(25) / 200.0
    cubic = np.stack([t**3 - t, np.where(t < 3.5 / 80.0, np.nan, 2.0 * t)], axis=1)
    cubic[6:9, 1] = np.nan
    out = splined(t, cubic, at)
    np.testing.assert_allclose(out[:, 0], at**3 - at, atol=1e-12)
    known = np.isfinite(out[:, 1])
    np.testing.assert_allclose(out[known, 1], 2.0 * at[known], atol=1e-12)
    assert not known[at < 4 / 80.0 - 1e-9].any() and known[(at >= 9 / 80.0) & (at <= 11 / 80.0)].all()
