"""The same movement with right and left exchanged: what one side's condition is to the other's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from models.virtual_wearer.frames import Array
from models.virtual_wearer.hands import Hands, Held
from models.virtual_wearer.motion import Plan

_POINT = np.array([1.0, 1.0, -1.0])
_TURN = np.array([-1.0, 1.0, -1.0])  # yaw, pitch, roll


def mirrored(plan: Plan) -> Plan:
    """The plan seen in a mirror; the body that follows it must be the mirrored one."""
    return replace(
        plan,
        ankle=_swapped(plan.ankle) * _POINT,
        foot_pitch=_swapped(plan.foot_pitch),
        foot_yaw=-_swapped(plan.foot_yaw),
        foot_roll=-_swapped(plan.foot_roll),
        knee_yaw=-_swapped(plan.knee_yaw),
        heel=_swapped(plan.heel) * _POINT,
        cop=_swapped(plan.cop),
        right_share=1.0 - plan.right_share,
        pelvis=plan.pelvis * _TURN,
        trunk=plan.trunk * _TURN,
        knee=_swapped(plan.knee),
        height_weight=_swapped(plan.height_weight),
        air=_swapped(plan.air),
        hands=None if plan.hands is None else _hands(plan.hands),
    )


def _hands(hands: Hands) -> Hands:
    return Hands(
        reach=_swapped(hands.reach) * _POINT,
        world=_swapped(hands.world) * _POINT,
        fixed=_swapped(hands.fixed),
        push=_swapped(hands.push) * _POINT,
        held=[Held(one.kg, 1.0 - one.along) for one in hands.held],
    )


def _swapped(sides: Array) -> Array:
    return np.ascontiguousarray(sides[:, ::-1])
