"""Whether each insole is under the foot that its side's IMU is on: a foot that bears load does not swing."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from jetson_runtime.suit.signals import SIDES
from models.checks.defects import Defect
from models.checks.sheet import Sheet

# In walking the own foot's turning and load correlate by -0.33 to -0.76, the other's by +0.28 to +0.76.
_CLEAR = 0.25
_ENOUGH_ROWS = 100
_SWINGS_RAD_S = 1.0


def insole_defects(sheet: Sheet) -> Iterator[Defect]:
    """Insoles, or foot IMUs, on the wrong side, where steps tell."""
    forces = {side: sheet.stack(f"insole_{side}_vgrf") for side in SIDES}
    gyros = {side: sheet.vector(f"foot_{side}", "gyro") for side in SIDES}
    loads = {side: force[:, 0] for side, force in forces.items() if force is not None}
    turns = {side: np.linalg.norm(gyro, axis=1) for side, gyro in gyros.items() if gyro is not None}
    if len(loads) < 2 or len(turns) < 2:
        return
    rows = np.all([np.isfinite(one) for one in (*loads.values(), *turns.values())], axis=0)
    if rows.sum() < _ENOUGH_ROWS or any(
        np.ptp(one[rows]) == 0.0 or float(np.max(one[rows])) < floor
        for group, floor in ((loads, 0.2), (turns, _SWINGS_RAD_S))
        for one in group.values()
    ):
        return

    def together(load: str, foot: str) -> float:
        return float(np.corrcoef(loads[load][rows], turns[foot][rows])[0, 1])

    own = np.mean([together(side, side) for side in SIDES])
    crossed = np.mean([together("r", "l"), together("l", "r")])
    if own > _CLEAR and crossed < -_CLEAR:
        what = f"left and right are swapped: a foot swings while its insole bears load ({own:+.2f}, {crossed:+.2f})"
        remedy = "swap the insoles' sides back, or those of the foot IMUs"
        yield Defect("error", sheet.name, "insole_r_vgrf and insole_l_vgrf", what, remedy)
