"""How late an estimate is, by cross-correlation with the truth; positive: the estimate is late."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.signal import correlate

from jetson_runtime.suit.signals import RATE_HZ
from models.data.stretches import stretches

Doubles = npt.NDArray[np.float64]

# Looked for up to 0.2 s either way, on at least a second of truth; below this correlation there is no telling.
REACH = 40
_LEAST = RATE_HZ
_TOLD = 0.7


def delay_ms(estimate: npt.ArrayLike, truth: npt.ArrayLike) -> float:
    """Milliseconds by which `estimate` (n,) is behind `truth` (n,), finer than a row; NaN where it cannot be told.

    That is: no stretch of 1.4 s without a gap, a correlation below 0.7 at the best lag, or the best lag at an end of
    the range of 0.2 s.
    """
    a, b = np.asarray(estimate, np.float64), np.asarray(truth, np.float64)
    parts = stretches(np.isfinite(a) & np.isfinite(b))
    first, last = max(parts, key=lambda part: part[1] - part[0], default=(0, 0))
    if last - first < _LEAST + 2 * REACH:
        return float("nan")
    likeness = _correlations(a[first:last], b[first + REACH : last - REACH])
    best = int(np.argmax(likeness))
    if not 0 < best < len(likeness) - 1 or likeness[best] < _TOLD:
        return float("nan")
    before, at, after = likeness[best - 1 : best + 2]
    top = 0.5 * (before - after) / (before - 2.0 * at + after)
    return float((best - REACH + top) * 1000.0 / RATE_HZ)


def _correlations(estimate: Doubles, truth: Doubles) -> Doubles:
    """Pearson's correlation of `truth` (m,) with each window of `estimate` (m + 2 REACH,); -1 where one is constant."""
    count = len(truth)
    centred, around = truth - truth.mean(), estimate - estimate.mean()
    sums, squares = (np.concatenate([[0.0], np.cumsum(around**power)]) for power in (1, 2))
    mean = (sums[count:] - sums[:-count]) / count
    variance = (squares[count:] - squares[:-count]) / count - mean**2
    scale = np.sqrt(np.maximum(variance, 0.0) * np.mean(centred**2)) * count
    product = correlate(around, centred, mode="valid")
    return np.where(scale > 1e-12 * count, product / np.where(scale > 0.0, scale, 1.0), -1.0)
