"""The physics held against itself: the same joint moments by routes that share none of their sums."""

from __future__ import annotations

import numpy as np

from models.virtual_wearer.anthropometry import BACK, FOOT, PELVIS, SEGMENTS, SHANK, THIGH, Body
from models.virtual_wearer.dynamics import RATE_HZ
from models.virtual_wearer.frames import Array, derivative
from models.virtual_wearer.wearer import Physics

_LEG = (("hip", PELVIS, THIGH), ("knee", THIGH, SHANK), ("ankle", SHANK, FOOT))


def power_balance(physics: Physics, body: Body) -> tuple[Array, Array]:
    """Two (n,) in W that must agree: d/dt of the segments' energy, and what joints, ground and burdens give them.

    The energy route knows no acceleration and no lever arm of the inverse dynamics.
    """
    motion, omega = physics.motion, physics.state.omega
    speed = derivative(motion.centre, RATE_HZ)
    spin = np.einsum("nsji,nsj->nsi", motion.rotation, omega)
    energy = 0.5 * (body.masses[:, None] * speed**2 + body.inertias * spin**2).sum(axis=(1, 2))
    energy += (body.masses[:, None] * motion.centre * motion.up).sum(axis=(1, 2))
    return derivative(energy, RATE_HZ), _joint_power(physics) + _ground_power(physics) - _burden_power(
        physics
    )


def hip_moment_from_above(physics: Physics, side: int) -> Array:
    """(n, 3) Nm on the thigh, from the trunk, the arms, load and hands, and the other leg down to its ground."""
    state, ground, other = physics.state, physics.ground, 1 - side
    hip = physics.motion.origin[:, THIGH + side]
    leg = [segment + side for _, _, segment in _LEG]
    rest = [k for k in range(state.centre.shape[1]) if k not in leg]
    need = (np.cross(state.centre[:, rest] - hip[:, None], state.force[:, rest]) + state.moment[:, rest]).sum(
        1
    )
    given = np.cross(ground.place[:, other] - hip, ground.force[:, other]) + ground.moment[:, other]
    return np.asarray(given - need)


def mass_centre(physics: Physics, body: Body) -> Array:
    """(n, 3) of the body with its arms, without a load."""
    arms_kg, arms = physics.motion.carried[0]
    moment = (body.masses[:, None] * physics.motion.centre).sum(axis=1) + arms_kg[:, None] * arms
    return np.asarray(moment / body.mass_kg)


def _joint_power(physics: Physics) -> Array:
    omega = physics.state.omega
    power = (physics.moments["lumbar"] * (omega[:, BACK] - omega[:, PELVIS])).sum(axis=1)
    for side, name in enumerate(("r", "l")):
        for joint, inner, outer in _LEG:
            inside = omega[:, PELVIS] if inner == PELVIS else omega[:, inner + side]
            power = power + (physics.moments[f"{joint}_{name}"] * (omega[:, outer + side] - inside)).sum(
                axis=1
            )
    return np.asarray(power)


def _ground_power(physics: Physics) -> Array:
    """The ground works on a foot that slides or tilts under its centre of pressure."""
    ground, power = physics.ground, np.zeros(len(physics.motion.centre))
    for side in range(2):
        moving = _velocity_at(physics, FOOT + side, ground.place[:, side])
        turning = physics.state.omega[:, FOOT + side]
        power += (ground.force[:, side] * moving).sum(axis=1) + (ground.moment[:, side] * turning).sum(axis=1)
    return power


def _burden_power(physics: Physics) -> Array:
    """What arms, load and all that pushes on the hands take from the trunk that holds them."""
    power = np.zeros(len(physics.motion.centre))
    for k in range(len(SEGMENTS), physics.state.centre.shape[1]):
        moving = _velocity_at(physics, BACK, physics.state.centre[:, k])
        power += (physics.state.force[:, k] * moving).sum(axis=1)
    return power


def _velocity_at(physics: Physics, segment: int, place: Array) -> Array:
    """(n, 3) m/s of the matter of `segment` that is at `place`."""
    origin = physics.motion.origin[:, segment]
    return derivative(origin, RATE_HZ) + np.cross(physics.state.omega[:, segment], place - origin)
