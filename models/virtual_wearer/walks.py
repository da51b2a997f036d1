"""The walking conditions: slow, level, up and down a slope, with a load in both hands or in the right."""

from __future__ import annotations

import numpy as np

from models.data.tasks import Condition
from models.virtual_wearer import gait
from models.virtual_wearer.footsteps import Walk
from models.virtual_wearer.frames import Array
from models.virtual_wearer.hands import BETWEEN, RIGHT, Hands, Held, hanging
from models.virtual_wearer.motion import Plan
from models.virtual_wearer.standing import wander
from models.virtual_wearer.subject import Subject

LEAN_INTO_SLOPE = 1.2  # of the slope, by the trunk: 1 keeps it as upright as on the level
SIDE_LEAN = 0.004  # rad away from the loaded hand, by kg


def seconds_of(subject: Subject, speed: float, strides: int) -> float:
    """How long this many strides take at the subject's own cadence."""
    return round(float(strides * 120.0 / np.sqrt(speed * 60.0 / subject.style.walk_ratio)), 2)


def plan_condition(
    subject: Subject, condition: Condition, seconds: float | None, rng: np.random.Generator
) -> tuple[Plan, Array, float, dict[str, str]]:
    """Steady walking as on a treadmill. Slopes tilt gravity in the ground's axes; the trunk leans against them."""
    speed = (condition.speed_m_s or 1.2) * float(rng.uniform(0.95, 1.05))
    lasts = seconds or condition.seconds or seconds_of(subject, speed, condition.repetitions)
    walk = Walk(speed, lasts, 0.0, 0.0, float(rng.uniform(0.01, 0.04)), int(rng.integers(2)))
    plan, t = gait.plan_walk(subject, walk, rng)
    plan.incline = float(np.radians(condition.incline_deg))
    plan.trunk[:, 1] -= LEAN_INTO_SLOPE * plan.incline
    plan.pelvis[:, 1] -= plan.incline
    if condition.load_kg:
        plan.hands = _carrying(subject, condition, len(t), rng)
        plan.trunk[:, 2] -= SIDE_LEAN * condition.load_kg * (condition.hands == "right")
    return plan, t, lasts, {"speed_m_s": f"{speed:.3f}"}


def _carrying(subject: Subject, condition: Condition, n: int, rng: np.random.Generator) -> Hands:
    body = subject.body
    load = np.full(n, condition.load_kg)
    if condition.hands == "right":
        hands = hanging(n, body, forward=0.02, apart=0.06)
        hands.held = [Held(load, RIGHT)]
    else:
        hands = hanging(n, body)
        hands.reach[:, :, 0] = rng.uniform(0.42, 0.52) * body.arm_reach
        hands.reach[:, :, 1] = -rng.uniform(0.65, 0.72) * body.arm_reach
        hands.reach[:, :, 2] = [-0.05, 0.05]
        hands.held = [Held(load, BETWEEN)]
    hands.reach[:, :, 0] += 0.01 * wander(rng, n, 0.5)[:, None]
    return hands
