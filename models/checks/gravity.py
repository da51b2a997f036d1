"""Which way gravity lies in each sensor while its wearer is upright: its axes must be the segment's."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from jetson_runtime.suit.signals import AXES, PARTS, STANDARD_GRAVITY
from models.checks.defects import Defect
from models.checks.sheet import Sheet
from models.data.stretches import stretches

Doubles = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

# Upright by the labels: every joint within so many degrees of straight.
_UPRIGHT_DEG = {"hip_flexion": 35.0, "knee_angle": 35.0, "ankle_angle": 30.0, "lumbar_extension": 30.0}
_STILL_RAD_S, _PUSHED, _LASTING_ROWS = 0.5, 0.15, 12
_ENOUGH_ROWS = 40
# A badly strapped sensor leans by 20 degrees, the rear shank of a lunge by 55, a foot in walking by 45 in the mean. A
# wrong axis is off by 90.
_STILL_LIMIT_DEG, _MOVING_LIMIT_DEG, _GUESS_LIMIT_DEG = 65.0, 70.0, 80.0
# The mean of a movement tells of gravity where it is about as large: not that of a few strikes of a heel.
_LIKE_GRAVITY = 0.3


def gravity_defects(sheet: Sheet) -> Iterator[Defect]:
    """Sensors in which up is not y. Error where the labels say that the wearer is upright, else warning."""
    upright = upright_rows(sheet)
    for part in PARTS:
        accel = sheet.vector(part, "accel")
        if accel is None:
            continue
        rows = np.isfinite(accel).all(axis=1) & (True if upright is None else upright)
        still = rows & _still(accel, sheet.vector(part, "gyro"))
        if rows.sum() < _ENOUGH_ROWS:
            continue
        chosen = still if still.sum() >= _ENOUGH_ROWS else rows
        limit = _STILL_LIMIT_DEG if chosen is still else _MOVING_LIMIT_DEG
        mean = accel[chosen].mean(axis=0)
        if chosen is not still and abs(np.linalg.norm(mean) / _at_rest(accel) - 1.0) > _LIKE_GRAVITY:
            continue
        lean = float(np.degrees(np.arccos(np.clip(mean[1] / max(np.linalg.norm(mean), 1e-9), -1.0, 1.0))))
        if lean > (limit if upright is not None else _GUESS_LIMIT_DEG):
            yield _defect(sheet, part, mean, lean, upright is not None)


def _still(accel: Doubles, gyro: Doubles | None) -> Flags:
    """(rows,) where a sensor neither turns nor is pushed, for a while: a swinging foot turns back in an instant."""
    if gyro is None:
        return np.zeros(len(accel), np.bool_)
    steady = np.abs(np.linalg.norm(accel, axis=1) / _at_rest(accel) - 1.0) < _PUSHED
    quiet = steady & (np.linalg.norm(gyro, axis=1) < _STILL_RAD_S)
    out = np.zeros(len(accel), np.bool_)
    for first, end in stretches(quiet):
        out[first:end] = end - first >= _LASTING_ROWS
    return out


def _at_rest(accel: Doubles) -> float:
    """What a still sensor reads; in another unit than ours, which is another defect, about its usual size."""
    typical = float(np.nanmedian(np.linalg.norm(accel, axis=1)))
    return STANDARD_GRAVITY if typical > 0.25 * STANDARD_GRAVITY else typical


def upright_rows(sheet: Sheet) -> Flags | None:
    """(rows,) where hips, knees, ankles and back are about straight by the labels; None where no label tells."""
    rows, told = np.ones(sheet.rows, np.bool_), False
    for name, limit in _UPRIGHT_DEG.items():
        for column in (name, f"{name}_r", f"{name}_l"):
            values = sheet.stack(column)
            if values is None:
                continue
            told = told or name in ("hip_flexion", "knee_angle")
            # The filter's edges are NaN; a comparison with NaN is False, which leaves such rows out.
            rows &= np.abs(values[:, 0]) < limit
    return rows if told else None


def _defect(sheet: Sheet, part: str, mean: Doubles, lean: float, sure: bool) -> Defect:
    axis = int(np.argmax(np.abs(mean)))
    reads = " ".join(f"{value:+.2f}" for value in mean)
    what = f"upright, it reads {reads} m/s², gravity {lean:.0f} degrees from +y"
    if not sure:
        what = f"in the mean it reads {reads} m/s², gravity {lean:.0f} degrees from +y"
    if axis == 1:
        remedy = f"it reads -{STANDARD_GRAVITY:.2f} on y where +{STANDARD_GRAVITY:.2f} belongs: change sign or mounting"
    else:
        sign = "+" if mean[axis] > 0 else "-"
        remedy = f"its {sign}{AXES[axis]} points up: turn it by the right mounting, x forward, y up, z right"
    return Defect("error" if sure else "warning", sheet.name, f"{part} IMU", what, remedy)
