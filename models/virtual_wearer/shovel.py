"""Shovelling: scoop in front, lift, turn and throw to the left, at the wearer's own pace.

The right hand is near the blade, the left at the shaft's end, the left foot in front. Shovel and load are point masses
on the shaft, so the hands need no moment: the closure `shovel` of models/analytical/hand_forces.py holds exactly.
"""

from __future__ import annotations

import numpy as np

from models.data.tasks import Condition
from models.virtual_wearer.anthropometry import Body
from models.virtual_wearer.frames import Array
from models.virtual_wearer.hands import Hands, Held, hanging
from models.virtual_wearer.lift import Session, bend
from models.virtual_wearer.motion import SIDE_SIGN, Plan
from models.virtual_wearer.standing import heel_of, settle, stance, wander
from models.virtual_wearer.subject import Subject

GRIP_M, BLADE_M, MIDDLE_M = (
    0.50,
    0.60,
    0.25,
)  # along the shaft: between the hands; beyond the right: load, mass
SHOVEL_KG = 1.8
OVER_M = 0.15  # the blade's centre over the platform in the throw
CYCLE_S = 3.7
# Of scoop and throw: the right hand's way ahead (of the body's height), the shaft's elevation and heading to the left.
READY = (0.12, 0.84, -0.65, 0.0)  # ahead, up (m at 1.75 m), elevation, heading
SCOOP = (0.11, 0.57, -0.95, 0.0)


def plan_condition(
    subject: Subject, condition: Condition, seconds: float | None, rng: np.random.Generator
) -> tuple[Plan, Array, float, dict[str, str]]:
    """Throws as many as told or as fit."""
    body, tempo = subject.body, float(rng.uniform(0.9, 1.3))
    starts, lasts = _starts(condition, seconds, tempo, rng)
    session = _session(subject, rng)
    plan, t = stance(subject, lasts, rng, session.width)
    for side in range(2):
        plan.ankle[:, side, 0] += SIDE_SIGN[side] * session.stagger / 2
        plan.heel[:, side] = heel_of(plan.ankle[:, side], float(plan.foot_yaw[0, side]), body)
    scoop, thrown, load = _schedule(t, starts, tempo, rng)
    depth = 0.35 + 0.65 * scoop - 0.15 * thrown
    plan.knee += session.knee * depth[:, None]
    bend(plan, session, depth, session.lean * depth, session.share * scoop - 0.06 * thrown, rng)
    turn = float(np.radians(rng.uniform(25.0, 45.0)))
    plan.trunk[:, 0] += turn * thrown
    plan.pelvis[:, 0] += 0.45 * turn * thrown
    plan.hands = _on_shaft(body, condition.height_m or 0.5, scoop, thrown, 1.5 * turn, rng)
    kg = condition.load_kg or 0.0
    shaft = [(np.full(len(t), SHOVEL_KG), MIDDLE_M), (kg * load, BLADE_M)]
    plan.hands.held = [Held(mass, -beyond / GRIP_M) for mass, beyond in shaft]
    plan.height_cutoff_hz = 5.0
    return plan, t, lasts, {"load_kg": f"{kg:.2f}", "repetitions": str(len(starts))}


def _starts(
    condition: Condition, seconds: float | None, tempo: float, rng: np.random.Generator
) -> tuple[list[float], float]:
    cycle, at, starts = CYCLE_S * tempo, 0.3, list[float]()
    while (
        len(starts) < condition.repetitions if seconds is None else (not starts or at + cycle < seconds + 1.0)
    ):
        starts.append(at)
        at += cycle * float(rng.uniform(0.95, 1.1))
    return starts, seconds or round(at + 0.3, 2)


def _schedule(
    t: Array, starts: list[float], tempo: float, rng: np.random.Generator
) -> tuple[Array, Array, Array]:
    """(n,) each: 1 in the scoop, 1 in the throw, share of the load on the blade."""
    scoop, thrown, load = (np.zeros(len(t)) for _ in range(3))
    for at in starts:
        vary = tempo * (1.0 + 0.05 * np.clip(rng.normal(size=3), -2.0, 2.0))
        low, up = at + 0.9 * vary[0], at + 1.15 * vary[0]
        out = up + 1.15 * vary[1]
        size = 1.0 + 0.04 * np.clip(rng.normal(size=2), -2.0, 2.0)
        scoop += size[0] * (settle(t, at, low - at) - settle(t, up, 1.1 * vary[1]))
        thrown += size[1] * (settle(t, up + 0.25 * vary[1], out - up) - settle(t, out + 0.35, 0.9 * vary[2]))
        load += settle(t, low - 0.15, 0.35) - settle(t, out + 0.05, 0.2)
    return scoop, thrown, load


def _session(subject: Subject, rng: np.random.Generator) -> Session:
    style = subject.style
    return Session(
        kind="lift",
        knee=float(np.radians(rng.uniform(30.0, 60.0))),
        lean=float(np.radians(rng.uniform(42.0, 60.0))),
        pelvis_part=float(np.clip(style.squat_tilt, 0.35, 0.7)),
        load_kg=0.0,
        down_s=0.0,
        hold_s=0.0,
        up_s=0.0,
        pause_s=0.0,
        share=float(-0.06 + 0.02 * rng.normal()),
        stagger=-float(rng.uniform(0.15, 0.30)),
        turn=0.0,
        width=float(style.stance_width * rng.uniform(1.3, 1.8)),
    )


def _on_shaft(
    body: Body, height: float, scoop: Array, thrown: Array, heading: float, rng: np.random.Generator
) -> Hands:
    """Both hands on the shaft: ready before the body, down to the scoop, round and up so that the blade is over
    `height`; all about the vertical line between the feet."""
    n, scale = len(scoop), body.height_m / 1.75
    raised = 0.15 if height > 0.7 else -0.4
    up = (height + OVER_M - BLADE_M * np.sin(raised)) / scale
    ready, low = np.array(READY), np.array(SCOOP)
    throw = np.array([0.12, up, raised, heading])
    pose = ready + scoop[:, None] * (low - ready) + thrown[:, None] * (throw - ready)
    ahead, rise = pose[:, 0] * body.height_m, pose[:, 1] * scale + 0.01 * wander(rng, n, 0.4)
    way = np.stack([np.cos(pose[:, 3]), np.zeros(n), -np.sin(pose[:, 3])], axis=1)
    shaft = np.cos(pose[:, 2])[:, None] * way + np.sin(pose[:, 2])[:, None] * np.array([0.0, 1.0, 0.0])
    right = ahead[:, None] * way + rise[:, None] * np.array([0.0, 1.0, 0.0])
    hands = hanging(n, body)
    hands.fixed[:] = 1.0
    hands.world[:] = np.stack([right, right - GRIP_M * shaft], axis=1)
    return hands
