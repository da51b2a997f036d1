"""How late an estimate is."""

from __future__ import annotations

import numpy as np
import pytest

from models.evaluation.delay import delay_ms

T = np.arange(1200) / 200.0


def _movement(t: np.ndarray) -> np.ndarray:
    return np.sin(2 * np.pi * 0.9 * t) + 0.5 * np.sin(2 * np.pi * 2.3 * t + 1.0)


@pytest.mark.parametrize("late_ms", [-31.0, 0.0, 3.2, 12.0, 80.0])
def test_a_shift_is_found_to_a_fraction_of_a_row_and_late_is_positive(late_ms: float) -> None:
    estimate = 40.0 + 3.0 * _movement(T - late_ms / 1000.0)
    assert delay_ms(estimate, _movement(T)) == pytest.approx(late_ms, abs=0.3)


def test_it_is_read_from_the_longest_stretch_without_a_gap() -> None:
    truth = _movement(T)
    truth[:200], truth[250:260] = 5.0, np.nan
    truth[:200] = np.nan
    assert delay_ms(_movement(T - 0.02), truth) == pytest.approx(20.0, abs=0.3)


def test_what_cannot_be_told_is_nan() -> None:
    noise = np.random.default_rng(0).standard_normal(1200)
    assert np.isnan(delay_ms(noise, _movement(T)))
    assert np.isnan(delay_ms(np.ones(1200), _movement(T)))
    assert np.isnan(delay_ms(_movement(T[:200]), _movement(T[:200])))
    assert np.isnan(delay_ms(_movement(T - 0.4), _movement(T)))
