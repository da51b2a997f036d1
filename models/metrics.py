"""The paper's measures of error."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import signal

from jetson_runtime.suit.signals import RATE_HZ

Doubles = npt.NDArray[np.float64]

CUTOFF_HZ = 6.0
_SHORTEST = 30


def rmse(estimate: npt.ArrayLike, truth: npt.ArrayLike) -> float:
    """Root mean square error where both are known; NaN where nothing is."""
    error = np.asarray(estimate, np.float64) - np.asarray(truth, np.float64)
    known = np.isfinite(error)
    return float(np.sqrt(np.mean(error[known] ** 2))) if known.any() else float("nan")


def r2(estimate: npt.ArrayLike, truth: npt.ArrayLike) -> float:
    """Squared Pearson correlation of one trial, as the paper reports it; NaN where either does not vary."""
    a, b = np.asarray(estimate, np.float64), np.asarray(truth, np.float64)
    known = np.isfinite(a) & np.isfinite(b)
    if known.sum() < 2 or np.ptp(a[known]) == 0 or np.ptp(b[known]) == 0:
        return float("nan")
    return float(np.corrcoef(a[known], b[known])[0, 1] ** 2)


def filtered(values: npt.ArrayLike) -> Doubles:
    """Columns (n, k) through the paper's zero-lag 4th-order 6 Hz Butterworth low-pass, gaps (NaN) left as they are.

    Two passes of a 2nd-order filter make the 4th order; each stretch between gaps is filtered by itself.
    """
    answer = np.array(values, np.float64)
    numerator, denominator = signal.butter(2, CUTOFF_HZ / (RATE_HZ / 2))
    for column in answer.T:
        for first, last in _stretches(np.isfinite(column)):
            if last - first > _SHORTEST:
                column[first:last] = signal.filtfilt(numerator, denominator, column[first:last])
    return answer


def _stretches(known: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], known, [False]]).astype(np.int8)))
    return [(int(first), int(last)) for first, last in zip(edges[::2], edges[1::2], strict=True)]
