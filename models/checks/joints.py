"""Whether sensors and labels agree about the joints: units, signs, axes, sides, times."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from models.checks.causes import explained, out_of_time
from models.checks.defects import Defect, listed
from models.checks.joint_rates import AGREES, DISAGREES, JOINTS, MOVING_RAD_S, Evidence, evidence
from models.checks.sheet import Sheet

_SCALE = (0.5, 2.0)
# The trunk bends in many joints between its two sensors, of which the label is one.
_TRUNK_SCALE = (0.25, 4.0)


def joint_defects(sheet: Sheet) -> Iterator[Defect]:
    """Units, signs, axes, sides and times in which sensors and labels disagree, where enough moves to tell."""
    found = evidence(sheet)
    unit = _unit(sheet, found)
    if unit is not None:
        defect, found = unit
        yield defect
    found = found.moving()
    fits = found.fits()
    bad = [name for name, fit in fits.items() if fit.correlation < DISAGREES]
    if bad:
        yield explained(sheet, found, bad)
        return
    if (late := out_of_time(sheet, found)) is not None:
        yield late
    for name, fit in fits.items():
        least, most = _TRUNK_SCALE if name == "lumbar_extension" else _SCALE
        if fit.correlation > AGREES and not least < fit.slope < most:
            what = f"changes {fit.slope:.2g} times as fast as the gyroscopes say"
            yield Defect(
                "error", sheet.name, name, what, "find out the unit of the angle and of the gyroscopes"
            )


def _unit(sheet: Sheet, found: Evidence) -> tuple[Defect, Evidence] | None:
    """Degrees and radians mixed up: sensors and labels agree but for a factor of 57; and the evidence mended."""
    fits = found.fits()
    clear = {
        joint.label: abs(fit.slope)
        for joint in JOINTS
        if (fit := fits.get(joint.label)) is not None
        and abs(fit.correlation) > AGREES
        and float(np.nanstd(found.rates[joint.plus] - found.rates[joint.minus])) > MOVING_RAD_S
    }
    slope = float(np.median(list(clear.values()))) if clear else 1.0
    if not 0.5 < slope * np.degrees(1.0) < 2.0:
        return None
    span = max(float(np.nanmax(sheet.columns[name]) - np.nanmin(sheet.columns[name])) for name in clear)
    if span < np.pi:
        what = f"span {span:.3g} while the gyroscopes turn by {np.degrees(span):.3g} degrees"
        remedy = "they seem to be in rad: write degrees"
        return Defect("error", sheet.name, listed(list(clear)), what, remedy), found.scaled(1.0 / slope, 1.0)
    what = f"turn {1.0 / slope:.3g} times as fast as the joint angles"
    remedy = "they seem to be in deg/s: multiply by pi/180"
    return Defect("error", sheet.name, "gyro", what, remedy), found.scaled(1.0, slope)
