"""The insoles' errors: none where none is asked for, each of its own shape, and as large as the paper's together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.virtual_wearer.dynamics import RATE_HZ
from models.virtual_wearer.frames import Array
from models.virtual_wearer.insoles import InsoleError, random_error, read

T = np.arange(int(4 * RATE_HZ)) / RATE_HZ
# A stance each second: heel to toes in 0.6 s, then in the air.
PHASE = np.clip((T % 1.0) / 0.6, 0.0, 1.0)
LOAD = np.where(T % 1.0 < 0.6, np.sin(np.pi * PHASE) ** 0.5, 0.0)
COP = np.stack([0.1 + 0.8 * PHASE, np.full(len(T), 0.55)], axis=1)


def _read(error: InsoleError, load: Array = LOAD, cop: Array = COP) -> Array:
    return read(load, cop, error, np.random.default_rng(0))


def test_an_insole_without_error_reads_the_truth_to_the_bit() -> None:
    told = _read(InsoleError())
    np.testing.assert_array_equal(told[:, 0], LOAD)
    stands = LOAD >= 0.05
    np.testing.assert_array_equal(told[stands, 1:], COP[stands])
    assert np.isnan(told[~stands, 1:]).all()


def test_the_rim_takes_force_at_heel_and_toes_and_none_in_the_middle() -> None:
    lost = 1.0 - _read(InsoleError(rim=0.5))[:, 0] / np.maximum(LOAD, 1e-9)
    ends, middle = (LOAD > 0.1) & (abs(COP[:, 0] - 0.5) > 0.3), (LOAD > 0.1) & (abs(COP[:, 0] - 0.5) < 0.1)
    assert lost[ends].min() > 0.5 * 0.6**2 - 1e-9
    assert lost[middle].max() < 0.5 * 0.2**2 + 1e-9


def test_cells_saturate_and_lag() -> None:
    assert _read(InsoleError(curvature=0.1), np.ones(9), COP[:9])[:, 0] == pytest.approx(0.9)
    off = _read(InsoleError(hysteresis=0.2))[:, 0] - LOAD
    rate = np.gradient(LOAD)
    assert off[rate > 0.01].mean() < -0.02
    assert off[rate < -0.01].mean() > 0.02


def test_a_late_and_a_tight_shoe_draw_the_centre() -> None:
    """Late pressure keeps it back towards the heel in push-off; the shoe's own pressure draws it to its middle."""
    late = (LOAD > 0.1) & (COP[:, 0] > 0.7)
    assert (_read(InsoleError(hysteresis=0.2))[late, 1] < COP[late, 0] - 0.005).all()
    tight = _read(InsoleError(offset=0.04))
    assert (tight[late, 1] < COP[late, 0]).all()
    assert tight[LOAD == 0.0, 0] == pytest.approx(0.04)


def test_the_centre_is_shrunk_shifted_and_turned() -> None:
    stands = LOAD > 0.06
    told = _read(InsoleError(shrink=(0.5, 1.0), shift=(0.05, 0.1), skew=0.4))[stands]
    np.testing.assert_allclose(told[:, 0 + 1], 0.4 + 0.5 * (COP[stands, 0] - 0.4) + 0.05)
    np.testing.assert_allclose(told[:, 2], np.clip(0.55 + 0.1 + 0.4 * (COP[stands, 0] - 0.4), 0.0, 1.0))


def test_errors_are_structure_and_hardly_noise() -> None:
    """Without its noise the same insole reads the same to a hundredth of a bodyweight."""
    for seed in range(10):
        error = random_error(np.random.default_rng(seed))
        noisy, quiet = _read(error), _read(replace(error, noise=0.0))
        assert np.abs(noisy[:, 0] - LOAD).mean() > 10 * np.abs(noisy[:, 0] - quiet[:, 0]).mean()


def test_each_putting_on_has_insoles_of_its_own_within_bounds() -> None:
    drawn = [random_error(np.random.default_rng(seed)) for seed in range(200)]
    gains = np.array([error.gain for error in drawn])
    assert len(set(gains)) == 200
    assert 0.5 < gains.min() < gains.max() < 1.1
    for error in drawn:
        told = _read(error)
        assert np.isfinite(told[:, 0]).all()
        assert told[:, 0].min() >= 0.0
        assert np.nanmin(told[:, 1:]) >= 0.0
        assert np.nanmax(told[:, 1:]) <= 1.0
