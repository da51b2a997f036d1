"""Whether IMUs and insoles tell a stamp at one time: the shank's IMU has one clock, the foot's insole another."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from jetson_runtime.fitting.measured import Measured
from jetson_runtime.fitting.protocol import STAMP
from jetson_runtime.suit.signals import RATE_HZ, SIDE_NAMES, SIDES

Doubles = npt.NDArray[np.float64]
Told = tuple[str, str, str, str]

# An insole's sample is held for up to 13 ms; a link that is named wrongly is off by more.
LIMIT_MS = 20.0
_MOST_LAG = round(0.15 * RATE_HZ)
# A stamp jolts the shank by more than any step.
_JOLT = 12.0
_AGREES = 0.5
_AGAIN = "check again and stamp firmly: right, left, right"


def between_clocks(measured: Measured) -> Iterator[Told]:
    """A delay of an insole against the IMU of its shank; stamps that cannot be seen."""
    for side in SIDES:
        yield from _of_side(measured, side)


def _of_side(measured: Measured, side: str) -> Iterator[Told]:
    foot, shank = (_jolts(measured.accel(f"{part}_{side}")[STAMP.rows]) for part in ("foot", "shank"))
    which = SIDE_NAMES[side]
    if min(float(foot.max()), float(shank.max())) < _JOLT:
        yield "no_stamp", "", f"no stamp of the {which} foot was felt", _AGAIN
        return
    late_ms, agreement = lag_ms(foot, shank)
    if agreement < _AGREES:
        yield "no_stamp", "", f"the stamps of the {which} foot are not clear", _AGAIN
    elif abs(late_ms) > LIMIT_MS:
        when = "late" if late_ms > 0 else "early"
        text = f"tells the stamps {abs(late_ms):.0f} ms too {when} beside imu_shank_{side}"
        yield "delay", f"insole_{side}", text, "correct link or delay_ms of both in suit.toml"


def lag_ms(late: Doubles, early: Doubles) -> tuple[float, float]:
    """By how much the first signal is behind the second, and their correlation then (parabola through its peak)."""
    shifts = range(-_MOST_LAG, _MOST_LAG + 1)
    fits = np.array([_correlation(late, early, shift) for shift in shifts])
    best = int(np.argmax(fits))
    shift = float(shifts[best])
    if 0 < best < len(fits) - 1:
        before, at, after = fits[best - 1 : best + 2]
        bend = before - 2.0 * at + after
        shift += 0.5 * (before - after) / bend if bend < 0.0 else 0.0
    return shift * 1000.0 / RATE_HZ, float(fits[best])


def _correlation(late: Doubles, early: Doubles, shift: int) -> float:
    n = len(late)
    a = late[max(0, shift) : n + min(0, shift)]
    b = early[max(0, -shift) : n + min(0, -shift)]
    a, b = a - a.mean(), b - b.mean()
    size = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / size if size > 0.0 else 0.0


def _jolts(accel: Doubles) -> Doubles:
    """(n,) how much stronger than gravity the part is pushed, whichever way it lies."""
    size = np.linalg.norm(accel, axis=1)
    return np.asarray(np.maximum(size - np.median(size), 0.0))
