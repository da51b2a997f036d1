"""What eight IMUs on a rigid skeleton would have measured."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from scipy.spatial.transform import Rotation

from jetson_runtime.suit.signals import PARTS, PERIOD_NS, STANDARD_GRAVITY
from models.data.filters import acceleration
from models.importers.body_model import BODY_OF_PART, Poses

Doubles = npt.NDArray[np.float64]


# [m] from each segment's origin in its axes, on the right: upper back, sacrum, outer thigh and shank, instep.
_PLACES = {
    "back": (-0.10, 0.25, 0.0),
    "pelvis": (-0.12, 0.03, 0.0),
    "thigh": (0.0, -0.20, 0.07),
    "shank": (0.03, -0.18, 0.04),
    "foot": (0.10, 0.05, 0.0),
}


def places(parts: Iterable[str]) -> dict[str, Doubles]:
    """part -> (3,) of the sensor in its segment [m], mirrored on the left."""
    return {part: np.array(_PLACES[part.split("_")[0]]) * _mirror(part) for part in parts}


def _mirror(part: str) -> Doubles:
    return np.array([1.0, 1.0, -1.0 if part.endswith("_l") else 1.0])


def imu_channels(poses: Poses, where: dict[str, Doubles]) -> Doubles:
    """(n, 48) specific force [m/s²] and angular velocity [rad/s] in the segments' axes, a part without a place NaN."""
    count = len(poses.mass_centre)
    out = np.full((count, len(PARTS), 6), np.nan)
    for k, part in enumerate(PARTS):
        if part in where:
            position, rotation = poses.position[BODY_OF_PART[part]], poses.rotation[BODY_OF_PART[part]]
            force = acceleration(position + rotation @ where[part])
            force[:, 1] += STANDARD_GRAVITY
            out[:, k, :3] = np.einsum("nji,nj->ni", rotation, force)
            out[:, k, 3:] = angular_velocity(rotation)
    return out.reshape(count, -1)


def angular_velocity(rotation: Doubles) -> Doubles:
    """(n, 3) [rad/s] in the body's axes from its axes in the laboratory (n, 3, 3), 200 Hz; the end rows held."""
    turn = np.einsum("nji,njk->nik", rotation[:-2], rotation[2:])
    rate = Rotation.from_matrix(turn).as_rotvec() / (2e-9 * PERIOD_NS)
    return np.concatenate([rate[:1], rate, rate[-1:]])


def quaternions(poses: Poses, where: dict[str, Doubles]) -> dict[str, Doubles]:
    """part -> (n, 4) w x y z of the segment's axes in the laboratory."""
    return {
        part: Rotation.from_matrix(poses.rotation[BODY_OF_PART[part]]).as_quat()[:, [3, 0, 1, 2]]
        for part in where
    }
