"""Feet that stand on places of any height, one after another: what ladder and box have in common.

Slow enough that a foot rests at lift-off and landing; between, it goes up, over and down without touching an edge.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from models.virtual_wearer.anthropometry import BALL_FROM_HEEL, Body
from models.virtual_wearer.foot_path import stance_ankle
from models.virtual_wearer.footsteps import Contact
from models.virtual_wearer.frames import Array, min_jerk
from models.virtual_wearer.motion import Plan
from models.virtual_wearer.standing import settle, stance
from models.virtual_wearer.subject import Subject

ON_BALL = np.radians(25.0)  # raised by this, the heel bears nothing
AFTER_S = 60.0


@dataclass(frozen=True)
class Footing:
    """One foot from `land` to `off` (s) with its heel (flat) at x, y, z; pitches (rad) at landing and at lift-off.

    flat_s, rise_s: how long it takes to come to its `rest` pitch and to leave it; cop: foot lengths from the heel at
    rest.
    """

    land: float
    off: float
    x: float
    y: float
    z: float
    pitch_on: float = 0.0
    pitch_off: float = 0.0
    flat_s: float = 0.3
    rise_s: float = 0.4
    cop: float = 0.42
    rest: float = 0.0


@dataclass(frozen=True)
class Way:
    """How a foot goes from one footing to the next: m over the higher one, m that it draws back before it goes on."""

    clear: float
    back: float


def stepping_plan(
    subject: Subject,
    seconds: float,
    feet: tuple[list[Footing], list[Footing]],
    way: Way,
    rest: float,
    rng: np.random.Generator,
) -> tuple[Plan, Array]:
    """A plan of standing whose feet step from footing to footing, and its time (n,). `rest`: the right foot's share
    while both stand. The height of the pelvis is for the caller."""
    plan, t = stance(subject, seconds, rng)
    for side in range(2):
        _foot(plan, t, side, feet[side], way, subject.body)
    plan.right_share = _share(t, feet, rest)
    return plan, t


def _foot(plan: Plan, t: Array, side: int, footings: list[Footing], way: Way, body: Body) -> None:
    yaw = float(plan.foot_yaw[0, side])
    sway = plan.cop[:, side, 0] - plan.cop[:, side, 0].mean()
    for k, one in enumerate(footings):
        on = (t >= one.land) if k else np.ones(len(t), bool)
        pitch = one.pitch_on + (one.rest - one.pitch_on) * settle(t[on], one.land, one.flat_s)
        pitch = pitch + (one.pitch_off - one.rest) * settle(t[on], one.off - one.rise_s, one.rise_s)
        plan.foot_pitch[on, side] = pitch
        plan.ankle[on, side] = _ankle(pitch, one, body, yaw)
        plan.heel[on, side] = [one.x, one.y, one.z]
        on_ball = min_jerk((one.rest - pitch) / ON_BALL)
        plan.cop[on, side, 0] = one.cop + sway[on] + (BALL_FROM_HEEL + 0.05 - one.cop) * on_ball
    for one, following in pairwise(footings):
        air = (t >= one.off) & (t < following.land)
        pitch, ankle = _swing(t[air], one, following, way, body, yaw)
        plan.foot_pitch[air, side], plan.ankle[air, side] = pitch, ankle
        plan.air[:, side] += min_jerk((t - one.off) / 0.12) * min_jerk((following.land - t) / 0.12)


def _ankle(pitch: Array, one: Footing, body: Body, yaw: float) -> Array:
    place = Contact(0.0, 0.0, 0.0, 0.0, one.x, one.z, 0.0, 0.0)
    return np.asarray(stance_ankle(pitch, place, body, yaw) + np.array([0.0, one.y, 0.0]))


def _swing(
    t: Array, one: Footing, following: Footing, way: Way, body: Body, yaw: float
) -> tuple[Array, Array]:
    u = (t - one.off) / (following.land - one.off)
    pitch = one.pitch_off + (following.pitch_on - one.pitch_off) * min_jerk(u / 0.8)
    first = _ankle(np.array([one.pitch_off]), one, body, yaw)[0]
    last = _ankle(np.array([following.pitch_on]), following, body, yaw)[0]
    rises = following.y > one.y
    up, over, down = (0.0, 0.3, 0.6) if rises else (0.0, 0.05, 0.35)
    top = max(first[1], last[1]) + way.clear
    ankle = first + (last - first) * min_jerk((u - over) / (0.95 - over))[:, None]
    climb, sink = min_jerk((u - up) / 0.65), min_jerk((u - down) / (1.0 - down))
    ankle[:, 1] = first[1] + (top - first[1]) * climb + (last[1] - top) * sink
    ankle[:, 0] -= way.back * 64.0 * np.clip(u, 0.0, 1.0) ** 3 * np.clip(1.0 - u, 0.0, 1.0) ** 3
    return pitch, ankle


def _share(t: Array, feet: tuple[list[Footing], list[Footing]], rest: float) -> Array:
    """Right foot's share: all of it while the left is in the air, from landing to the other's lift-off in between."""
    moves = sorted(
        (one.off, following.land, side) for side in range(2) for one, following in pairwise(feet[side])
    )
    times, shares = [t[0] - AFTER_S], [rest]
    for k, (off, land, side) in enumerate(moves):
        stands = float(side)
        paused = times[-1] < off - PAUSE_S and k > 0
        if paused or k == 0:
            times += [times[-1] + SHIFT_S, off - SHIFT_S] if paused else [off - SHIFT_S]
            shares += [rest, rest] if paused else [rest]
        times += [off, land]
        shares += [stands, stands]
    times += [times[-1] + SHIFT_S]
    shares += [rest]
    share = np.full(len(t), rest)
    for (begin, end), (was, becomes) in zip(pairwise(times), pairwise(shares), strict=True):
        if becomes != was:
            share += (becomes - was) * settle(t, begin, end - begin)
    return np.asarray(np.clip(share, 0.0, 1.0))


PAUSE_S = 1.4  # between two moves, above which the weight comes back to both feet
SHIFT_S = 0.6
