"""Newton-Euler: what the ground must give for a motion, how the feet share it, and the moments at the joints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from jetson_runtime.suit import signals
from models.virtual_wearer.anthropometry import BACK, FOOT, PELVIS, SHANK, THIGH, Body
from models.virtual_wearer.frames import Array, angular_velocity, derivative, first_angle_zxy

RATE_HZ = float(signals.RATE_HZ)
GRAVITY = signals.STANDARD_GRAVITY
LEVEL = np.array([0.0, GRAVITY, 0.0])


@dataclass
class Inertial:
    """What each body needs from outside: force m(a + g) and moment about its centre, (n, b, 3), and its centre.

    The first eight bodies are SEGMENTS, then the carried points and what is pushed. `omega`: (n, 8, 3) rad/s.
    """

    force: Array
    moment: Array
    centre: Array
    omega: Array


@dataclass
class Ground:
    """Under the right and the left foot, each (n, 2, 3): force N, its place on the ground, free moment Nm."""

    force: Array
    place: Array
    moment: Array


def inertial(
    rotation: Array,
    centre: Array,
    carried: list[tuple[Array, Array]],
    body: Body,
    pushed: Sequence[tuple[Array, Array]] = (),
    up: Array = LEVEL,
) -> Inertial:
    """Rotations (n, 8, 3, 3), centres (n, 8, 3) and carried point masses [(kg (n,), place (n, 3))] -> Inertial.

    pushed: outside forces [(N (n, 3), place (n, 3))] on what the trunk carries; each is a last body that needs the
    opposite force. up (3,): m/s^2 against gravity.
    """
    n, segments = centre.shape[:2]
    omega = np.stack([angular_velocity(rotation[:, s], RATE_HZ) for s in range(segments)], axis=1)
    local = np.einsum("nsji,nsj->nsi", rotation, omega) * body.inertias
    momentum = np.einsum("nsij,nsj->nsi", rotation, local)
    places = np.concatenate([centre, *[place[:, None] for _, place in carried]], axis=1)
    mass = np.concatenate(
        [np.broadcast_to(body.masses, (n, segments)), *[kg[:, None] for kg, _ in carried]], axis=1
    )
    needed = mass[:, :, None] * (derivative(derivative(places, RATE_HZ), RATE_HZ) + up)
    force = np.concatenate([needed, *[-push[:, None] for push, _ in pushed]], axis=1)
    places = np.concatenate([places, *[place[:, None] for _, place in pushed]], axis=1)
    moment = np.zeros_like(places)
    moment[:, :segments] = derivative(momentum, RATE_HZ)
    return Inertial(force, moment, places, omega)


def total_wrench(state: Inertial) -> tuple[Array, Array]:
    """Force (n, 3) and moment about the world's origin (n, 3) that the ground must give."""
    moment = (np.cross(state.centre, state.force) + state.moment).sum(axis=1)
    return state.force.sum(axis=1), moment


def centre_of_pressure(state: Inertial, level: Array) -> Array:
    """(n, 2) x and z where the ground's force acts on the plane y = level (n,)."""
    force, moment = total_wrench(state)
    return _acts_at(force, moment, level)


def share_ground(state: Inertial, right_share: Array, cop: Array, shear: float, level: Array) -> Ground:
    """Split the ground's wrench between the feet.

    right_share (n,): of the vertical force. cop (n, 2, 2): planned x, z under right and left; both are moved by the
    same small amount so that the whole is exact. level (n, 2): the ground's height there. In double support they also
    push against each other along the line between them (which changes no total), `shear` of what would point both
    forces at the centre of mass.
    """
    force, moment = total_wrench(state)
    share = np.stack([right_share, 1.0 - right_share], axis=1)
    whole = _acts_at(force, moment, (share * level).sum(axis=1))
    cop = cop + (whole - (share[:, :, None] * cop).sum(axis=1))[:, None]
    place = np.zeros((len(force), 2, 3))
    place[:, :, 0], place[:, :, 1], place[:, :, 2] = cop[:, :, 0], level, cop[:, :, 1]
    height = (state.force[:, :8, 1] * state.centre[:, :8, 1]).sum(axis=1) / state.force[:, :8, 1].sum(axis=1)
    height -= (share * level).sum(axis=1)
    push = (shear * force[:, 1] * right_share * (1.0 - right_share) / height)[:, None] * (
        place[:, 1] - place[:, 0]
    )
    forces = share[:, :, None] * force[:, None]
    forces[:, 0] += push
    forces[:, 1] -= push
    free = np.zeros_like(forces)
    free[:, :, 1] = share * (moment - np.cross(place, forces).sum(axis=1))[:, 1:2]
    return Ground(forces, place, free)


def joint_moments(state: Inertial, origin: Array, ground: Ground) -> dict[str, Array]:
    """Moment (n, 3) in the world, Nm, from a joint's inner side on its outer: hip, knee, ankle `_r`, `_l`, lumbar.

    Leg joints from the feet upwards; the lumbar joint from everything below it.
    """
    out = {}
    for side, name in enumerate(("r", "l")):
        chain = (("hip", THIGH), ("knee", SHANK), ("ankle", FOOT))
        for k, (joint, segment) in enumerate(chain):
            outer = [s + side for _, s in chain[k:]]
            out[f"{joint}_{name}"] = _needed(state, origin[:, segment + side], outer, ground, [side])
    below = [PELVIS, *range(THIGH, FOOT + 2)]
    out["lumbar"] = -_needed(state, origin[:, BACK], below, ground, [0, 1])
    return out


def coordinates_deg(rotation: Array) -> dict[str, Array]:
    """OpenSim's coordinates (n,) in degrees from the segments' rotations (n, 8, 3, 3)."""
    out = {"lumbar_extension": _flexion(rotation, PELVIS, BACK)}
    for side, name in enumerate(("r", "l")):
        out[f"hip_flexion_{name}"] = _flexion(rotation, PELVIS, THIGH + side)
        out[f"knee_angle_{name}"] = -_flexion(rotation, THIGH + side, SHANK + side)
        out[f"ankle_angle_{name}"] = _flexion(rotation, SHANK + side, FOOT + side)
    return {name: np.degrees(angle) for name, angle in out.items()}


def generalised_forces(rotation: Array, moments: dict[str, Array]) -> dict[str, Array]:
    """`<coordinate>_moment` (n,) in Nm: the joint's moment about its flexion axis, the z of the inner segment."""
    out = {"lumbar_extension_moment": _about(rotation[:, PELVIS], moments["lumbar"])}
    for side, name in enumerate(("r", "l")):
        out[f"hip_flexion_{name}_moment"] = _about(rotation[:, PELVIS], moments[f"hip_{name}"])
        out[f"knee_angle_{name}_moment"] = -_about(rotation[:, THIGH + side], moments[f"knee_{name}"])
        out[f"ankle_angle_{name}_moment"] = _about(rotation[:, SHANK + side], moments[f"ankle_{name}"])
    return out


def _acts_at(force: Array, moment: Array, level: Array) -> Array:
    """(n, 2) x and z on the plane y = level at which `force` alone gives the level parts of `moment`."""
    x = moment[:, 2] + level * force[:, 0]
    z = level * force[:, 2] - moment[:, 0]
    return np.stack([x, z], axis=1) / force[:, 1:2]


def _needed(state: Inertial, joint: Array, bodies: list[int], ground: Ground, feet: list[int]) -> Array:
    """Moment about `joint` that `bodies` need beside what the ground gives these feet."""
    arm = state.centre[:, bodies] - joint[:, None]
    need = (np.cross(arm, state.force[:, bodies]) + state.moment[:, bodies]).sum(axis=1)
    for foot in feet:
        need -= np.cross(ground.place[:, foot] - joint, ground.force[:, foot]) + ground.moment[:, foot]
    return np.asarray(need)


def _flexion(rotation: Array, inner: int, outer: int) -> Array:
    return first_angle_zxy(np.swapaxes(rotation[:, inner], -1, -2) @ rotation[:, outer])


def _about(rotation: Array, moment: Array) -> Array:
    return np.asarray((rotation[:, :, 2] * moment).sum(axis=1))
