"""Repetitions as far as the stream shows them: a proposal for whoever watches the wearer, never the truth. Pure."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from jetson_runtime.suit.signals import RATE_HZ

Doubles = npt.NDArray[np.float64]

# Hips that swing by less than this do not bend for a load.
_LEAST_DEG = 30.0
# Of the range from upright to bent: above `_BENT` an excursion begins, below `_UPRIGHT` it is over.
_BENT, _UPRIGHT = 0.6, 0.35
_SHORTEST_S, _SMOOTHED_S = 0.4, 0.25
# Bodyweights on a foot that stands, and that swings.
_STANDS, _SWINGS = 0.25, 0.08


def excursions(angle_deg: Doubles) -> int:
    """How often an angle (n,) at 200 Hz, NaN where not known, bent and came back; whoever began bent counts from there.

    Bent and upright are told by the trial's own range, so that no wearer's manner is presumed.
    """
    known = _smooth(angle_deg[np.isfinite(angle_deg)])
    if len(known) < RATE_HZ:
        return 0
    low, high = np.percentile(known, (5.0, 95.0))
    if high - low < _LEAST_DEG:
        return 0
    bent, upright = low + _BENT * (high - low), low + _UPRIGHT * (high - low)
    return _cycles(known > bent, known < upright, round(_SHORTEST_S * RATE_HZ))


def strides(vgrf: Doubles) -> int:
    """How often a foot's force (n,), bodyweights, rose from swinging to standing."""
    known = vgrf[np.isfinite(vgrf)]
    if len(known) < RATE_HZ:
        return 0
    # A stance that the trial began with is no stride.
    lifted = np.flatnonzero(known < _SWINGS)
    return _cycles_begun(known[lifted[0] :] > _STANDS, known[lifted[0] :] < _SWINGS) if len(lifted) else 0


def _cycles(on: npt.NDArray[np.bool_], off: npt.NDArray[np.bool_], shortest: int) -> int:
    """Stretches that begin where `on` and end where `off`, no shorter than `shortest` rows."""
    count, since = 0, -1
    for row in np.flatnonzero(on | off).tolist():
        if on[row] and since < 0:
            since = row
        elif off[row] and since >= 0:
            count += row - since >= shortest
            since = -1
    return count


def _cycles_begun(on: npt.NDArray[np.bool_], off: npt.NDArray[np.bool_]) -> int:
    """How often `on` followed `off`."""
    told = np.flatnonzero(on | off)
    return int(np.sum(np.diff(on[told].astype(np.int8)) > 0))


def _smooth(values: Doubles) -> Doubles:
    width = round(_SMOOTHED_S * RATE_HZ)
    if len(values) < width:
        return values
    return np.convolve(values, np.full(width, 1.0 / width), mode="valid")
