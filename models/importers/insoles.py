"""What two pressure insoles would have measured under the feet of a skeleton on force plates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from jetson_runtime.suit.signals import COP_BODYWEIGHTS, SIDES, STANDARD_GRAVITY
from models.importers.body_model import BodyModel, Poses

Doubles = npt.NDArray[np.float64]

# The unscaled Rajagopal2016 foot: its toe joint is 0.1788 m before the heel bone's origin, the heel ends 0.025 m
# behind that origin and the toes 0.070 m before their joint. Gait2392's foot is the same.
_TOE_JOINT_M, _HEEL_M, _TOES_M = 0.1788, 0.025, 0.070
_WIDTH_OF_LENGTH = 0.38
_OUT = {"r": 1.0, "l": -1.0}
# Of the sole's normal along the vertical: a foot that stands on its toes' tips still has a place under it.
_LEAST_LEVEL = 0.2


@dataclass(frozen=True)
class Foot:
    """The sole in the frame of calcn [m]: x of the heel's end, length, width, how far lateral its middle line runs."""

    heel_x: float
    length: float
    width: float
    middle: float = 0.0


def foot_of(model: BodyModel) -> Foot:
    """From the model's own toe joint as the heel bone sees it, mean of both sides."""
    joints = [model.segment(f"toes_{side}", f"calcn_{side}") * [1.0, 1.0, _OUT[side]] for side in SIDES]
    ahead, _, lateral = (float(x) for x in np.mean(joints, axis=0))
    size = ahead / _TOE_JOINT_M
    length = ahead + size * (_HEEL_M + _TOES_M)
    return Foot(-size * _HEEL_M, length, _WIDTH_OF_LENGTH * length, lateral)


def ends(poses: Poses, foot: Foot) -> tuple[Doubles, Doubles]:
    """Heels and toe tips (n, 2, 3) in the laboratory."""
    out = []
    for x in (foot.heel_x, foot.heel_x + foot.length):
        point = np.array([x, 0.0, 0.0])
        out.append(
            np.stack(
                [poses.position[f"calcn_{s}"] + poses.rotation[f"calcn_{s}"] @ point for s in SIDES], axis=1
            )
        )
    return out[0], out[1]


def insole_channels(force: Doubles, centre: Doubles, poses: Poses, foot: Foot, mass_kg: float) -> Doubles:
    """(n, 6) vgrf, cop_ap, cop_ml, right then left; `force`, `centre` of pressure (n, 2, 3) in the laboratory."""
    out = []
    for s, side in enumerate(SIDES):
        rotation, origin = poses.rotation[f"calcn_{side}"], poses.position[f"calcn_{side}"]
        local = np.einsum("nji,nj->ni", rotation, centre[:, s] - origin)
        vgrf = force[:, s, 1] / (mass_kg * STANDARD_GRAVITY)
        ahead = (local[:, 0] - foot.heel_x) / foot.length
        outward = 0.5 + (_OUT[side] * local[:, 2] - foot.middle) / foot.width
        pressed = vgrf >= COP_BODYWEIGHTS
        out += [vgrf, np.where(pressed, ahead, np.nan), np.where(pressed, outward, np.nan)]
    return np.stack(out, axis=1)


def read_by_insoles(truth: Doubles) -> Doubles:
    """(n, 6) of insole_channels as insoles tell it: they know no centre of pressure beyond their own rim."""
    out = np.array(truth, np.float64)
    for first in (1, 4):
        out[:, first : first + 2] = np.clip(truth[:, first : first + 2], 0.0, 1.0)
    return out


def centre_in_laboratory(cop: Doubles, poses: Poses, foot: Foot, height_m: float) -> Doubles:
    """(n, 2, 2) cop_ap and cop_ml, right then left -> (n, 2, 3) on the plane `height_m`: insole_channels reversed."""
    out = []
    for s, side in enumerate(SIDES):
        rotation, origin = poses.rotation[f"calcn_{side}"], poses.position[f"calcn_{side}"]
        ahead = foot.heel_x + foot.length * cop[:, s, 0]
        lateral = _OUT[side] * (foot.middle + foot.width * (cop[:, s, 1] - 0.5))
        flat = rotation[:, :, 0] * ahead[:, None] + rotation[:, :, 2] * lateral[:, None]
        up = rotation[:, 1, 1]
        level = np.copysign(np.maximum(np.abs(up), _LEAST_LEVEL), up)
        rise = (height_m - origin[:, 1] - flat[:, 1]) / level
        out.append(origin + flat + rotation[:, :, 1] * rise[:, None])
    return np.stack(out, axis=1)
