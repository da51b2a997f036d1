"""An instrumented pole: what its six-axis load cell reads and where markers see hands and cell -> forces on the hands.

They join a trial's ground forces as what acts on hand_r and hand_l. Nothing but the two hands may act on the pole on
their side of the cell. Which assumption parts the wrench between the hands is the kind of task's (data/tasks.py).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import Field

from jetson_runtime.suit.signals import SIDES
from models.analytical import hand_forces
from models.analytical.hand_forces import HandWrenches, Wrench
from models.importers.errors import ImportSetError, defect, raise_all
from models.importers.ground import Plates, hands_of
from models.importers.storage import Markers, Table
from models.importers.toml_map import MapTable

Doubles = npt.NDArray[np.float64]
Names = Annotated[tuple[str, ...], Field(min_length=1)]
_CLOSURES = {"symmetric": hand_forces.symmetric, "shovel": hand_forces.shovel}

# A sample of a slow camera: so much of the ends may be held.
_SLACK_S = 0.02


class CellMarkers(MapTable):
    """The mean of several markers is a place. z of the cell's axes points from `origin` to `along`, x towards `across`
    as nearly as it can."""

    right_hand: Names
    left_hand: Names
    origin: Names
    along: Names
    across: Names


class LoadCell(MapTable):
    """How a pole was instrumented.

    ending: of the cell's file behind a trial's name. force, moment: its columns [N, Nm] in the cell's axes, of what the
    hands do to the cell, the moment about the cell's origin.
    """

    ending: str = "_cell.mot"
    force: tuple[str, str, str]
    moment: tuple[str, str, str]
    markers: CellMarkers


def with_hands(
    cell: LoadCell, path: Path, table: Table, markers: Markers, plates: Plates, closure: str
) -> tuple[Plates, str]:
    """`plates` and two more, hand_r_force and hand_l_force, at the plates' times; and in words what was left over.

    path: of `table`, which defects name. closure: `symmetric`, `shovel`, or empty where the task has none. Raises
    ImportSetError with every defect of the cell's file, of its markers and of the grip.
    """
    raise_all(_defects(cell, path, table, markers, plates, closure))
    at = plates.time_s
    right, left, origin, axes = _places(cell.markers, markers, at)
    if not np.isfinite(axes).all():
        what = "the markers of origin, along and across lie on one line"
        raise ImportSetError([defect(path, what, "name markers that show the cell's axes")])
    force, moment = (_at(table.time_s, _columns(table, names), at) for names in (cell.force, cell.moment))
    on_right, on_left = (hand_forces.in_cell(place, origin, axes) for place in (right, left))
    found = _CLOSURES[closure](Wrench(force, moment), on_right, on_left, *hand_forces.no_load(len(at)))
    if not np.isfinite(found.right.force).all():
        what = f"the hands are less than {100 * hand_forces.LEAST_GRIP_M:.0f} cm apart along the pole"
        raise ImportSetError([defect(path, what, "check the markers of the hands, or cut the trial there")])
    return _joined(plates, found, (right, left), axes), _residuals(found, closure)


def _joined(plates: Plates, found: HandWrenches, places: tuple[Doubles, Doubles], axes: Doubles) -> Plates:
    acting = [hand_forces.on_hand(hand, axes) for hand in (found.right, found.left)]
    given = (
        (plates.force, [hand.force for hand in acting]),
        (plates.point, places),
        (plates.torque, [hand.moment for hand in acting]),
    )
    force, point, torque = (np.concatenate([old, np.stack(new, axis=1)], axis=1) for old, new in given)
    names = (*plates.names, *(f"hand_{side}_force" for side in SIDES))
    return replace(plates, names=names, force=force, point=point, torque=torque)


def _residuals(found: HandWrenches, closure: str) -> str:
    most = np.abs(found.residual).max(axis=0)
    return (
        f"load cell parted between the hands ({closure}), left over at most {most[:3].max():.1e} N, "
        f"{most[3:].max():.1e} Nm"
    )


def _places(names: CellMarkers, markers: Markers, at: Doubles) -> tuple[Doubles, Doubles, Doubles, Doubles]:
    """Right and left hand, the cell's origin (n, 3) in the laboratory, and its axes (n, 3, 3) as columns."""
    right, left, origin, along, across = (
        _at(markers.time_s, _mean(markers, wanted), at)
        for wanted in (names.right_hand, names.left_hand, names.origin, names.along, names.across)
    )
    z = _unit(along - origin)
    y = _unit(np.cross(z, across - origin))
    return right, left, origin, np.stack([np.cross(y, z), y, z], axis=2)


def _unit(vectors: Doubles) -> Doubles:
    """(n, 3) of length 1, NaN where there is no direction."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(length > 1e-6, length, np.nan)


def _mean(markers: Markers, names: tuple[str, ...]) -> Doubles:
    return np.asarray(markers.positions[:, [markers.names.index(name) for name in names]].mean(axis=1))


def _columns(table: Table, names: tuple[str, ...]) -> Doubles:
    return np.stack([table.column(name) for name in names], axis=1)


def _at(time: Doubles, values: Doubles, at: Doubles) -> Doubles:
    """(n, k) on straight lines, as plates' forces are."""
    return np.stack([np.interp(at, time, column) for column in values.T], axis=1)


def _defects(
    cell: LoadCell, path: Path, table: Table, markers: Markers, plates: Plates, closure: str
) -> list[str]:
    defects = []
    if not closure:
        what = "belongs to a task whose hands nothing is assumed of"
        defects.append(defect(path, what, f"give the trial a task with a closure: {', '.join(_CLOSURES)}"))
    if hands_of(plates.names):
        what = "comes beside ground forces that hold the hands' already"
        defects.append(defect(path, what, "leave one of them out"))
    for name in (*cell.force, *cell.moment):
        if name not in table.names:
            defects.append(defect(path, f"has no column {name}", f"it has {', '.join(table.names)}"))
        elif not np.isfinite(table.column(name)).all():
            defects.append(defect(path, f"{name} holds NaN", "fill the gaps or cut the trial"))
    for kind, names in cell.markers.model_dump().items():
        for name in names:
            if name not in markers.names:
                defects.append(
                    defect(path, f"{kind}: the trial has no marker {name}", "name it as in the .trc")
                )
            elif not np.isfinite(markers.positions[:, markers.names.index(name)]).all():
                what = f"{kind}: marker {name} is not seen all the time"
                defects.append(defect(path, what, "fill its gaps, or name another"))
    first, last = max(table.time_s[0], markers.time_s[0]), min(table.time_s[-1], markers.time_s[-1])
    if first > plates.time_s[0] + _SLACK_S or last < plates.time_s[-1] - _SLACK_S:
        what = f"is known with its markers from {first:.2f} to {last:.2f} s"
        remedy = (
            f"the ground forces run from {plates.time_s[0]:.2f} to {plates.time_s[-1]:.2f} s; cut them alike"
        )
        defects.append(defect(path, what, remedy))
    return defects
