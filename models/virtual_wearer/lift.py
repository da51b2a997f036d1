"""Squats, sit-like squats and lifts, symmetric or not; a lifted load enters the dynamics through the hands."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.virtual_wearer.anthropometry import Body
from models.virtual_wearer.frames import Array
from models.virtual_wearer.hands import BETWEEN, Held, hanging
from models.virtual_wearer.motion import SIDE_SIGN, Plan
from models.virtual_wearer.standing import heel_of, settle, stance, wander
from models.virtual_wearer.subject import Subject

DEEPEST_HIP = np.radians(112.0)
KINDS = ("squat", "sit", "lift", "stoop")


@dataclass(frozen=True)
class Session:
    """What is repeated: `kind` of KINDS, knee flexion at the bottom and trunk lean (rad), load in kg, asymmetry."""

    kind: str
    knee: float
    lean: float
    pelvis_part: float
    load_kg: float
    down_s: float
    hold_s: float
    up_s: float
    pause_s: float
    share: float  # of the right foot at the bottom, minus one half
    stagger: float  # m, right foot ahead
    turn: float  # of the trunk at the bottom
    width: float


def random_session(subject: Subject, rng: np.random.Generator) -> Session:
    """A session that suits the subject; about half are asymmetric."""
    style = subject.style
    kind = str(rng.choice(KINDS, p=[0.35, 0.2, 0.3, 0.15]))
    knee = {"squat": (55, 115), "sit": (80, 105), "lift": (40, 110), "stoop": (15, 45)}[kind]
    tempo = rng.uniform(0.7, 1.5)
    uneven = rng.random() < 0.5
    lean = -style.squat_lean * rng.uniform(0.7, 1.25)
    bend = np.radians(rng.uniform(*knee))
    if kind in ("lift", "stoop"):
        lean = np.radians(rng.uniform(*((30, 65) if kind == "lift" else (60, 90))))
    lean = max(lean, 0.36 * bend)
    # The thigh takes about three quarters of the knee's bend; what is left of the hip is the pelvis' to tilt.
    tilt = (DEEPEST_HIP - 0.75 * bend) / lean
    return Session(
        kind=kind,
        knee=float(bend),
        lean=float(lean),
        pelvis_part=float(np.clip(style.squat_tilt + rng.normal(0.0, 0.05), 0.25, min(0.85, tilt))),
        load_kg=float(rng.uniform(2.0, 20.0)) if kind in ("lift", "stoop") and rng.random() < 0.8 else 0.0,
        down_s=1.2 * tempo,
        hold_s=float(rng.uniform(0.8, 2.5)) if kind == "sit" else float(rng.uniform(0.05, 0.7)),
        up_s=1.1 * tempo * float(rng.uniform(0.85, 1.25)),
        pause_s=float(rng.uniform(0.2, 2.0)),
        share=float(rng.normal(0.0, 0.12 if uneven else 0.015)),
        stagger=float(rng.normal(0.0, 0.08 if uneven else 0.01)),
        turn=float(rng.normal(0.0, 0.25 if uneven else 0.03)),
        width=float(subject.style.stance_width * rng.uniform(0.9, 1.7)),
    )


def plan_session(
    subject: Subject, session: Session, seconds: float, rng: np.random.Generator
) -> tuple[Plan, Array]:
    """Repetitions until `seconds`, each a little different, and the time (n,)."""
    plan, t = stance(subject, seconds, rng, session.width)
    for side in range(2):
        plan.ankle[:, side, 0] += SIDE_SIGN[side] * session.stagger / 2
        plan.heel[:, side] = heel_of(plan.ankle[:, side], float(plan.foot_yaw[0, side]), subject.body)
    depth, knee, lean, share, held = _repetitions(t, session, seconds, rng)
    plan.knee += knee[:, None]
    bend(plan, session, depth, lean, share, rng)
    _arms(plan, session, subject.body, depth, held, rng)
    plan.height_cutoff_hz = 5.0
    return plan, t


def _repetitions(
    t: Array, session: Session, seconds: float, rng: np.random.Generator
) -> tuple[Array, Array, Array, Array, Array]:
    """Depth 0 to 1, knee flexion, trunk lean, added share of the right foot, share of the load held: each (n,)."""
    depth, knee, lean, share, held = (np.zeros(len(t)) for _ in range(5))
    at, holding = float(rng.uniform(-0.5, 1.5)), 0.0
    while at < seconds + 0.5:
        vary = 1.0 + 0.06 * rng.normal(size=6)
        down, hold, up = session.down_s * vary[0], session.hold_s * vary[1], session.up_s * vary[2]
        late = 0.12 * rng.uniform(-1.0, 1.0) * down
        move = settle(t, at, down) - settle(t, at + down + hold, up)
        trunk = settle(t, at + late, down) - settle(t, at + down + hold - late, up)
        depth += move
        knee += session.knee * vary[3] * move
        lean += session.lean * vary[4] * trunk
        share += (session.share + 0.02 * rng.normal()) * move
        if session.load_kg:
            grip = settle(t, at + down + 0.3 * hold - 0.12, 0.3)
            held += grip * (1.0 - 2.0 * holding)
            holding = 1.0 - holding
        at += down + hold + up + session.pause_s * vary[5]
    return depth, knee, lean, share, held


def bend(
    plan: Plan, session: Session, depth: Array, lean: Array, share: Array, rng: np.random.Generator
) -> None:
    """Lean, turn and shift the weight of a standing plan, unsteadily; depth (n,) 0 to 1, lean and share as added."""
    n = len(depth)
    plan.trunk[:, 1] -= lean
    plan.pelvis[:, 1] -= session.pelvis_part * lean
    plan.trunk[:, 0] += session.turn * depth
    plan.pelvis[:, 0] += 0.4 * session.turn * depth
    plan.trunk[:, 2] += 0.3 * session.share * depth
    unsteady = (0.25 + 0.75 * depth)[:, None]
    plan.trunk[:, [0, 2]] += rng.uniform(0.01, 0.04) * unsteady * _wobble(rng, n)
    plan.pelvis[:, [0, 2]] += rng.uniform(0.01, 0.04) * unsteady * _wobble(rng, n)
    open_knees = rng.normal(0.12, 0.10) * depth[:, None] * np.array([-1.0, 1.0])
    plan.knee_yaw += open_knees + rng.uniform(0.01, 0.05) * unsteady * _wobble(rng, n)
    plan.foot_roll += rng.uniform(0.005, 0.03) * unsteady * _wobble(rng, n)
    plan.right_share += share + 0.02 * depth * wander(rng, n, 0.25)
    np.clip(plan.right_share, 0.12, 0.88, out=plan.right_share)
    shift = rng.uniform(-0.10, 0.04) * depth + 0.015 * depth * wander(rng, n, 0.3)
    plan.cop[:, :, 0] = np.clip(plan.cop[:, :, 0] + shift[:, None], 0.15, 0.7)


def _wobble(rng: np.random.Generator, n: int) -> Array:
    """(n, 2) unsteadiness of unit size, the two columns independent."""
    return np.stack([wander(rng, n, 0.25) for _ in range(2)], axis=1)


def _arms(
    plan: Plan, session: Session, body: Body, depth: Array, held: Array, rng: np.random.Generator
) -> None:
    """Arms hang, or reach forward as a counterweight; with a load they come from the floor to the belly."""
    raised = rng.uniform(0.2, 1.5) if session.kind in ("squat", "sit") else rng.uniform(0.1, 0.4)
    rest = rng.uniform(0.0, 0.3)
    plan.arm_angle += rest + (raised - rest) * depth
    near, far = rng.uniform(0.55, 0.8), rng.uniform(0.9, 1.0)
    angle = rng.uniform(0.35, 0.7) + (rng.uniform(0.1, 0.35) - 0.5) * depth
    if session.load_kg:
        length = (near + (far - near) * depth) * body.arm_reach
        way = np.stack([length * np.sin(angle), -length * np.cos(angle), np.zeros_like(angle)], axis=1)
        plan.hands = hanging(len(depth), body)
        plan.hands.reach[:] = way[:, None]
        plan.hands.held = [Held(session.load_kg * held, BETWEEN)]
