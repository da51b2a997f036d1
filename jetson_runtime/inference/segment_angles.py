"""Sagittal joint angles as the difference of two segments' angles, each from the direction of gravity alone.

The paper (II.E): "taking the difference in segment angles of two IMUs across a joint". A segment's angle is that of
gravity in the segment's own sagittal plane, positive as a turn about z: nose up, thigh forward, toes up. It is the last
angle of heading, lean, pitch, so heading has no part in it and no bend, however deep, is singular; only a segment that
lies on its side has none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from jetson_runtime.inference.tare import WORLD_UP, Floats, Tare, up_in_sensor
from jetson_runtime.suit.signals import PARTS, SIDES

# Gravity's share in the sagittal plane under which its direction there is noise: 11.5 degrees from lying on the side.
LEAST_SHARE = 0.2


@dataclass(frozen=True)
class Joint:
    """angle (OpenSim's coordinate) = sign x (angle of `distal` - angle of `proximal`), parts as in signals.py.

    middle_deg: of what a body can reach; angles are told within half a turn of it, so that none ever jumps.
    """

    angle: str
    proximal: str
    distal: str
    sign: float
    middle_deg: float


JOINTS: tuple[Joint, ...] = (
    *(Joint(f"hip_flexion_{side}", "pelvis", f"thigh_{side}", 1.0, 60.0) for side in SIDES),
    *(Joint(f"knee_angle_{side}", f"thigh_{side}", f"shank_{side}", -1.0, 75.0) for side in SIDES),
    *(Joint(f"ankle_angle_{side}", f"shank_{side}", f"foot_{side}", 1.0, 0.0) for side in SIDES),
    Joint("lumbar_extension", "pelvis", "back", 1.0, -30.0),
)
ANGLE_NAMES: tuple[str, ...] = tuple(joint.angle for joint in JOINTS)
_PROXIMAL = np.array([PARTS.index(joint.proximal) for joint in JOINTS])
_DISTAL = np.array([PARTS.index(joint.distal) for joint in JOINTS])
_SIGN = np.array([joint.sign for joint in JOINTS])
_MIDDLE = np.array([joint.middle_deg for joint in JOINTS])


def joint_angles(
    quaternions: Mapping[str, Floats], tares: Mapping[str, Tare], world_up: npt.ArrayLike = WORLD_UP
) -> dict[str, Floats]:
    """OpenSim's coordinate -> (n,) degrees, for every joint whose two parts are given.

    quaternions: part -> (n, 4). Zero is neutral stance. NaN where either segment's angle is undefined. Each row is
    computed by itself, so a gap breaks nothing after it.
    """
    told = {part: quaternions[part] for part in PARTS if part in quaternions and part in tares}
    if not told:
        return {}
    segments = np.full((len(next(iter(told.values()))), len(PARTS)), np.nan)
    for part, values in told.items():
        segments[:, PARTS.index(part)] = sagittal_angle_deg(up_in_sensor(values, world_up), tares[part].axes)
    angles = angles_between(segments)
    return {
        joint.angle: angles[:, i]
        for i, joint in enumerate(JOINTS)
        if joint.proximal in told and joint.distal in told
    }


def sagittal_angle_deg(up: Floats, axes: Floats) -> Floats:
    """(..., 3) up in sensor axes -> (...) the segment's angle in its sagittal plane, (-180, 180]; 0 in neutral stance.

    axes: (3, 3) or (..., 3, 3), of the tare.
    """
    in_segment = np.matmul(up[..., None, :], axes)[..., 0, :]
    forward, upward = in_segment[..., 0], in_segment[..., 1]
    angle = np.degrees(np.arctan2(forward, upward))
    return np.where(np.hypot(forward, upward) >= LEAST_SHARE, angle, np.nan)


def angles_between(segments: Floats) -> Floats:
    """(..., 8) angles of the segments in the order of PARTS -> (..., 7) in the order of JOINTS."""
    return near_middle_deg(_SIGN * (segments[..., _DISTAL] - segments[..., _PROXIMAL]), _MIDDLE)


def near_middle_deg(angle: Floats, middle_deg: float | Floats) -> Floats:
    """The same turn within half a turn of the joint's middle, whichever way its segments went round."""
    return np.asarray(middle_deg + 180.0 - np.mod(middle_deg + 180.0 - angle, 360.0))
