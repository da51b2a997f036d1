"""Climbing a ladder, rung by rung, as on one that never ends: one repetition is a metre.

Feet stand on the rungs with their hollows and change in turn; each hand goes with the foot of the other side, two rungs
at a time. The hands carry part of the weight and keep the body at the ladder. Descent is ascent backwards in time.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from models.data.tasks import Condition
from models.virtual_wearer.anthropometry import Body
from models.virtual_wearer.dynamics import GRAVITY, RATE_HZ
from models.virtual_wearer.frames import Array, smooth
from models.virtual_wearer.hands import Hands, hanging
from models.virtual_wearer.motion import SIDE_SIGN, Plan
from models.virtual_wearer.standing import MARGIN_S, settle, wander
from models.virtual_wearer.stepping import Footing, Way, stepping_plan
from models.virtual_wearer.subject import Subject

RUNG_M = 0.25
SLOPE = np.radians(75.0)
ON_RUNG = 0.52  # foot lengths from the heel: the hollow of the foot
SWING = 0.55  # of the time that a rung takes
CARRIED, DRAWN = 0.15, 0.17  # of bodyweight, by the hands: upwards, towards the ladder
WAY = Way(clear=0.03, back=0.08)


def plan_condition(
    subject: Subject, condition: Condition, seconds: float | None, rng: np.random.Generator
) -> tuple[Plan, Array, float, dict[str, str]]:
    """Up, or down where the description says descent."""
    body, rung_s = subject.body, float(rng.uniform(0.95, 1.3))
    rungs = condition.repetitions * round((condition.height_m or 1.0) / RUNG_M)
    lasts = seconds or round(rungs * rung_s, 2)
    phase = float(rng.uniform(0.0, 2.0 * rung_s))
    feet, moves = _feet(body, lasts, rung_s, phase, rng)
    plan, t = stepping_plan(subject, lasts, feet, WAY, 0.5, rng)
    climbed = _climbed(t, moves)
    leg = 0.90 * (body.thigh + body.shank)
    plan.height_cutoff_hz, plan.min_knee = 2.5, 0.2
    plan.pelvis_height = body.ankle_height + leg + climbed + 0.003 * wander(rng, len(t), 0.8)
    plan.pelvis[:, 1] -= 0.08
    plan.trunk[:, 1] -= float(rng.uniform(0.08, 0.2))
    turn = 0.06 * (2.0 * smooth(plan.right_share, 0.1, RATE_HZ) - 1.0)
    plan.pelvis[:, 2] -= turn
    plan.hands = _on_rungs(t, moves, body, rng)
    if "descent" in condition.description:
        plan = _backwards(plan)
    return plan, t, lasts, {"rungs": f"{lasts / rung_s:.1f}", "hands_carry": f"{CARRIED:.2f}"}


Moves = list[tuple[float, float, int, int]]  # lift-off, landing, side, number of the rung


def _feet(
    body: Body, seconds: float, rung_s: float, phase: float, rng: np.random.Generator
) -> tuple[tuple[list[Footing], list[Footing]], Moves]:
    moves: Moves = []
    at, rung = -MARGIN_S - 4.0 * rung_s - phase, 0
    while at < seconds + MARGIN_S + 2.0 * rung_s:
        vary = 1.0 + 0.04 * float(np.clip(rng.normal(), -2.0, 2.0))
        moves.append((at, at + SWING * rung_s, rung % 2, rung))
        at += rung_s * vary
        rung += 1
    feet: tuple[list[Footing], list[Footing]] = ([], [])
    for side in range(2):
        own = [move for move in moves if move[2] == side]
        land, at_rung = own[0][0] - 10.0, own[0][3] - 2
        for off, landing, _, rung in [*own, (own[-1][1] + 60.0, 0.0, side, 0)]:
            feet[side].append(_footing(body, side, land, off, at_rung))
            land, at_rung = landing, rung
    return feet, moves


def _footing(body: Body, side: int, land: float, off: float, rung: int) -> Footing:
    x = _ladder_x(rung * RUNG_M) - ON_RUNG * body.foot_length
    z = SIDE_SIGN[side] * 0.11
    return Footing(land, off, x, rung * RUNG_M, z, -0.25, -0.25, 0.25, 0.25, ON_RUNG, -0.2)


def _ladder_x(height: float) -> float:
    return float(height / np.tan(SLOPE))


def _climbed(t: Array, moves: Moves) -> Array:
    """(n,) height of the lower foot, as the body follows it: a rung for each move, while the load passes upwards."""
    out = np.full(len(t), (moves[0][3] - 2) * RUNG_M)
    for off, landing, _, _ in moves:
        out += RUNG_M * settle(t, off - 0.25, landing - off + 0.4)
    return out


def _on_rungs(t: Array, moves: Moves, body: Body, rng: np.random.Generator) -> Hands:
    """Each hand holds a rung about as high as the chest and lets go while the other side's foot moves."""
    n, weight = len(t), body.mass_kg * GRAVITY
    above = round(0.82 * body.height_m / RUNG_M)
    hands = hanging(n, body)
    hands.fixed[:] = 1.0
    grip = np.ones((n, 2))
    height = np.zeros((n, 2))
    for side in range(2):
        own = [move for move in moves if move[2] != side]
        height[:, side] = (own[0][3] - 2 + above) * RUNG_M
        for off, landing, _, _ in own:
            height[:, side] += 2.0 * RUNG_M * settle(t, off, landing - off)
            grip[:, side] -= settle(t, off - 0.2, 0.2) - settle(t, landing, 0.2)
    moving = 1.0 - grip
    hands.world[:, :, 1] = height
    hands.world[:, :, 0] = height / np.tan(SLOPE) - 0.05 * moving
    hands.world[:, :, 2] = [0.16, -0.16]
    share = grip / grip.sum(axis=1)[:, None]
    tired = 1.0 + 0.1 * wander(rng, n, 1.0)
    hands.push[:, :, 1] = CARRIED * weight * tired[:, None] * share
    hands.push[:, :, 0] = DRAWN * weight * tired[:, None] * share
    return hands


def _backwards(plan: Plan) -> Plan:
    """The plan from its end to its beginning."""
    turned = {name: value[::-1].copy() for name, value in vars(plan).items() if isinstance(value, np.ndarray)}
    hands = plan.hands
    if hands is not None:
        hands = Hands(hands.reach[::-1], hands.world[::-1], hands.fixed[::-1], hands.push[::-1], hands.held)
    return replace(plan, **turned, hands=hands)
