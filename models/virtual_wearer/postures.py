"""Postures held: upright, stooped with straight knees, half squat, lunge. Gone into and left within the trial."""

from __future__ import annotations

import numpy as np

from models.data.tasks import Condition
from models.virtual_wearer.anthropometry import BALL_FROM_HEEL
from models.virtual_wearer.foot_path import stance_ankle
from models.virtual_wearer.footsteps import Contact
from models.virtual_wearer.frames import Array
from models.virtual_wearer.lift import Session, bend
from models.virtual_wearer.motion import SIDE_SIGN, Plan
from models.virtual_wearer.standing import heel_of, plan_standing, settle, stance, wander
from models.virtual_wearer.subject import Subject

INTO_S = 2.0
UPRIGHT, STOOPED, SQUAT = "PS1", "PS2", "PS3"


def plan_condition(
    subject: Subject, condition: Condition, seconds: float | None, rng: np.random.Generator
) -> tuple[Plan, Array, float, dict[str, str]]:
    """The posture of `condition` for its seconds; a lunge has the right foot in front."""
    lasts = seconds or condition.seconds or 30.0
    if condition.code == UPRIGHT:
        plan, t = plan_standing(subject, lasts, rng)
    elif condition.code in (STOOPED, SQUAT):
        plan, t = _bent(subject, condition.code == STOOPED, lasts, rng)
    else:
        plan, t = _lunge(subject, lasts, rng)
    return plan, t, lasts, {}


def _depth(t: Array, seconds: float, rng: np.random.Generator) -> Array:
    """(n,) 0 upright to 1 in the posture, where it wanders a little."""
    into = float(rng.uniform(0.5, 1.0))
    gone = settle(t, into, INTO_S) - settle(t, max(seconds - into - INTO_S, into + INTO_S), INTO_S)
    return np.asarray(gone * (1.0 + 0.025 * wander(rng, len(t), 1.5)))


def _bent(subject: Subject, stooped: bool, seconds: float, rng: np.random.Generator) -> tuple[Plan, Array]:
    style = subject.style
    knee = 0.03 if stooped else np.radians(rng.uniform(55.0, 80.0))
    lean = np.radians(rng.uniform(60.0, 85.0)) if stooped else max(-0.7 * style.squat_lean, 0.36 * knee)
    part = float(np.clip(style.squat_tilt, 0.35, 0.7))
    session = Session(
        "stoop" if stooped else "squat",
        float(knee),
        float(lean),
        part,
        *(0.0, 0.0, 0.0, 0.0, 0.0),
        share=float(0.02 * rng.normal()),
        stagger=0.0,
        turn=float(0.02 * rng.normal()),
        width=float(style.stance_width * rng.uniform(1.0, 1.5)),
    )
    plan, t = stance(subject, seconds, rng, session.width)
    depth = _depth(t, seconds, rng)
    plan.knee += session.knee * depth[:, None]
    bend(plan, session, depth, session.lean * depth, session.share * depth, rng)
    plan.arm_angle += (0.1 if stooped else rng.uniform(0.3, 1.3)) * depth
    plan.height_cutoff_hz = 5.0
    return plan, t


def _lunge(subject: Subject, seconds: float, rng: np.random.Generator) -> tuple[Plan, Array]:
    """Right foot flat in front, left on its ball behind; from a high to a low split stance and back."""
    body = subject.body
    plan, t = stance(subject, seconds, rng, subject.style.stance_width * rng.uniform(0.8, 1.1))
    depth = _depth(t, seconds, rng)
    length = float(rng.uniform(0.38, 0.45)) * body.height_m
    for side in range(2):
        plan.ankle[:, side, 0] += 0.5 * SIDE_SIGN[side] * length
        plan.heel[:, side] = heel_of(plan.ankle[:, side], float(plan.foot_yaw[0, side]), body)
    _on_the_ball(plan, body_pitch=-np.radians(30.0 + 15.0 * depth), subject=subject)
    front, behind = np.radians(rng.uniform(70.0, 90.0)), np.radians(rng.uniform(60.0, 80.0))
    plan.knee[:, 0] = 0.45 + (front - 0.45) * depth
    plan.knee[:, 1] = 0.50 + (behind - 0.50) * depth
    plan.height_weight[:, 1] = 0.3
    plan.right_share += rng.uniform(0.05, 0.15) + 0.05 * depth
    lean = rng.uniform(0.0, 0.2) * depth
    plan.trunk[:, 1] -= lean
    plan.pelvis[:, 1] -= 0.5 * lean
    plan.height_cutoff_hz = 5.0
    return plan, t


def _on_the_ball(plan: Plan, body_pitch: Array, subject: Subject) -> None:
    """Raise the left heel: the foot turns about its ball, under which its force then acts."""
    body, heel, yaw = subject.body, plan.heel[0, 1], float(plan.foot_yaw[0, 1])
    place = Contact(0.0, 0.0, 0.0, 0.0, float(heel[0]), float(heel[2]), 0.0, 0.0)
    plan.foot_pitch[:, 1] = body_pitch
    plan.ankle[:, 1] = stance_ankle(body_pitch, place, body, yaw)
    plan.cop[:, 1, 0] += BALL_FROM_HEEL + 0.05 - plan.cop[:, 1, 0].mean()
