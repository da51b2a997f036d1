"""The paper's measures of error."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from jetson_runtime.suit.signals import RATE_HZ
from models.data.filters import LABEL_CUTOFF_HZ, lowpass
from models.data.stretches import stretches

Doubles = npt.NDArray[np.float64]

# Rows; a stretch of 0.15 s or less holds less than a period of the fastest that the filter lets through.
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
    if not (_varies(a[known]) and _varies(b[known])):
        return float("nan")
    return float(np.corrcoef(a[known], b[known])[0, 1] ** 2)


def mae(estimate: npt.ArrayLike, truth: npt.ArrayLike) -> float:
    """Mean absolute error where both are known; NaN where nothing is."""
    error = np.asarray(estimate, np.float64) - np.asarray(truth, np.float64)
    known = np.isfinite(error)
    return float(np.mean(np.abs(error[known]))) if known.any() else float("nan")


def filtered(values: npt.ArrayLike) -> Doubles:
    """Columns (n, k) through the paper's zero-lag 4th-order 6 Hz Butterworth low-pass, gaps (NaN) left as they are.

    Two passes of a 2nd-order filter make the 4th order, down to 0.707 at 6 Hz after both. Each stretch between gaps is
    filtered by itself; one of up to 0.15 s stays as it is.
    """
    answer = np.array(values, np.float64)
    for columns, known in _alike(np.isfinite(answer)):
        for first, last in stretches(known):
            if last - first > _SHORTEST:
                answer[first:last, columns] = lowpass(answer[first:last, columns], RATE_HZ, LABEL_CUTOFF_HZ)
    return answer


def _varies(values: Doubles) -> bool:
    """By more than a filter's rounding makes of a constant."""
    return len(values) > 1 and bool(np.ptp(values) > 1e-9 * np.abs(values).max())


def _alike(known: npt.NDArray[np.bool_]) -> list[tuple[list[int], npt.NDArray[np.bool_]]]:
    """The columns of (n, k) in groups that are known in the same rows, and these rows."""
    groups: dict[bytes, list[int]] = {}
    for i, column in enumerate(known.T):
        groups.setdefault(column.tobytes(), []).append(i)
    return [(columns, known[:, columns[0]]) for columns in groups.values()]
