"""The repetitions of a trial, found in its truth and brought to one length."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from scipy.signal import find_peaks

from jetson_runtime.suit.signals import LABEL_NAMES, RATE_HZ
from models.metrics import Doubles

PERCENT = np.linspace(0.0, 100.0, 101)
# Of the leading angle's range: a repetition's peak stands out at least so far.
_PROMINENCE = 0.35
_SHORTEST_S = 0.6
_ANGLES = [
    i for i, name in enumerate(LABEL_NAMES) if not name.endswith("_moment") and not name.endswith("_l")
]


def repetitions(labels: Doubles) -> list[slice]:
    """The rows of each repetition in a trial with labels (n, 14): from one peak of the leading angle to the next.

    The leading angle is the one of lower back and right leg that moves most. Peaks stand apart by more than half
    of its period (of greatest autocorrelation). Empty where nothing repeats, as in a posture held.
    """
    angles = labels[:, _ANGLES]
    known = np.flatnonzero(np.isfinite(angles).all(axis=1))
    if len(known) < 3 * _SHORTEST_S * RATE_HZ:
        return []
    leading = angles[known][:, np.argmax(np.std(angles[known], axis=0))]
    apart = max(int(0.6 * _period(leading)), int(_SHORTEST_S * RATE_HZ))
    peaks, _ = find_peaks(leading, prominence=_PROMINENCE * np.ptp(leading), distance=apart)
    rows = known[peaks]
    return [slice(int(first), int(last) + 1) for first, last in pairwise(rows)]


def stretched(values: Doubles) -> Doubles:
    """(101, k) the repetition's values (n, k) at each of PERCENT."""
    at = np.linspace(0.0, 100.0, len(values))
    return np.stack([np.interp(PERCENT, at, column) for column in values.T], axis=1)


def mean_of(cycles: Sequence[Doubles]) -> Doubles:
    """(101, k) the mean of what is known in each; NaN where nothing is."""
    known = np.isfinite(cycles)
    total = np.where(known, cycles, 0.0).sum(axis=0)
    mean = np.full(total.shape, np.nan)
    np.divide(total, known.sum(axis=0), out=mean, where=known.any(axis=0))
    return mean


def _period(values: Doubles) -> float:
    """Rows until `values` first resemble themselves about as much as ever again; 0 where they never do."""
    centred = values - values.mean()
    n = len(centred)
    spectrum = np.abs(np.fft.rfft(centred, 2 * n)) ** 2
    alike = np.fft.irfft(spectrum)[: n // 2] / np.arange(n, n - n // 2, -1)
    peaks, _ = find_peaks(alike)
    peaks = peaks[alike[peaks] > 0.0]
    if not len(peaks):
        return 0.0
    return float(peaks[np.argmax(alike[peaks] >= 0.7 * alike[peaks].max())])
