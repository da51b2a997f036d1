"""Pushing and pulling: a wagon in bouts of walking, a fixed pole in standing.

Both hands push alike (the closure `symmetric` of models/analytical/hand_forces.py), without a moment. The wagon is a
mass with rolling resistance that follows the hands; the pole does not give.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from models.data.tasks import Condition
from models.virtual_wearer import gait
from models.virtual_wearer.anthropometry import Body
from models.virtual_wearer.dynamics import GRAVITY, RATE_HZ
from models.virtual_wearer.footsteps import Walk
from models.virtual_wearer.frames import Array, derivative, smooth
from models.virtual_wearer.hands import Hands, hanging
from models.virtual_wearer.motion import SIDE_SIGN, Plan, balance_path
from models.virtual_wearer.standing import heel_of, settle, stance, wander
from models.virtual_wearer.subject import Subject

WAGON_KG = 25.0
ROLLING = 0.035  # of the weight
HANDLE_M = 0.40  # between the hands
BOUT_S, REST_S = 4.5, 2.2
HARDEST = {"push": 0.22, "pull": 0.16}  # of bodyweight, static


def plan_wagon(
    subject: Subject, condition: Condition, seconds: float | None, rng: np.random.Generator
) -> tuple[Plan, Array, float, dict[str, str]]:
    """Bouts of walking with the wagon ahead (push) or behind (pull, walking on forwards, arms back)."""
    body, sign = subject.body, _sign(condition)
    bouts, lasts = _bouts(condition, seconds, rng)
    speed = float(rng.uniform(0.75, 1.0)) - 0.1 * bool(condition.load_kg)
    rests = tuple((stop, start) for (_, stop), (start, _) in pairwise(bouts))
    walk = Walk(speed, lasts, bouts[0][0], lasts - bouts[-1][1], 0.03, int(rng.integers(2)), rests)
    plan, t = gait.plan_walk(subject, walk, rng)
    kg = WAGON_KG + (condition.load_kg or 0.0)
    path = smooth(balance_path(plan, body)[:, 0], 0.22, RATE_HZ)
    pull = kg * derivative(derivative(path, RATE_HZ), RATE_HZ)
    pull += ROLLING * kg * GRAVITY * np.tanh(derivative(path, RATE_HZ) / 0.1)
    ahead = float(rng.uniform(0.55, 0.65) if sign > 0.0 else -rng.uniform(0.35, 0.5)) * body.arm_reach
    plan.hands = _on_handle(path + ahead, condition.height_m or 1.0, body, -pull)
    effort = pull / (body.mass_kg * GRAVITY)
    lean = smooth(1.2 * effort + 0.04, 0.15, RATE_HZ)
    plan.trunk[:, 1] -= lean
    plan.pelvis[:, 1] -= 0.5 * lean
    return plan, t, lasts, {"speed_m_s": f"{speed:.3f}", "wagon_kg": f"{kg:.1f}"}


def plan_pole(
    subject: Subject, condition: Condition, seconds: float | None, rng: np.random.Generator
) -> tuple[Plan, Array, float, dict[str, str]]:
    """One foot ahead, pushes or pulls that ramp up, hold and ramp down until `seconds`."""
    body, sign = subject.body, _sign(condition)
    lasts = seconds or condition.seconds or 30.0
    plan, t = stance(subject, lasts, rng)
    _stride_out(plan, subject, rng)
    effort = _ramps(t, lasts, rng)
    force = sign * float(rng.uniform(0.6, 1.0)) * HARDEST[_verb(condition)] * body.mass_kg * GRAVITY * effort
    force *= 1.0 + 0.03 * wander(rng, len(t), 0.3)
    # A push brings the shoulders nearer to the pole than they stand, a pull takes them away.
    ahead = float(rng.uniform(0.75, 0.85) if sign > 0.0 else rng.uniform(0.40, 0.50)) * body.arm_reach
    path = np.full(len(t), balance_path(plan, body)[:, 0].mean() + ahead)
    plan.hands = _on_handle(path, condition.height_m or 1.0, body, -force)
    lean = sign * effort * rng.uniform(0.10, 0.25)
    plan.trunk[:, 1] -= lean
    plan.pelvis[:, 1] -= 0.5 * lean
    plan.knee += (0.12 + rng.uniform(0.0, 0.15) * effort)[:, None]
    plan.cop[:, :, 0] -= 0.10 * sign * effort[:, None]
    plan.height_cutoff_hz = 3.0
    return plan, t, lasts, {"hardest_n": f"{np.abs(force).max():.0f}"}


def _verb(condition: Condition) -> str:
    return condition.description.split()[0]


def _sign(condition: Condition) -> float:
    """Of the force that the hands give along x."""
    return 1.0 if _verb(condition) == "push" else -1.0


def _bouts(
    condition: Condition, seconds: float | None, rng: np.random.Generator
) -> tuple[list[tuple[float, float]], float]:
    """(from, to) s of each bout, as many as told or as fit, and how long all lasts."""
    at, bouts = 1.0, list[tuple[float, float]]()
    while len(bouts) < condition.repetitions if seconds is None else (not bouts or at + BOUT_S < seconds):
        stop = at + BOUT_S * float(rng.uniform(0.85, 1.1))
        bouts.append((at, stop))
        at = stop + REST_S * float(rng.uniform(1.0, 1.3))
    return bouts, seconds or round(bouts[-1][1] + 1.5, 2)


def _on_handle(x: Array, height: float, body: Body, on_both: Array) -> Hands:
    """Hands on a bar across the way at `x` (n,); `on_both` N along x is what the bar does to them."""
    hands = hanging(len(x), body)
    hands.fixed[:] = 1.0
    hands.world[:, :, 0] = x[:, None]
    hands.world[:, :, 1] = height
    hands.world[:, :, 2] = [0.5 * HANDLE_M, -0.5 * HANDLE_M]
    hands.push[:, :, 0] = 0.5 * on_both[:, None]
    return hands


def _stride_out(plan: Plan, subject: Subject, rng: np.random.Generator) -> None:
    """One foot ahead of the other."""
    gap = float(rng.uniform(0.20, 0.35)) * (1.0 if rng.random() < 0.5 else -1.0)
    for side in range(2):
        plan.ankle[:, side, 0] += SIDE_SIGN[side] * gap / 2
        plan.heel[:, side] = heel_of(plan.ankle[:, side], float(plan.foot_yaw[0, side]), subject.body)


def _ramps(t: Array, seconds: float, rng: np.random.Generator) -> Array:
    """(n,) 0 to 1: each push takes up to 3 s to build, holds, and lets go."""
    effort, at = np.zeros(len(t)), float(rng.uniform(0.3, 1.2))
    while at < seconds:
        rise, hold, fall = (float(rng.uniform(*span)) for span in ((1.5, 3.0), (1.0, 4.0), (1.0, 2.0)))
        effort += rng.uniform(0.55, 1.0) * (settle(t, at, rise) - settle(t, at + rise + hold, fall))
        at += rise + hold + fall + float(rng.uniform(0.3, 1.2))
    return effort
