"""Errors against hand-made cases."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("scipy")

from models import metrics


def test_rmse_counts_only_what_is_known() -> None:
    assert metrics.rmse([1.0, 2.0, np.nan, 9.0], [1.0, 5.0, 1.0, np.nan]) == pytest.approx(np.sqrt(4.5))
    assert np.isnan(metrics.rmse([np.nan], [1.0]))


def test_r2_is_the_squared_correlation_and_blind_to_scale() -> None:
    truth = np.sin(np.arange(500) / 20)
    assert metrics.r2(-3.0 * truth + 7.0, truth) == pytest.approx(1.0)
    noise = np.random.default_rng(0).standard_normal(500)
    assert metrics.r2(noise, truth) < 0.05
    assert np.isnan(metrics.r2(np.ones(500), truth))
    assert np.isnan(metrics.r2(metrics.filtered(np.full((500, 1), 7.3))[:, 0], truth))


def test_the_filter_keeps_slow_movement_in_place_and_removes_fast() -> None:
    t = np.arange(1000) / 200.0
    slow, fast = np.sin(2 * np.pi * 1.0 * t), np.sin(2 * np.pi * 30.0 * t)
    answer = metrics.filtered(np.stack([slow + fast, slow], axis=1))
    assert np.abs(answer[100:-100] - slow[100:-100, None]).max() < 0.01


def test_the_filter_halves_the_power_at_six_hertz() -> None:
    """-3 dB after both passes, as the importers' filter of the truth."""
    t = np.arange(2000) / 200.0
    answer = metrics.filtered(np.sin(2 * np.pi * 6.0 * t)[:, None])[400:-400, 0]
    assert np.abs(answer).max() == pytest.approx(np.sqrt(0.5), abs=0.01)


def test_columns_with_other_gaps_are_filtered_as_if_alone() -> None:
    values = np.random.default_rng(1).standard_normal((500, 3))
    values[100:150, 1] = np.nan
    together = metrics.filtered(values)
    alone = np.concatenate([metrics.filtered(values[:, [i]]) for i in range(3)], axis=1)
    np.testing.assert_allclose(together, alone)


def test_mae_counts_only_what_is_known() -> None:
    assert metrics.mae([1.0, 2.0, np.nan, 9.0], [1.0, 5.0, 1.0, np.nan]) == pytest.approx(1.5)
    assert np.isnan(metrics.mae([np.nan], [1.0]))


def test_gaps_stay_gaps_and_do_not_leak() -> None:
    values = np.ones((600, 1))
    values[200:300] = np.nan
    values[300:] = 5.0
    answer = metrics.filtered(values)
    np.testing.assert_array_equal(np.isnan(answer), np.isnan(values))
    np.testing.assert_allclose(answer[:200], 1.0)
    np.testing.assert_allclose(answer[300:], 5.0)
