"""From a plan to a whole-body motion: leg inverse kinematics, and the pelvis path that keeps the plan's balance."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.linalg import solve_banded, solveh_banded
from scipy.ndimage import maximum_filter1d

from models.virtual_wearer.anthropometry import BACK, FOOT, PELVIS, SHANK, THIGH, Body
from models.virtual_wearer.dynamics import GRAVITY, RATE_HZ, Inertial, centre_of_pressure, inertial
from models.virtual_wearer.frames import Array, apply, rot_yzx, smooth
from models.virtual_wearer.hands import Hands, hand_places, held_points

REACH_ROUNDS = 4
REACH_WEIGHT = 1500.0  # against a knee's few hundred
TOLD_WEIGHT = 400.0
SWING_KNEE = 0.07  # rad: a swinging leg is hardly straighter than this
SOFT_M = 0.005
MAX_YIELD_M = 0.03
SIDE_SIGN = (1.0, -1.0)  # z of the right and the left


@dataclass
class Plan:
    """What the person does, sampled at RATE_HZ; index 0 of a side axis is the right, angles in rad.

    Pelvis and trunk angles are (yaw, pitch, roll) in the world, see `frames.rot_yzx`.
    """

    ankle: Array  # (n, 2, 3) ankle joint
    foot_pitch: Array  # (n, 2) toes up positive
    foot_yaw: Array  # (n, 2) about y
    foot_roll: Array  # (n, 2) about the foot's own x, to the right
    knee_yaw: Array  # (n, 2) heading of the knee, about y
    heel: Array  # (n, 2, 3) where the heel lies, or last lay, with the foot flat
    cop: Array  # (n, 2, 2) centre of pressure: foot lengths from the heel, foot widths from medial
    right_share: Array  # (n,) of the vertical force
    pelvis: Array  # (n, 3)
    trunk: Array  # (n, 3)
    knee: Array  # (n, 2) knee flexion that the height of the pelvis should give the loaded leg
    arm_angle: Array  # (n,) of the arms, forward from hanging, where `hands` does not say
    height_weight: Array  # (n, 2) how much each knee has to say about the height
    air: Array  # (n, 2) 1 while the foot swings and gives way to what the leg can reach, 0 on the ground
    height_cutoff_hz: float | None = None  # None: the height is followed exactly
    shear: float = 0.8  # how far the legs' forces converge on the centre of mass
    min_knee: float = 0.06
    hands: Hands | None = None
    pelvis_height: Array | None = None  # (n,) of the hips' middle; None: as the knees want it
    incline: float = 0.0  # of the ground, up along x; the plan's axes are the ground's


@dataclass
class Motion:
    """Rotations (n, 8, 3, 3), joint origins and centres (n, 8, 3) of SEGMENTS, in the ground's axes.

    carried: point masses (kg, place): the arms, then what the hands hold. pushed: (N (n, 3), place) on the hands.
    hands: (n, 2, 3) their places, None where they do nothing. up: (3,) m/s^2 against gravity.
    """

    rotation: Array
    origin: Array
    centre: Array
    carried: list[tuple[Array, Array]] = field(default_factory=list)
    pushed: list[tuple[Array, Array]] = field(default_factory=list)
    hands: Array | None = None
    up: Array = field(default_factory=lambda: np.array([0.0, GRAVITY, 0.0]))


def solve(plan: Plan, body: Body, iterations: int = 9) -> tuple[Motion, Inertial]:
    """The motion that follows `plan`; its centre of pressure meets the planned one to about a millimetre."""
    target, level = planned_cop(plan, body), planned_level(plan)
    com_height = 0.56 * body.height_m
    pelvis_xz = _filter_balance(target, com_height)
    pelvis_xz[:, 0] += com_height * np.tan(plan.incline)
    for _ in range(iterations):
        _, state = _moved(plan, body, pelvis_xz)
        error = smooth(np.clip(target - centre_of_pressure(state, level), -0.15, 0.15), 0.01, RATE_HZ)
        pelvis_xz = pelvis_xz + 0.8 * _filter_balance(error, com_height)
    return _moved(plan, body, pelvis_xz)


def cop_in_world(plan: Plan, body: Body, side: int) -> Array:
    """(n, 2) world x and z of the planned centre of pressure under one foot."""
    yaw = plan.foot_yaw[:, side]
    along = plan.cop[:, side, 0] * body.foot_length
    across = SIDE_SIGN[side] * (plan.cop[:, side, 1] - 0.5) * body.foot_width
    x = plan.heel[:, side, 0] + np.cos(yaw) * along + np.sin(yaw) * across
    z = plan.heel[:, side, 2] - np.sin(yaw) * along + np.cos(yaw) * across
    return np.stack([x, z], axis=1)


def planned_cop(plan: Plan, body: Body) -> Array:
    """(n, 2) world x and z of the whole body's planned centre of pressure."""
    share = plan.right_share[:, None]
    return np.asarray(share * cop_in_world(plan, body, 0) + (1.0 - share) * cop_in_world(plan, body, 1))


def planned_level(plan: Plan) -> Array:
    """(n,) height at which the feet's forces act together; 0 on flat ground."""
    share = plan.right_share
    return np.asarray(share * plan.heel[:, 0, 1] + (1.0 - share) * plan.heel[:, 1, 1])


def balance_path(plan: Plan, body: Body) -> Array:
    """(n, 2) world x and z that the centre of mass takes, to some centimetres, before anything is solved."""
    return _filter_balance(planned_cop(plan, body), 0.56 * body.height_m)


def _moved(plan: Plan, body: Body, pelvis_xz: Array) -> tuple[Motion, Inertial]:
    motion = _pose(plan, body, pelvis_xz)
    state = inertial(motion.rotation, motion.centre, motion.carried, body, pushed=motion.pushed, up=motion.up)
    return motion, state


def _filter_balance(cop: Array, height: float) -> Array:
    """Bounded solution of x - (h/g) x'' = cop: the linear inverted pendulum (Kajita et al. 2001), ends at rest."""
    n = len(cop)
    k = height / GRAVITY * RATE_HZ**2
    bands = np.empty((3, n))
    bands[0], bands[1], bands[2] = -k, 1.0 + 2.0 * k, -k
    bands[1, 0] = bands[1, -1] = 1.0 + k
    return np.asarray(solve_banded((1, 1), bands, cop))


def _pose(plan: Plan, body: Body, pelvis_xz: Array) -> Motion:
    n = len(pelvis_xz)
    rotation, origin = np.empty((n, 8, 3, 3)), np.empty((n, 8, 3))
    rotation[:, PELVIS] = rot_yzx(*plan.pelvis.T)
    rotation[:, BACK] = rot_yzx(*plan.trunk.T)
    origin[:, PELVIS, 0], origin[:, PELVIS, 2] = pelvis_xz.T
    origin[:, PELVIS, 1] = 0.0
    hips = [apply(rotation[:, PELVIS], body.hip[side]) for side in range(2)]
    origin[:, PELVIS, 1] = _pelvis_height(plan, body, [origin[:, PELVIS] + hip for hip in hips])
    origin[:, BACK] = origin[:, PELVIS] + apply(rotation[:, PELVIS], body.lumbar)
    for side in range(2):
        _leg(plan, body, side, origin[:, PELVIS] + hips[side], rotation, origin)
    centre = origin + np.einsum("nsij,sj->nsi", rotation, body.centres)
    shoulder = origin[:, BACK] + apply(rotation[:, BACK], body.shoulder)
    motion = Motion(rotation, origin, centre)
    motion.up = GRAVITY * np.array([np.sin(plan.incline), np.cos(plan.incline), 0.0])
    _arms(motion, plan, body, shoulder)
    return motion


def _arms(motion: Motion, plan: Plan, body: Body, shoulder: Array) -> None:
    kg = np.full(len(shoulder), body.arms_kg)
    if plan.hands is None:
        motion.carried = [(kg, shoulder + body.arm_centre * _swing(plan.arm_angle, plan.trunk[:, 0]))]
        return
    places = hand_places(plan.hands, shoulder, motion.rotation[:, BACK], plan.trunk[:, 0], body)
    middle = shoulder + body.arm_centre / body.arm_reach * (places.mean(axis=1) - shoulder)
    motion.hands = places
    motion.carried = [(kg, middle), *held_points(plan.hands, places)]
    if plan.hands.push.any():
        motion.pushed = [(plan.hands.push[:, side], places[:, side]) for side in range(2)]


def _swing(angle: Array, yaw: Array) -> Array:
    """(n, 3) the direction `angle` forward of straight down, in the sagittal plane of a trunk turned by `yaw`."""
    return np.stack([np.sin(angle) * np.cos(yaw), -np.cos(angle), -np.sin(angle) * np.sin(yaw)], axis=1)


def _pelvis_height(plan: Plan, body: Body, hips_at_zero: list[Array]) -> Array:
    """Height (n,) that gives the legs their planned knee flexion as nearly as a smooth path can.

    Minimises the weighted squares of the knees' errors plus those of the height's third derivative (a smoothing
    spline); then lowered where a leg could not reach its ankle.
    """
    reach = _reach(plan, body, hips_at_zero)
    weight, pull = _wishes(plan, body, hips_at_zero)
    if plan.height_cutoff_hz is None:
        return _lowered(pull / weight, reach)
    height = _smoothing(weight, pull, plan.height_cutoff_hz)
    for _ in range(REACH_ROUNDS):
        beyond = REACH_WEIGHT * (height > reach)
        weight, pull = weight + beyond, pull + beyond * reach
        height = _smoothing(weight, pull, plan.height_cutoff_hz)
    return _lowered(height, reach)


def _wishes(plan: Plan, body: Body, hips_at_zero: list[Array]) -> tuple[Array, Array]:
    """(n,) each: how much the height matters, and that times the height that is wanted."""
    weight, pull = np.zeros(len(plan.knee)), np.zeros(len(plan.knee))
    if plan.pelvis_height is not None:
        return weight + TOLD_WEIGHT, TOLD_WEIGHT * plan.pelvis_height
    for side in range(2):
        knee = plan.knee[:, side]
        wanted = _height_for(plan, body, side, hips_at_zero[side], knee)
        per_knee = plan.height_weight[:, side] / (0.025 * (body.thigh + body.shank) * np.sin(0.5 * knee))
        weight += per_knee
        pull += per_knee * wanted
    return weight, pull


def _reach(plan: Plan, body: Body, hips_at_zero: list[Array]) -> Array:
    """(n,) height of the pelvis above which a leg on the ground would not reach its ankle."""
    straight = np.full(len(plan.knee), plan.min_knee)
    sides = [
        _height_for(plan, body, side, hips_at_zero[side], straight) + plan.air[:, side] ** 8
        for side in range(2)
    ]
    return np.minimum(*sides)


def _lowered(height: Array, reach: Array) -> Array:
    """The height, smoothly less around every instant at which it is beyond reach."""
    excess = 1.06 * np.maximum(height - reach, 0.0)
    if excess.any():
        window = 0.10
        bound = maximum_filter1d(excess, int(2 * window * RATE_HZ) + 1)
        height = height - smooth(bound, window / 2, RATE_HZ)
    return height


def _smoothing(weight: Array, pull: Array, cutoff_hz: float) -> Array:
    """argmin sum(weight x^2 - 2 pull x) + L sum((x''')^2), L so that a typical weight is cut off at `cutoff_hz`."""
    n = len(weight)
    stiffness = 400.0 * (RATE_HZ / (2.0 * np.pi * cutoff_hz)) ** 6
    third = np.array([-1.0, 3.0, -3.0, 1.0])
    upper = np.zeros((4, n))
    for first in range(4):
        for second in range(first, 4):
            gap = second - first
            upper[3 - gap, second : n - 3 + second] += stiffness * third[first] * third[second]
    upper[3] += weight
    return np.asarray(solveh_banded(upper, pull))


def _height_for(plan: Plan, body: Body, side: int, hip_at_zero: Array, knee: Array) -> Array:
    """Pelvis height at which this leg's knee is flexed by `knee`."""
    length2 = body.thigh**2 + body.shank**2 + 2.0 * body.thigh * body.shank * np.cos(knee)
    away = hip_at_zero - plan.ankle[:, side]
    rise = np.sqrt(np.maximum(length2 - away[:, 0] ** 2 - away[:, 2] ** 2, 0.01))
    return np.asarray(plan.ankle[:, side, 1] + rise - hip_at_zero[:, 1])


def _leg(plan: Plan, body: Body, side: int, hip: Array, rotation: Array, origin: Array) -> None:
    """Two-link inverse kinematics: the knee is a hinge whose plane holds hip, ankle and a forward direction."""
    ankle = _within_reach(plan, body, side, hip)
    line = hip - ankle
    d = np.linalg.norm(line, axis=1)
    up = line / d[:, None]
    yaw = plan.knee_yaw[:, side] + 0.4 * plan.pelvis[:, 0]
    forward = np.stack([np.cos(yaw), np.zeros_like(yaw), -np.sin(yaw)], axis=1)
    right = np.cross(forward, up)
    right /= np.linalg.norm(right, axis=1)[:, None]
    front = np.cross(up, right)
    cos = (body.shank**2 + d**2 - body.thigh**2) / (2.0 * body.shank * d)
    sin = np.sqrt(np.maximum(1.0 - cos**2, 0.0))
    knee = ankle + body.shank * (cos[:, None] * up + sin[:, None] * front)
    origin[:, THIGH + side], origin[:, SHANK + side], origin[:, FOOT + side] = hip, knee, ankle
    rotation[:, THIGH + side] = _axes((hip - knee) / body.thigh, right)
    rotation[:, SHANK + side] = _axes((knee - ankle) / body.shank, right)
    rotation[:, FOOT + side] = rot_yzx(
        plan.foot_yaw[:, side], plan.foot_pitch[:, side], plan.foot_roll[:, side]
    )


def _within_reach(plan: Plan, body: Body, side: int, hip: Array) -> Array:
    """(n, 3) the planned ankle, drawn towards the hip where a swinging leg would overstretch."""
    line = hip - plan.ankle[:, side]
    d = np.linalg.norm(line, axis=1)
    yielding = 1.0 - (1.0 - plan.air[:, side]) ** 2
    pull = yielding * _beyond(d, _leg_length(body, SWING_KNEE), SOFT_M)
    ankle = plan.ankle[:, side] + smooth((pull / d)[:, None] * line, 0.015, RATE_HZ)
    line = hip - ankle
    d = np.linalg.norm(line, axis=1)
    pull = _beyond(d, _leg_length(body, 0.05), 0.2 * SOFT_M)
    if np.max(pull - yielding) > MAX_YIELD_M:
        raise ValueError(f"the plan puts an ankle {np.max(pull - yielding):.3f} m out of the leg's reach")
    return np.asarray(ankle + (pull / d)[:, None] * line)


def _leg_length(body: Body, knee: float) -> float:
    return float(np.sqrt(body.thigh**2 + body.shank**2 + 2.0 * body.thigh * body.shank * np.cos(knee)))


def _beyond(d: Array, limit: float, edge: float) -> Array:
    """By how much d exceeds the limit, rounded within about `edge` of it."""
    return np.asarray(edge * np.logaddexp(0.0, (d - limit) / edge))


def _axes(y: Array, z: Array) -> Array:
    return np.stack([np.cross(y, z), y, z], axis=2)
