"""Weights of the samples around a grid time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jetson_runtime.timing.weights import AFTER_NS, BEFORE_NS, WindowFit, parabola

MS = 1_000_000


@given(
    step=st.integers(4 * MS, 6 * MS),
    gap=st.integers(4 * MS, 6 * MS),
    phase=st.floats(0, 0.999),
    a=st.floats(-5, 5),
)
def test_a_parabola_through_three_samples_is_met_exactly(step: int, gap: int, phase: float, a: float) -> None:
    before = -int(phase * gap)
    times = (before - step, before, before + gap)
    weights = parabola(*times)
    assert sum(weights) == pytest.approx(1)
    values = [3 + a * t / MS + 0.7 * (t / MS) ** 2 for t in times]
    assert np.dot(weights, values) == pytest.approx(3, abs=1e-8)


@pytest.mark.parametrize("older", [-1_000_001, -40 * MS])
def test_samples_that_lie_together_or_far_apart_give_a_line(older: int) -> None:
    """Two stamps a nanosecond apart, as a stepped clock makes them, would weigh a billion times their difference."""
    assert parabola(older, -1_000_000, 4_000_000) == pytest.approx((0, 0.8, 0.2))


def _offered(period_ns: int, phases: int = 50) -> np.ndarray:
    """Sample times (phases, taps) around a grid time for all phases of a device."""
    since = (np.arange(phases) + 0.5)[:, None] / phases * period_ns
    taps = np.arange(-BEFORE_NS // period_ns, AFTER_NS // period_ns + 2)
    return np.asarray(taps * period_ns - since)


def _response(times: np.ndarray, hertz: float) -> np.ndarray:
    fit = WindowFit(*times.shape)
    fit.weigh(times)
    assert all(fit.sound)
    return np.sum(fit.shares[:, 0] * np.exp(2j * np.pi * hertz * times * 1e-9), axis=1)


@pytest.mark.parametrize("period_ns", [2 * MS, MS])
def test_a_fast_device_is_low_passed_without_delay(period_ns: int) -> None:
    times = _offered(period_ns)
    movement = _response(times, 20.0)
    assert np.all(np.abs(np.abs(movement) - 1) < 0.01)
    assert np.all(np.abs(np.angle(movement)) / (2 * np.pi * 20) < 0.2e-3)
    for vibration in (130.0, 180.0, 230.0, 300.0):
        assert np.sqrt(np.mean(np.abs(_response(times, vibration)) ** 2)) < 0.1, vibration


def test_a_fit_meets_a_parabola_whatever_the_times() -> None:
    random = np.random.default_rng(0)
    times = np.sort(random.uniform(-12 * MS, 7 * MS, (20, 12)), axis=1)
    fit = WindowFit(20, 12)
    fit.weigh(times)
    sound = np.array(fit.sound)
    assert sound.sum() > 15
    values = 3 - times / MS + 0.2 * (times / MS) ** 2
    np.testing.assert_allclose(np.sum(fit.shares[:, 0] * values, axis=1)[sound], 3, atol=1e-8)
    outside = (times <= -BEFORE_NS) | (times >= AFTER_NS)
    assert np.all(fit.shares[:, 0][outside] == 0)


def test_too_few_samples_or_all_in_one_place_are_not_fitted() -> None:
    fit = WindowFit(2, 6)
    fit.weigh(np.array([[-30, -20, -8, -6, -4, 20], [-3, -3, -3, -3, -3, 3]]) * float(MS))
    assert fit.sound == [False, False]
