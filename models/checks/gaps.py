"""Where values are missing: of a device that was worn, of the truth, and values that stand still."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from jetson_runtime.suit.signals import AXES, COP_BODYWEIGHTS, FRESH_NS, LABEL_NAMES, PARTS, PERIOD_NS, SIDES
from models.checks.defects import Defect, Severity, listed, longest, runs, several
from models.checks.sheet import Sheet
from models.data.tasks import NEUTRAL

# The aligner bridges as much of an IMU.
_BRIDGED_ROWS = FRESH_NS["imu"] // PERIOD_NS
# A centre of pressure may be unknown until the load is clearly there.
_LOADED = 2.0 * COP_BODYWEIGHTS
_FEW_ROWS = 10
# No sensor's noise repeats itself as long as this.
_FROZEN_ROWS = 40


def gap_defects(sheet: Sheet) -> Iterator[Defect]:
    """NaN runs, values without end, sensors that stand still. A device that is NaN throughout was not worn: fine."""
    for name, values in sheet.columns.items():
        if np.isinf(values).any():
            found = runs(np.isinf(values))
            yield Defect(
                "error", sheet.name, name, f"is infinite {several(found)}", "write NaN", longest(found)
            )
    for part in PARTS:
        names = [f"{part}_{quantity}_{axis}" for quantity in ("accel", "gyro") for axis in AXES]
        yield from _imu_defects(sheet, part, [name for name in names if name in sheet.columns])
    for side in SIDES:
        yield from _insole_defects(sheet, side)
    yield from _label_defects(sheet)


def _imu_defects(sheet: Sheet, part: str, names: list[str]) -> Iterator[Defect]:
    if not names:
        return
    values = np.stack([sheet.columns[name] for name in names], axis=1)
    unknown = np.isnan(values)
    if unknown.all():
        return
    absent = np.asarray(unknown.all(axis=0))
    for name, whole in zip(names, absent, strict=True):
        if whole:
            remedy = "export the column, or write NaN in all six if the sensor was not worn"
            yield Defect(
                "error", sheet.name, name, f"is NaN throughout, other columns of {part} are not", remedy
            )
    found = runs(np.asarray(unknown[:, ~absent].any(axis=1)))
    if found:
        first, last = longest(found)
        bridged = last - first + 1 <= _BRIDGED_ROWS
        remedy = (
            "short enough to be bridged; interpolate if you can"
            if bridged
            else "cut the trial there, or fill it"
        )
        severity: Severity = "warning" if bridged else "error"
        yield Defect(severity, sheet.name, f"{part} IMU", f"NaN {several(found)}", remedy, (first, last))
    still = _standing_still(values)
    if still:
        what = f"all its values stand still {several(still)}"
        yield Defect(
            "warning", sheet.name, f"{part} IMU", what, "the sensor or its link hung: cut", longest(still)
        )


def _standing_still(values: npt.NDArray[np.float64]) -> list[tuple[int, int]]:
    same = np.all(values[1:] == values[:-1], axis=1)
    return [(first, last + 1) for first, last in runs(same) if last - first + 2 >= _FROZEN_ROWS]


def _insole_defects(sheet: Sheet, side: str) -> Iterator[Defect]:
    force = sheet.columns.get(f"insole_{side}_vgrf")
    if force is None or np.isnan(force).all():
        return
    if np.isnan(force).any():
        found = runs(np.isnan(force))
        remedy = "fine where the foot stood on no plate; not scored there"
        yield Defect(
            "warning", sheet.name, f"insole_{side}_vgrf", f"NaN {several(found)}", remedy, longest(found)
        )
    for name in (f"insole_{side}_cop_ap", f"insole_{side}_cop_ml"):
        centre = sheet.columns.get(name)
        if centre is None:
            continue
        found = [run for run in runs(np.isnan(centre) & (force > _LOADED)) if run[1] - run[0] >= _FEW_ROWS]
        if np.isnan(centre).all():
            what, remedy = (
                "NaN throughout, the force is not",
                "the network sees the middle of the foot instead",
            )
            yield Defect("warning", sheet.name, name, what, remedy)
        elif found:
            remedy = f"a centre of pressure is known from {COP_BODYWEIGHTS} bodyweights on: export it again"
            yield Defect(
                "warning", sheet.name, name, f"NaN under load {several(found)}", remedy, longest(found)
            )


def _label_defects(sheet: Sheet) -> Iterator[Defect]:
    present = [name for name in LABEL_NAMES if name in sheet.columns]
    absent = [name for name in present if np.isnan(sheet.columns[name]).all()]
    if present and len(absent) == len(present):
        if sheet.task != NEUTRAL:
            remedy = "import the reference of this trial, or take the file out of the folder"
            yield Defect("warning", sheet.name, "labels", "are all NaN: nothing to learn or to score", remedy)
        return
    if absent:
        remedy = "not learnt from and not scored; fine if the reference lacks them"
        yield Defect("warning", sheet.name, listed(absent), "NaN throughout", remedy)
    groups: dict[tuple[tuple[int, int], ...], list[str]] = defaultdict(list)
    for name in present:
        values = sheet.columns[name]
        inner = [run for run in runs(np.isnan(values)) if run[0] > 0 and run[1] < len(values) - 1]
        if name not in absent and inner:
            groups[tuple(inner)].append(name)
    for found, names in groups.items():
        remedy = "not scored there; fine where the reference is not valid"
        where = longest(list(found))
        yield Defect("warning", sheet.name, listed(names), f"NaN {several(list(found))}", remedy, where)
