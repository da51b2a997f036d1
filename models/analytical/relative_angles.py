"""The compared way to a joint angle: the distal segment's orientation in the proximal one's, first angle of z-x-y.

That is how OpenSim takes flexion from two segments, lean and twist set apart. It needs the two sensors to agree on
heading: neutral stance makes them agree, and what their yaw drifts after that leaks into the angle, most in a deep
bend.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.spatial.transform import Rotation

from jetson_runtime.inference.segment_angles import JOINTS, near_middle_deg
from jetson_runtime.inference.tare import Floats, Tare
from models.virtual_wearer.frames import first_angle_zxy


def joint_angles(quaternions: Mapping[str, Floats], tares: Mapping[str, Tare]) -> dict[str, Floats]:
    """OpenSim's coordinate -> (n,) degrees, for every joint whose two parts are given; 0 in neutral stance, NaN where a
    quaternion is NaN or zero."""
    turns = {
        part: turn_since_neutral(values, tares[part]) for part, values in quaternions.items() if part in tares
    }
    return {
        joint.angle: near_middle_deg(
            np.degrees(
                joint.sign * first_angle_zxy(np.swapaxes(turns[joint.proximal], 1, 2) @ turns[joint.distal])
            ),
            joint.middle_deg,
        )
        for joint in JOINTS
        if joint.proximal in turns and joint.distal in turns
    }


def turn_since_neutral(quaternions: Floats, tare: Tare) -> Floats:
    """(n, 4) -> (n, 3, 3): the segment's axes in those it had in neutral stance."""
    norm = np.linalg.norm(quaternions, axis=1)
    known = np.isfinite(norm) & (norm > 0.0)
    out = np.full((len(quaternions), 3, 3), np.nan)
    if known.any():
        turned = Rotation.from_quat(quaternions[known][:, [1, 2, 3, 0]]).as_matrix()
        out[known] = tare.neutral.T @ turned @ tare.axes
    return out
