"""Named mounting rotations: how a sensor's own axes lie on its segment.

A name says where two of the sensor's axes point on the wearer, e.g. `x_up_z_back`. `x_forward_z_down` is a
3DM-GX5 lying level on its base plate: at rest it reads z = -1 g, and the segment frame then reads y = +9.81 m/s².
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

DIRECTIONS: dict[str, tuple[int, int, int]] = {
    "forward": (1, 0, 0),
    "back": (-1, 0, 0),
    "up": (0, 1, 0),
    "down": (0, -1, 0),
    "right": (0, 0, 1),
    "left": (0, 0, -1),
}


def _rotations() -> dict[str, npt.NDArray[np.float64]]:
    table = {}
    for x_name, x in DIRECTIONS.items():
        for z_name, z in DIRECTIONS.items():
            if np.dot(x, z) == 0:
                table[f"x_{x_name}_z_{z_name}"] = np.stack([x, np.cross(z, x), z], axis=1).astype(np.float64)
    return table


# name -> 3 x 3 rotation R with v_segment = R @ v_sensor. All 24 right-handed ways to strap a box on.
MOUNTINGS: dict[str, npt.NDArray[np.float64]] = _rotations()

IN_SEGMENT_AXES = "x_forward_z_right"
