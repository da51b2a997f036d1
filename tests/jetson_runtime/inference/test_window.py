"""Statistics of the last half second against NumPy's own over the same rows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from jetson_runtime.inference.window import (
    AGREEMENT,
    BLOCK_TICKS,
    BLOCKS,
    MEAN,
    OFF_MEAN,
    OFF_VARIANCE,
    ROUGHNESS,
    VARIANCE,
    Window,
)
from jetson_runtime.suit.signals import CHANNEL_FILL, CHANNELS

Doubles = npt.NDArray[np.float64]
ROWS = BLOCK_TICKS * BLOCKS
COUNT = len(CHANNELS)


@pytest.fixture(scope="module")
def prediction() -> tuple[Doubles, Doubles]:
    random = np.random.default_rng(0)
    return random.normal(size=(COUNT, COUNT)) / 10, random.normal(size=COUNT)


def _rows(count: int, seed: int = 1) -> Doubles:
    return np.asarray(CHANNEL_FILL) + np.random.default_rng(seed).normal(size=(count, COUNT))


def _after(rows: Doubles, prediction: tuple[Doubles, Doubles]) -> list[Doubles]:
    window = Window(*prediction, CHANNEL_FILL)
    told = []
    for row in rows:
        if window.update(row):
            window.summarise()
            told.append(window.statistics.copy())
    return told


def test_each_tenth_of_a_second_once_the_window_is_full(prediction: tuple[Doubles, Doubles]) -> None:
    window = Window(*prediction, CHANNEL_FILL)
    told = [window.update(row) for row in _rows(ROWS + 3 * BLOCK_TICKS)]
    assert np.flatnonzero(told).tolist() == [ROWS - 1 + k * BLOCK_TICKS for k in range(4)]


def test_the_statistics_are_those_of_the_last_rows(prediction: tuple[Doubles, Doubles]) -> None:
    rows = _rows(3 * ROWS + 2 * BLOCK_TICKS)
    last, before = rows[-ROWS:], rows[-ROWS - 2 :]
    predicted = last @ prediction[0].T + prediction[1]
    told = _after(rows, prediction)[-1]
    assert np.allclose(told[MEAN], last.mean(axis=0))
    assert np.allclose(told[VARIANCE], np.log(last.var(axis=0)), atol=1e-6)
    assert np.allclose(told[OFF_MEAN], (last - predicted).mean(axis=0))
    assert np.allclose(told[OFF_VARIANCE], np.log((last - predicted).var(axis=0)), atol=1e-6)
    assert np.allclose(told[ROUGHNESS], np.log(np.mean(np.diff(before, 2, axis=0) ** 2, axis=0)), atol=1e-6)
    own = [np.corrcoef(a, b)[0, 1] for a, b in zip(last.T, predicted.T, strict=True)]
    assert np.allclose(told[AGREEMENT], own, atol=1e-3)


def test_what_was_before_leaves_no_trace(prediction: tuple[Doubles, Doubles]) -> None:
    rows = _rows(4 * ROWS)
    wild = np.concatenate([1e6 * _rows(2 * ROWS, 2), rows])
    assert np.allclose(_after(wild, prediction)[-1], _after(rows, prediction)[-1], rtol=1e-12, atol=1e-12)


def test_a_channel_without_a_value_counts_as_a_person_standing_still(
    prediction: tuple[Doubles, Doubles],
) -> None:
    rows = _rows(2 * ROWS)
    gone = rows.copy()
    gone[:, :6] = np.nan
    rows[:, :6] = CHANNEL_FILL[:6]
    assert np.array_equal(_after(gone, prediction)[-1], _after(rows, prediction)[-1])


def test_a_frozen_channel_is_far_below_any_noise(prediction: tuple[Doubles, Doubles]) -> None:
    rows = _rows(2 * ROWS)
    rows[:, :6] = 9.81
    told = _after(rows, prediction)[-1]
    assert np.isfinite(told).all()
    assert (told[VARIANCE, :6] < np.log(1e-7)).all()
