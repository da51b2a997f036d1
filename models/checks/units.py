"""Whether the numbers can be in their units: what a person and gravity allow, and which other unit would fit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

from jetson_runtime.suit.signals import LABEL_NAMES, PARTS, SIDES, STANDARD_GRAVITY
from models.checks.defects import Defect
from models.checks.sheet import Sheet

Doubles = npt.NDArray[np.float64]

# Ten times gravity, the median of a trial, is no person; nor is a quarter of it, except in free fall.
_ACCEL = (0.25 * STANDARD_GRAVITY, 10.0 * STANDARD_GRAVITY)
# A foot swings with 15 rad/s, a sprinter's with 25.
_GYRO_RAD_S = 35.0
# Both feet, 95th percentile: landing from a jump has 5.
_FORCE_BODYWEIGHTS = 6.0
# No joint bends as far; and nobody's ankle, knee or hip takes as much: a sprint has 5.
_ANGLE_DEG, _MOMENT = 200.0, 9.0
_STILL_RAD_S = 0.3
# A centre of pressure may leave the sole by this much before it is no fraction of it.
_BEYOND = 0.25


def unit_defects(sheet: Sheet) -> Iterator[Defect]:
    """Values that are in another unit; a remedy names it where one fits."""
    for part in PARTS:
        yield from _accel_defects(sheet, part)
        yield from _gyro_defects(sheet, part)
    for device in ("insole", "plate"):
        yield from _force_defects(sheet, device)
        for side in SIDES:
            yield from _centre_defects(sheet, f"{device}_{side}")
    yield from _label_defects(sheet)


def _accel_defects(sheet: Sheet, part: str) -> Iterator[Defect]:
    accel = sheet.vector(part, "accel")
    if accel is None:
        return
    size = np.linalg.norm(accel, axis=1)
    typical = float(np.nanmedian(size))
    if _ACCEL[0] < typical < _ACCEL[1]:
        return
    what = f"its size is {typical:.3g} in the median, {STANDARD_GRAVITY} m/s² is what stillness reads"
    if typical < 0.5 and np.nanpercentile(size, 25) < 0.4:
        remedy = "gravity was taken out: export what the accelerometer itself measures"
    else:
        remedy = _other_unit(typical / STANDARD_GRAVITY, {"g": 9.80665, "ft/s²": 0.3048, "mg": 9.80665e-3})
    yield Defect("error", sheet.name, f"{part}_accel", what, remedy)


def _gyro_defects(sheet: Sheet, part: str) -> Iterator[Defect]:
    gyro = sheet.vector(part, "gyro")
    if gyro is None:
        return
    most = float(np.nanmax(np.abs(gyro)))
    if most > _GYRO_RAD_S:
        what = f"reaches {most:.4g}, no more than {_GYRO_RAD_S:g} rad/s can be"
        yield Defect("error", sheet.name, f"{part}_gyro", what, "if it is in deg/s, multiply by pi/180")


def _force_defects(sheet: Sheet, device: str) -> Iterator[Defect]:
    forces = [sheet.stack(f"{device}_{side}_vgrf") for side in SIDES]
    known = [np.nan_to_num(force[:, 0]) for force in forces if force is not None]
    if not known:
        return
    column = " and ".join(
        f"{device}_{side}_vgrf" for side, force in zip(SIDES, forces, strict=True) if force is not None
    )
    total = np.sum(known, axis=0)
    high = float(np.percentile(total, 95))
    if high > _FORCE_BODYWEIGHTS:
        typical = float(np.median(total[total > 0.2 * np.max(total)]))
        mass = sheet.number("body_mass_kg") or 70.0
        units = {
            "newtons": 1.0 / (mass * STANDARD_GRAVITY),
            "kilograms": 1.0 / mass,
            "percent of bodyweight": 0.01,
            "N/kg": 1.0 / STANDARD_GRAVITY,
        }
        what = f"the feet bear {typical:.4g} together, a person 1 bodyweight"
        yield Defect("error", sheet.name, column, what, _other_unit(typical, units))
    elif len(known) == 2 and high < 0.35 and np.max(total) > 0.0:
        what = f"the feet never bear more than {np.max(total):.3g} bodyweights together"
        remedy = "look at the insoles' zero and sensitivity, and at the wearer's mass"
        yield Defect("warning", sheet.name, column, what, remedy)
    least = float(min(np.min(force) for force in known))
    if least < -0.2:
        what = f"goes down to {least:.3g}, a foot cannot pull"
        yield Defect(
            "error", sheet.name, column, what, "upward is positive: change the sign, or set the zero"
        )


def _centre_defects(sheet: Sheet, device: str) -> Iterator[Defect]:
    both = sheet.stack(f"{device}_cop_ap", f"{device}_cop_ml")
    if both is None:
        return
    low, high = (np.nanpercentile(both, q, axis=0) for q in (2, 98))
    remedy = None
    if high.max() > 3.0:
        remedy = "if they are in percent, divide by 100; if in mm, by the foot's length and width in mm"
    elif high.max() > 1.0 + _BEYOND:
        remedy = "measure the foot's length and width, or its place on the insole, again"
    elif low.min() < -_BEYOND or (np.all(low < -0.02) and np.all(high < 0.3)):
        remedy = "count from the heel's end and from the medial edge"
    elif high[1] < 0.14 and high[0] < 0.36:
        remedy = "if they are in metres, divide by the foot's length and width"
    if remedy is not None:
        what = f"lie from {low[0]:.3g} to {high[0]:.3g} and from {low[1]:.3g} to {high[1]:.3g}, a sole has 0 to 1"
        yield Defect("error", sheet.name, f"{device}_cop_ap and {device}_cop_ml", what, remedy)


def _label_defects(sheet: Sheet) -> Iterator[Defect]:
    for name in LABEL_NAMES:
        column = sheet.stack(name)
        if column is None:
            continue
        most, moment = float(np.nanmax(np.abs(column))), name.endswith("_moment")
        if most > (_MOMENT if moment else _ANGLE_DEG):
            mass = sheet.number("body_mass_kg") or 70.0
            remedy = f"if it is in Nm, divide by the body mass of {mass:g} kg" if moment else "write degrees"
            unit = "Nm/kg" if moment else "degrees"
            yield Defect("error", sheet.name, name, f"reaches {most:.4g}, no joint does in {unit}", remedy)


def _other_unit(ratio: float, units: Mapping[str, float]) -> str:
    """A remedy that names the unit whose factor brings `ratio` (of what is there to what should be) nearest to 1."""
    misses = {unit: abs(np.log(max(ratio, 1e-9) * factor)) for unit, factor in units.items()}
    best = min(misses, key=lambda unit: misses[unit])
    if misses[best] > np.log(2.0):
        return "find out its unit and convert it"
    return f"it seems to be in {best}: multiply by {units[best]:.6g}"
