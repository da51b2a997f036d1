"""The hands: where they are, what they hold, what pushes on them. All of it reaches the body through the trunk.

Arms are links without inertia between shoulder and hand (their mass is one point). What is held is a point mass on the
line through both hands: a load between them, in one of them, or on a shovel's blade beyond them. What pushes is a force
of the surroundings, without a moment.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from models.virtual_wearer.anthropometry import Body
from models.virtual_wearer.frames import Array, apply, rot_y

SHOULDER_HALF = 0.11  # of the body's height, from the middle to either shoulder
SOFT_M = 0.02
RIGHT, BETWEEN, LEFT = 0.0, 0.5, 1.0  # places of what is held


@dataclass
class Held:
    """kg (n,) at `along` of the way from the right hand (0) to the left (1); a blade lies outside [0, 1]."""

    kg: Array
    along: float


@dataclass
class Hands:
    """All (n, 2, 3), right and left.

    reach: from that side's shoulder, m forward, up and right of the trunk's heading. world: where a hand is that holds
    something fixed or guided. fixed: 0 to 1 by axis, how far `world` holds instead of `reach`. push: N on each hand.
    """

    reach: Array
    world: Array
    fixed: Array
    push: Array
    held: list[Held] = field(default_factory=list)


@dataclass
class HandLoads:
    """What acts on the right and the left hand, (n, 2, 3) each: force N, its place; there is no moment."""

    force: Array
    place: Array


def hanging(n: int, body: Body, forward: float = 0.05, apart: float = 0.0, length: float = 0.95) -> Hands:
    """Arms that hang: hands `forward` m ahead of their shoulders, each `apart` m further out."""
    down = length * body.arm_reach
    reach = np.tile([[forward, -down, apart], [forward, -down, -apart]], (n, 1, 1))
    return Hands(reach, np.zeros((n, 2, 3)), np.zeros((n, 2, 3)), np.zeros((n, 2, 3)))


def hand_places(hands: Hands, shoulder: Array, back: Array, yaw: Array, body: Body) -> Array:
    """(n, 2, 3) in the world; no arm is longer than its reach.

    shoulder (n, 3): their middle. back (n, 3, 3), yaw (n,): the trunk's rotation, and its heading alone.
    """
    heading = rot_y(yaw)
    out = np.empty_like(hands.reach)
    for side, sign in enumerate((1.0, -1.0)):
        own = shoulder + apply(back, np.array([0.0, 0.0, sign * SHOULDER_HALF * body.height_m]))
        wanted = own + apply(heading, hands.reach[:, side])
        wanted += hands.fixed[:, side] * (hands.world[:, side] - wanted)
        arm = wanted - own
        d = np.linalg.norm(arm, axis=1)
        over = SOFT_M * np.logaddexp(0.0, (d - body.arm_reach) / SOFT_M)
        out[:, side] = wanted - (over / d)[:, None] * arm
    return out


def held_points(hands: Hands, places: Array) -> list[tuple[Array, Array]]:
    """(kg (n,), place (n, 3)) of everything held, hands at `places`."""
    right, left = places[:, 0], places[:, 1]
    return [(one.kg, right + one.along * (left - right)) for one in hands.held]


def hand_loads(hands: Hands, places: Array, weights: list[Array]) -> HandLoads:
    """What acts on each hand; `weights`: force (n, 3) that each thing held needs, as of `dynamics.Inertial`.

    Across the line through the hands they share as a lever does; along it half each (both closures of
    models/analytical/hand_forces.py), unless the thing is in one hand alone.
    """
    line = places[:, 1] - places[:, 0]
    axis = line / np.linalg.norm(line, axis=1)[:, None]
    force = hands.push.copy()
    for one, need in zip(hands.held, weights, strict=True):
        lengthwise = (need * axis).sum(axis=1)[:, None] * axis
        half = one.along if one.along in (RIGHT, LEFT) else 0.5
        for side, share, part in ((0, 1.0 - one.along, 1.0 - half), (1, one.along, half)):
            force[:, side] -= share * (need - lengthwise) + part * lengthwise
    return HandLoads(force, places)
