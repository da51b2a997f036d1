"""The paper's offline signal path: zero-lag 4th-order Butterworth low-pass, then a cubic spline to the suit's rate."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.interpolate import CubicSpline
from scipy.signal import butter, sosfiltfilt

from jetson_runtime.suit.signals import RATE_HZ

Doubles = npt.NDArray[np.float64]

# Of what is true: kinematics and wrenches (the paper's Fig. 2B). Of the motion that virtual IMUs ride on: what of a
# real IMU's signal is movement rather than marker noise.
LABEL_CUTOFF_HZ = 6.0
IMU_CUTOFF_HZ = 12.0


# Two passes of a 2nd-order Butterworth halve the power at 0.802 of their own cut-off (Winter 2009, eq. 2.36):
# (sqrt(2) - 1) ** (1 / 4). Divided by it, the whole filter halves the power at the cut-off it is named for.
_TWO_PASSES = float((np.sqrt(2.0) - 1.0) ** 0.25)


def lowpass(values: Doubles, rate_hz: float, cutoff_hz: float) -> Doubles:
    """(n, ...) filtered along the first axis, forward and backward: 4th order in all, -3 dB at `cutoff_hz`."""
    sections = butter(2, cutoff_hz / _TWO_PASSES, fs=rate_hz, output="sos")
    # Scipy's own padding is shorter than the filter's memory: an acceleration would start and end up to 5 m/s² off.
    pad = min(round(3.0 * rate_hz / cutoff_hz), len(values) - 1)
    return np.asarray(sosfiltfilt(sections, values, axis=0, padlen=pad), np.float64)


def smoothed(values: Doubles, time_s: Doubles, at_s: Doubles, cutoff_hz: float) -> Doubles:
    """`values` (n, ...) low-passed and at the times `at_s` of the suit's grid.

    Filtered on the suit's grid, or before the spline where the recording is faster and would alias.
    """
    rate = 1.0 / float(np.median(np.diff(time_s)))
    if rate > RATE_HZ:
        return resampled(lowpass(values, rate, cutoff_hz), time_s, at_s)
    return lowpass(resampled(values, time_s, at_s), RATE_HZ, cutoff_hz)


def grid(first_s: float, last_s: float) -> Doubles:
    """Times of the suit's rate from `first_s`, the last one not after `last_s`."""
    return first_s + np.arange(int((last_s - first_s) * RATE_HZ + 1e-6) + 1) / RATE_HZ


def resampled(values: Doubles, time_s: Doubles, at_s: Doubles) -> Doubles:
    """`values` (n, ...) at the times `at_s` by a cubic spline, held at its ends outside."""
    inside = np.clip(at_s, time_s[0], time_s[-1])
    return np.asarray(CubicSpline(time_s, values, axis=0)(inside), np.float64)


def acceleration(position: Doubles) -> Doubles:
    """(n, 3) second differences at the suit's rate, the end rows held."""
    inner = (position[2:] - 2.0 * position[1:-1] + position[:-2]) * RATE_HZ**2
    return np.concatenate([inner[:1], inner, inner[-1:]])
