"""A recorded trial as the paper's laboratory had it: each device's samples put on the grid by a cubic spline.

Not causal: a spline knows the sample after the one it speaks of. The paper's Fig. 2: "all sensor data was spline
interpolated to 200hz (already the sampling rate for Microstrain IMUs)". The rows that the body has are
`jetson_runtime.timing.resample`'s.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.interpolate import CubicSpline

from jetson_runtime.suit.signals import RATE_HZ, STREAMS
from jetson_runtime.suit.trial import Trial
from jetson_runtime.timing.resample import random_links, sample_channels
from models.data.stretches import stretches

Doubles = npt.NDArray[np.float64]

# The paper's: the insoles' and that of the IMUs inside them.
INSOLE_RATE_HZ = 80.0
# A cubic needs four samples; fewer are joined by lines.
_CUBIC = 4


def offline_rows(trial: Trial, seed: int) -> Doubles:
    """Rows (n, 54) on the trial's own grid; NaN: device absent or centre of pressure undefined.

    IMUs sampled on the grid, as the synchronising pulse makes them; insoles at 80 Hz, their phase drawn from `seed`.
    """
    count = len(trial.time_s)
    at_s = np.arange(count) / RATE_HZ
    rows = trial.channels.astype(np.float64)
    for stream, link in zip(STREAMS, random_links(seed), strict=True):
        if stream.kind == "imu":
            continue
        period_s = 1.0 / INSOLE_RATE_HZ
        first = link.phase_ns * 1e-9 % period_s - _CUBIC * period_s
        steps = np.arange(int((at_s[-1] - first) / period_s) + 1 + _CUBIC, dtype=np.float64)
        sample_s = first + steps * period_s
        columns = list(stream.channels)
        if not np.isnan(rows[:, columns]).all():
            rows[:, columns] = splined(
                sample_s, sample_channels(stream, trial.channels[:, columns], sample_s), at_s
            )
    return rows


def splined(sample_s: Doubles, values: Doubles, at_s: Doubles) -> Doubles:
    """`values` (n, k) at the times `at_s`, column by column through each run of known samples; NaN between the runs."""
    out = np.full((len(at_s), values.shape[1]), np.nan)
    for column, answer in zip(values.T, out.T, strict=True):
        for first, last in stretches(np.isfinite(column)):
            inside = (at_s >= sample_s[first]) & (at_s <= sample_s[last - 1])
            t, v = sample_s[first:last], column[first:last]
            answer[inside] = (
                CubicSpline(t, v)(at_s[inside]) if last - first >= _CUBIC else np.interp(at_s[inside], t, v)
            )
    return out
