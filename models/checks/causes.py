"""Which single mistake makes joints disagree with their gyroscopes: the one that mends them when it is undone."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt

from jetson_runtime.suit.signals import AXES, RATE_HZ
from models.checks.defects import Defect, listed
from models.checks.joint_rates import AGREES, DISAGREES, Evidence
from models.checks.sheet import Sheet

Doubles = npt.NDArray[np.float64]

_PAIRS = ("thigh", "shank", "foot")
_LABELS = ("hip_flexion", "knee_angle", "ankle_angle")
_MOST_LAG = round(0.3 * RATE_HZ)
# Labels and sensors of one recording share a clock; a filter that was not zero-lag is late by more.
_LATE = round(0.03 * RATE_HZ)
_BETTER = 0.005


def explained(sheet: Sheet, found: Evidence, bad: list[str]) -> Defect:
    """The first cause that mends all joints of `bad`, from the simplest to the rarest; else that there is none."""
    for cause in (_reversed_labels, _swapped_sides, _wrong_axis):
        if (defect := cause(sheet, found, bad)) is not None:
            return defect
    if (defect := out_of_time(sheet, found)) is not None:
        return defect
    fits = found.fits()
    numbers = ", ".join(f"{name} {fits[name].correlation:.2f}" for name in bad)
    what = f"does not move with its gyroscopes (correlation of the rates: {numbers})"
    remedy = "look which sensor was on which segment, its axes, and whether the labels are of this trial"
    return Defect("error", sheet.name, listed(bad), what, remedy)


def out_of_time(sheet: Sheet, found: Evidence) -> Defect | None:
    """Labels that fit the sensors better when they are taken earlier or later."""
    now = _agreement(found, 0)
    if max(_agreement(found, late) for late in (-_LATE, _LATE)) < now + _BETTER:
        return None
    late = max(range(-_MOST_LAG, _MOST_LAG + 1), key=lambda rows: _agreement(found, rows))
    if abs(late) < _LATE or _agreement(found, late) < AGREES:
        return None
    # Taken earlier by what they are behind.
    what = f"lie {abs(late) * 1000 // RATE_HZ} ms {'behind' if late < 0 else 'before'} the sensors"
    return Defect("error", sheet.name, "labels", what, "align them by the sync pulse again")


def _agreement(found: Evidence, late: int) -> float:
    """Mean correlation of all joints, -1 where none can be told."""
    fits = found.fits(late)
    return float(np.mean([fit.correlation for fit in fits.values()])) if fits else -1.0


def _reversed_labels(sheet: Sheet, found: Evidence, bad: list[str]) -> Defect | None:
    fits = found.fits()
    if not all(fits[name].correlation < -AGREES for name in bad):
        return None
    # One sensor the wrong way round turns two joints; labels of one kind come in pairs.
    if len(bad) > 1 and len({name[:-2] for name in bad}) > 1 and _wrong_axis(sheet, found, bad) is not None:
        return None
    remedy = "change the sign: hip flexion, knee flexion, dorsiflexion and lumbar extension are positive"
    return Defect("error", sheet.name, listed(bad), "runs against its gyroscopes: its sign is wrong", remedy)


def _swapped_sides(sheet: Sheet, found: Evidence, bad: list[str]) -> Defect | None:
    for count in range(1, len(_PAIRS) + 1):
        for pairs in itertools.combinations(_PAIRS, count):
            rates = _crossed(found.rates, pairs)
            if _mended(Evidence(found.angles, rates, found.gyros), bad):
                which = " and ".join(f"{pair}_r, {pair}_l" for pair in pairs)
                which = "all sensors, or of all labels," if count == len(_PAIRS) else which
                what = "left and right are swapped: these joints move as the other side's sensors"
                return Defect("error", sheet.name, listed(bad), what, f"swap right and left of {which} back")
    for label in _LABELS:
        angles = _crossed(found.angles, (label,))
        if _mended(Evidence(angles, found.rates, found.gyros), bad):
            what = "left and right are swapped: each moves as the other side's sensors"
            return Defect("error", sheet.name, listed(bad), what, "swap the columns, and their moments, back")
    return None


def _crossed(columns: dict[str, Doubles], pairs: tuple[str, ...]) -> dict[str, Doubles]:
    out = dict(columns)
    for pair in pairs:
        right, left = f"{pair}_r", f"{pair}_l"
        if right in columns and left in columns:
            out[right], out[left] = columns[left], columns[right]
    return out


def _wrong_axis(sheet: Sheet, found: Evidence, bad: list[str]) -> Defect | None:
    for part, gyro in found.gyros.items():
        for axis, sign in itertools.product(range(3), (1.0, -1.0)):
            rates = {**found.rates, part: sign * gyro[:, axis]}
            if (axis, sign) != (2, 1.0) and _mended(Evidence(found.angles, rates, found.gyros), bad):
                towards = f"{'+' if sign > 0 else '-'}{AXES[axis]}"
                what = f"its {towards} turns as +z should (seen from {listed(bad)})"
                remedy = "turn it by the right mounting: x forward, y up, z to the wearer's right"
                return Defect("error", sheet.name, f"{part} IMU", what, remedy)
    return None


def _mended(found: Evidence, bad: list[str]) -> bool:
    """Whether all joints that were bad now agree, and no other disagrees."""
    fits = found.fits()
    return all(name in fits and fits[name].correlation > AGREES for name in bad) and all(
        fit.correlation > DISAGREES for fit in fits.values()
    )
