"""Tare: where a segment's axes lie in its sensor's, found while the wearer stands in neutral stance.

Gravity gives the segment's y. Its z (to the wearer's right) is known roughly from how the sensor was strapped on, or is
found from movement; made level, it completes the frame. No heading enters, so a magnetometer is never needed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

WORLD_UP = (0.0, 1.0, 0.0)  # of a trial; (0, 0, 1) for east-north-up, (0, 0, -1) for north-east-down
RIGHT = (
    0.0,
    0.0,
    1.0,
)  # of a sensor whose axes are its segment's, as the suit's are after their named mounting

_STILL_DEG = 5.0  # more sway than this in any row, and the stance was none
_ACROSS_DEG = 30.0  # an axis nearer to the vertical is not the one across the body
_TURNED = 0.05  # rms sine of the tilt away from neutral below which a movement shows no axis


@dataclass(frozen=True)
class Tare:
    """axes: (3, 3), columns are the segment's x, y, z in sensor axes. neutral: (3, 3), its axes in the world then."""

    axes: Floats
    neutral: Floats


def take_tare(standing: Floats, right: npt.ArrayLike = RIGHT, world_up: npt.ArrayLike = WORLD_UP) -> Tare:
    """The tare of one sensor from quaternions (n, 4) in neutral stance; rows of NaN or zeros are passed over.

    right: the wearer's right in sensor axes, exact but for its tilt. Raises ValueError where no row is known, the
    wearer moved, or `right` points up or down.
    """
    known = standing[np.linalg.norm(standing, axis=1) > 0.0]
    if len(known) == 0:
        raise ValueError(
            "no orientation is known in neutral stance; record it again with the sensor streaming"
        )
    ups = up_in_sensor(known, world_up)
    up = _unit(ups.mean(axis=0))
    sway = float(np.degrees(np.arccos(np.clip(ups @ up, -1.0, 1.0)).max()))
    if not sway <= _STILL_DEG:
        raise ValueError(f"neutral stance swayed by {sway:.1f} degrees (limit {_STILL_DEG:g}); stand still")
    axes = _level_axes(up, np.asarray(right, np.float64))
    return Tare(axes, np.asarray(_matrix(_mean(known)) @ axes))


def up_in_sensor(quaternions: Floats, world_up: npt.ArrayLike = WORLD_UP) -> Floats:
    """(n, 4) -> (n, 3): the unit vector against gravity in sensor axes; NaN where the quaternion is NaN or zero.

    It does not change when the world turns about its vertical, which is all that yaw drift does.
    """
    norm = np.linalg.norm(quaternions, axis=1, keepdims=True)
    w, x, y, z = (quaternions / np.where(norm > 0.0, norm, np.nan)).T
    rows = np.stack(
        [
            np.stack([1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)], axis=1),
            np.stack([2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)], axis=1),
            np.stack([2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)], axis=1),
        ]
    )
    return np.asarray(np.einsum("kni,k->ni", rows, _unit(np.asarray(world_up, np.float64))))


def right_of_motion(moving: Floats, neutral: Floats, near: npt.ArrayLike) -> Floats:
    """(3,): the level axis in the sensor about which gravity's direction swings, for sensors strapped on anyhow.

    moving: (n, 3) up in sensor axes during walking or another sagittal movement (standing rows add nothing). neutral:
    (3,) the same in neutral stance. near: a rough right, of which only the sign is used. The axis is the first
    principal one of up x neutral, so each row counts by how far it has tilted. Raises ValueError where nothing tilted.
    """
    up = _unit(np.asarray(neutral, np.float64))
    swings = np.cross(moving[np.isfinite(moving).all(axis=1)], up)
    spread = swings.T @ swings / max(len(swings), 1)
    powers, directions = np.linalg.eigh(spread)
    if not np.sqrt(powers[-1]) >= _TURNED:
        raise ValueError(
            "the movement tilts the sensor too little to show its axis; record walking or squats"
        )
    axis = directions[:, -1]
    side = float(axis @ np.asarray(near, np.float64))
    if side == 0.0:
        raise ValueError(
            "the rough right is square to the axis of the movement; give the face that is nearest"
        )
    return np.asarray(axis * np.sign(side))


def _level_axes(up: Floats, right: Floats) -> Floats:
    right = _unit(right)
    lean = float(np.degrees(np.arccos(np.clip(abs(right @ up), 0.0, 1.0))))
    if not lean >= _ACROSS_DEG:
        raise ValueError(
            f"the axis given as the wearer's right is {lean:.0f} degrees from the vertical; check how it is mounted"
        )
    z = _unit(right - (right @ up) * up)
    return np.stack([np.cross(up, z), up, z], axis=1)


def _unit(vector: Floats) -> Floats:
    return np.asarray(vector / np.linalg.norm(vector))


def _mean(quaternions: Floats) -> Floats:
    """(4,): the rotation nearest to all of (n, 4), whatever their signs (Markley et al. 2007, J Guid 30, 1193-1197)."""
    unit = quaternions / np.linalg.norm(quaternions, axis=1, keepdims=True)
    return np.asarray(np.linalg.eigh(unit.T @ unit)[1][:, -1])


def _matrix(quaternion: Floats) -> Floats:
    """(3, 3) of a unit quaternion."""
    w, x, y, z = quaternion.tolist()
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )
