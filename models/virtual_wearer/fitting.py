"""The movements of the fit check: stand, lift the right foot, the left, squat as to a box, three stamps by turns."""

from __future__ import annotations

import zlib

import numpy as np

from jetson_runtime.fitting.protocol import LIFT_LEFT, LIFT_RIGHT, SECONDS, SQUAT, STAMP
from models.virtual_wearer.frames import Array
from models.virtual_wearer.lift import Session, bend
from models.virtual_wearer.motion import SIDE_SIGN, Plan
from models.virtual_wearer.standing import settle
from models.virtual_wearer.stepping import Footing, Way, stepping_plan
from models.virtual_wearer.subject import Subject

_WAY = Way(clear=0.20, back=0.0)
# A stamp: how high, how long the foot is up, how fast it comes down, and the share of the weight that it then takes.
_STAMP_M, _STAMP_UP_S, _STAMP_M_S, _STAMP_SHARE = 0.10, 0.8, 1.0, 0.25
# When in the phase, and with which foot: 0 the right one.
_STAMPS = ((1.6, 0), (3.4, 1), (5.2, 0))


def plan_fitting(subject: Subject, rng: np.random.Generator) -> tuple[Plan, Array, tuple[float, ...]]:
    """The plan, its time (n,), and when the stamps land. How soon each command is followed differs."""
    late = [float(value) for value in rng.uniform(0.3, 1.0, 4)]
    lifts = [
        [(LIFT_RIGHT.begin_s + late[0] + 0.6, LIFT_RIGHT.end_s - 1.0)],
        [(LIFT_LEFT.begin_s + late[1] + 0.6, LIFT_LEFT.end_s - 1.0)],
    ]
    stamps = [(STAMP.begin_s + late[3] + at, side) for at, side in _STAMPS]
    for at, side in stamps:
        lifts[side].append((at - _STAMP_UP_S, at))
    half = max(0.09, 0.45 * subject.style.stance_width)
    feet = tuple(_feet(lifts[side], SIDE_SIGN[side] * half) for side in range(2))
    plan, t = stepping_plan(
        subject, SECONDS, (feet[0], feet[1]), _WAY, 0.5 + subject.style.stand_asymmetry, rng
    )
    _squat(plan, t, subject, SQUAT.begin_s + late[2], rng)
    for at, side in stamps:
        _stamp(plan, t, at, side)
    plan.height_cutoff_hz = 5.0
    return plan, t, tuple(at for at, _ in stamps)


def seeded(subject: Subject, seed: int) -> np.random.Generator:
    """That of this subject's fit check."""
    return np.random.default_rng([subject.seed, seed, zlib.crc32(b"fit")])


def _feet(moves: list[tuple[float, float]], z: float) -> list[Footing]:
    """One place, left and come back to."""
    offs, lands = [off for off, _ in moves], [land for _, land in moves]
    return [
        Footing(land, off, 0.0, 0.0, z) for land, off in zip([-60.0, *lands], [*offs, 600.0], strict=True)
    ]


def _squat(plan: Plan, t: Array, subject: Subject, at: float, rng: np.random.Generator) -> None:
    style = subject.style
    knee = float(np.radians(rng.uniform(70.0, 100.0)))
    lean = float(np.radians(rng.uniform(50.0, 65.0)))
    session = Session(
        "squat", knee, lean, float(np.clip(style.squat_tilt, 0.5, 0.8)), *(0.0,) * 5,
        share=0.0, stagger=0.0, turn=0.0, width=style.stance_width,
    )  # fmt: skip
    depth = settle(t, at, 1.4) - settle(t, at + 2.2, 1.4)
    plan.knee += knee * depth[:, None]
    share = plan.right_share.copy()
    bend(plan, session, depth, lean * depth, np.zeros(len(t)), rng)
    plan.right_share = share
    plan.arm_angle += 0.8 * depth


def _stamp(plan: Plan, t: Array, at: float, side: int) -> None:
    """The foot falls on the ground and is stopped by it within two samples, its load there at once."""
    fall_s = _STAMP_M / _STAMP_M_S
    up = (t > at - _STAMP_UP_S) & (t <= at)
    ground = plan.ankle[np.searchsorted(t, at + 0.05), side, 1]
    rise = _STAMP_M * settle(t[up], at - _STAMP_UP_S, _STAMP_UP_S - fall_s - 0.05)
    left = np.clip((at - t[up]) / fall_s, 0.0, 1.0)
    plan.ankle[up, side, 1] = ground + rise * left
    pulse = settle(t, at, 0.03) * (1.0 - settle(t, at + 0.12, 0.15))
    plan.right_share = np.clip(plan.right_share + (1 - 2 * side) * _STAMP_SHARE * pulse, 0.0, 1.0)
