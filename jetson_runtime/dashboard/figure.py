"""A stick figure in the sagittal plane out of the joint angles of a frame. Pure.

The pelvis is drawn upright, because the outcomes do not tell how it is tilted; the lower foot stands on the ground.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import cos, isfinite, radians, sin

# Shares of the body's height (Drillis and Contini 1966, in Winter, Biomechanics, 4th edition, figure 4.1).
THIGH, SHANK, FOOT, ANKLE_HEIGHT = 0.245, 0.246, 0.152, 0.039
TRUNK, HEAD = 0.288, 0.182
_HEEL_BEHIND_ANKLE = 0.25  # of the foot's length
_DECIMALS = 4

Point = tuple[float, float]


def figure(angle: Mapping[str, float]) -> dict[str, list[Point]]:
    """Polylines by name, x forward and y up in body heights, the ground at y = 0.

    angle: degrees by OpenSim name, as in a frame. leg_r, leg_l: hip, knee, ankle, heel, toe. trunk: hip, neck, head's
    top. What an angle is not known for is not there.
    """
    legs = {f"leg_{side}": leg for side in ("r", "l") if (leg := _leg(angle, side))}
    trunk = _trunk(angle.get("lumbar_extension"))
    lines = legs | ({"trunk": trunk} if trunk else {})
    ground = min((y for leg in legs.values() for _, y in leg), default=-(THIGH + SHANK + ANKLE_HEIGHT))
    return {
        name: [(round(x, _DECIMALS), round(y - ground, _DECIMALS)) for x, y in points]
        for name, points in lines.items()
    }


def _leg(angle: Mapping[str, float], side: str) -> list[Point] | None:
    """From the hip at the origin down; None where an angle is missing."""
    told = [angle.get(f"{name}_{side}") for name in ("hip_flexion", "knee_angle", "ankle_angle")]
    if any(value is None or not isfinite(value) for value in told):
        return None
    hip, knee, ankle = (radians(value) for value in told if value is not None)
    # How far each segment has swung forward from hanging down; the foot from pointing forward up.
    shank, foot = hip - knee, hip - knee + ankle
    knee_at = _swung((0.0, 0.0), THIGH, hip)
    ankle_at = _swung(knee_at, SHANK, shank)
    sole = _swung(ankle_at, ANKLE_HEIGHT, foot)
    heel, toe = -_HEEL_BEHIND_ANKLE * FOOT, (1 - _HEEL_BEHIND_ANKLE) * FOOT
    along = [(sole[0] + reach * cos(foot), sole[1] + reach * sin(foot)) for reach in (heel, toe)]
    return [(0.0, 0.0), knee_at, ankle_at, *along]


def _trunk(extension: float | None) -> list[Point] | None:
    if extension is None or not isfinite(extension):
        return None
    back = radians(extension)
    return [(0.0, 0.0), *((-reach * sin(back), reach * cos(back)) for reach in (TRUNK, TRUNK + HEAD))]


def _swung(start: Point, length: float, forward: float) -> Point:
    """The end of a segment that hangs from `start`, swung forward by an angle."""
    return start[0] + length * sin(forward), start[1] - length * cos(forward)
