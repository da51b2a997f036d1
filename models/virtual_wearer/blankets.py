"""The lifts of the task set: a lead blanket from the floor to the waist or the shoulder, with both hands or with one.

Each repetition bends down with empty hands, grips, brings the blanket up, lays it on a shelf there and lets go.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.data.tasks import Condition
from models.virtual_wearer.anthropometry import Body
from models.virtual_wearer.frames import Array
from models.virtual_wearer.hands import BETWEEN, RIGHT, Hands, Held, hanging
from models.virtual_wearer.lift import Session, bend
from models.virtual_wearer.motion import Plan
from models.virtual_wearer.standing import settle, stance, wander
from models.virtual_wearer.subject import Subject

GRIP_M = 0.20  # of a folded blanket, above the floor
BESIDE_M = 0.12  # between the foot's outer edge and the hand
ROLL, TURN = np.radians(20.0), np.radians(12.0)  # of the trunk towards the one hand that lifts


@dataclass
class _Lifts:
    """(n,) each, 0 to 1: how far bent down; hands at the floor, up at the shelf; share of the load held."""

    depth: Array
    floor: Array
    shelf: Array
    held: Array


def plan_condition(
    subject: Subject, condition: Condition, seconds: float | None, rng: np.random.Generator
) -> tuple[Plan, Array, float, dict[str, str]]:
    """Lifts at the wearer's own pace, as many as told or as fit. One-handed ones are the right hand's."""
    tempo = float(rng.uniform(0.85, 1.3))
    starts, lasts = _starts(condition, seconds, tempo, rng)
    one_hand = condition.hands != "both"
    session = _session(subject, one_hand, rng)
    plan, t = stance(subject, lasts, rng, session.width)
    lifts = _schedule(t, starts, tempo, rng)
    plan.knee += session.knee * lifts.depth[:, None]
    bend(plan, session, lifts.depth, session.lean * lifts.depth, session.share * lifts.depth, rng)
    height = condition.height_m or 1.0
    plan.hands = _both(subject.body, lifts, height, rng)
    if one_hand:
        plan.trunk[:, 2] += ROLL * lifts.depth
        _beside(plan, subject.body, lifts)
    load = (condition.load_kg or 0.0) * lifts.held
    plan.hands.held = [Held(load, RIGHT if one_hand else BETWEEN)]
    plan.height_cutoff_hz = 5.0
    return plan, t, lasts, {"load_kg": f"{condition.load_kg or 0.0:.2f}", "repetitions": str(len(starts))}


def _starts(
    condition: Condition, seconds: float | None, tempo: float, rng: np.random.Generator
) -> tuple[list[float], float]:
    cycle, at, starts = 4.3 * tempo, 0.4, list[float]()
    while (
        len(starts) < condition.repetitions if seconds is None else (not starts or at + cycle < seconds + 1.0)
    ):
        starts.append(at)
        at += cycle * float(rng.uniform(0.95, 1.1))
    return starts, seconds or round(at + 0.3, 2)


def _schedule(t: Array, starts: list[float], tempo: float, rng: np.random.Generator) -> _Lifts:
    lifts = _Lifts(*(np.zeros(len(t)) for _ in range(4)))
    for at in starts:
        vary = tempo * (1.0 + 0.05 * np.clip(rng.normal(size=3), -2.0, 2.0))
        bottom = at + 1.2 * vary[0]
        up = bottom + 0.5 * vary[1]
        top = up + 1.5 * vary[2]
        down, rise, away = (
            settle(t, at, bottom - at),
            settle(t, up, top - up),
            settle(t, top + 0.35, 0.6 * tempo),
        )
        lifts.depth += (1.0 + 0.03 * np.clip(rng.normal(), -2.0, 2.0)) * (down - rise)
        lifts.floor += down - rise
        lifts.shelf += rise - away
        lifts.held += settle(t, bottom, up - bottom) - settle(t, top, 0.3)
    return lifts


def _session(subject: Subject, one_hand: bool, rng: np.random.Generator) -> Session:
    """How deep this wearer bends: the knees as drawn, the trunk as far as the hands need to be at the floor."""
    knee = float(np.radians(rng.uniform(50.0, 95.0)))
    part = float(np.clip(subject.style.squat_tilt + rng.normal(0.0, 0.05), 0.35, 0.75))
    return Session(
        kind="lift",
        knee=knee,
        lean=_lean_to_floor(subject.body, knee, part, one_hand),
        pelvis_part=part,
        load_kg=0.0,
        down_s=0.0,
        hold_s=0.0,
        up_s=0.0,
        pause_s=0.0,
        share=0.08 if one_hand else float(0.02 * rng.normal()),
        stagger=0.0,
        turn=-TURN if one_hand else float(0.03 * rng.normal()),
        width=float(subject.style.stance_width * rng.uniform(1.1, 1.7)),
    )


def _lean_to_floor(body: Body, knee: float, pelvis_part: float, one_hand: bool) -> float:
    """rad: the trunk's lean from 25 to 80 degrees with which nearly straight arms come nearest to the blanket."""
    leg = np.sqrt(body.thigh**2 + body.shank**2 + 2.0 * body.thigh * body.shank * np.cos(knee))
    lean = np.radians(np.arange(25.0, 81.0))
    back = body.lumbar[1] * np.cos(pelvis_part * lean) + body.shoulder[1] * np.cos(lean)
    dropped = 0.11 * body.height_m * np.sin(ROLL) if one_hand else 0.0
    hand = body.ankle_height + 0.97 * leg + back - dropped - 0.93 * body.arm_reach
    return float(lean[np.argmin(np.abs(hand - GRIP_M))])


def _both(body: Body, lifts: _Lifts, height: float, rng: np.random.Generator) -> Hands:
    """Hands that hang, reach to the floor in front, and bring the blanket up to `height`, close to the body."""
    n, reach = len(lifts.depth), body.arm_reach
    hands = hanging(n, body, forward=0.05)
    for pose, forward, down in ((lifts.floor, 0.25, 0.95), (lifts.shelf, rng.uniform(0.5, 0.65), 0.6)):
        goal = np.array([forward * reach, -down * reach, 0.0])
        hands.reach += pose[:, None, None] * (goal - hands.reach[0])
    busy = lifts.floor + lifts.shelf
    level = (lifts.floor * GRIP_M + lifts.shelf * height) / np.maximum(busy, 1e-6)
    hands.fixed[:, :, 1] = busy[:, None]
    hands.world[:, :, 1] = level[:, None]
    hands.reach += 0.008 * wander(rng, n, 0.4)[:, None, None]
    return hands


def _beside(plan: Plan, body: Body, lifts: _Lifts) -> None:
    """The right hand goes to the floor beside the right foot; the left only hangs."""
    assert plan.hands is not None
    hands, n = plan.hands, len(lifts.depth)
    hands.reach[:, 1] = hanging(n, body, forward=0.05).reach[:, 1]
    hands.fixed[:, 1] = 0.0
    foot = plan.ankle[:, 0, 2] + 0.5 * body.foot_width
    hands.world[:, 0, 0], hands.world[:, 0, 2] = plan.ankle[:, 0, 0] + 0.12, foot + BESIDE_M
    hands.fixed[:, 0, 0] = hands.fixed[:, 0, 2] = lifts.floor
