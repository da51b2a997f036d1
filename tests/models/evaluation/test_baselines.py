"""A ridge regression finds a linear law with lags, and its bundle form answers the same."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

from jetson_runtime.suit import signals
from models.data.dataset import LABELS_OF, Recording
from models.evaluation import baselines


def _linear(seed: int) -> Recording:
    """Every right-leg outcome is 3 + 2 * (back acceleration x, ten rows ago) - (its forward gyro now)."""
    random = np.random.default_rng(seed)
    rows = random.standard_normal((3000, len(signals.CHANNELS))).astype(np.float32)
    x, gyro = signals.CHANNEL_INDEX["back_accel_x"], signals.CHANNEL_INDEX["back_gyro_z"]
    labels = np.full((3000, len(signals.LABEL_NAMES)), np.nan, np.float32)
    labels[10:] = (3.0 + 2.0 * rows[:-10, x] - rows[10:, gyro])[:, None]
    return Recording(f"r{seed}", f"s{seed}", "W", rows, labels)


def test_it_finds_a_linear_law_with_a_lag() -> None:
    fitted = baselines.fit([_linear(k) for k in range(4)], [_linear(9)])
    test = _linear(20)
    for side in signals.SIDES:
        rows, outcomes = test.leg(side)
        error = fitted.ridge(rows)[300:] - outcomes[300:]
        assert np.abs(error).max() < 0.05
    np.testing.assert_allclose(fitted.mean, 3.0, atol=0.1)
    assert fitted.coefficients.shape == (len(baselines.LAGS) * 54, 8)


def test_rows_with_an_unknown_outcome_are_left_out() -> None:
    spoiled = _linear(0)
    spoiled.labels[1000:2000, LABELS_OF["r"][2]] = np.nan
    spoiled.labels[1000:2000, LABELS_OF["r"][3]] = 1e6
    fitted = baselines.fit([spoiled, _linear(1)], [_linear(9)])
    knee_like = fitted.mean[[0, 1, 2, 4, 5, 6]]
    np.testing.assert_allclose(knee_like, 3.0, atol=0.2)
