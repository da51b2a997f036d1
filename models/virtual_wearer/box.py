"""Steps up onto a box and back down: right foot up, left foot up, a moment on the box, right down, left down."""

from __future__ import annotations

import numpy as np

from models.data.tasks import Condition
from models.virtual_wearer.frames import Array
from models.virtual_wearer.motion import SIDE_SIGN, Plan
from models.virtual_wearer.standing import settle, wander
from models.virtual_wearer.stepping import SHIFT_S, Footing, Way, stepping_plan
from models.virtual_wearer.subject import Subject

SWING_S = 0.9
PASS_S = 0.85  # the weight passes to the foot that landed
STAND_S = 1.7
AHEAD = 0.155  # of the body's height, from a foot on the ground to it on the box
WAY = Way(clear=0.05, back=0.02)


def plan_condition(
    subject: Subject, condition: Condition, seconds: float | None, rng: np.random.Generator
) -> tuple[Plan, Array, float, dict[str, str]]:
    """As many times up and down as told or as fit; the right foot first, both ways."""
    tempo, height = float(rng.uniform(0.85, 1.2)), condition.height_m or 0.3
    events, lasts = _events(condition, seconds, tempo, rng)
    feet = _feet(subject, events, height, rng)
    plan, t = stepping_plan(subject, lasts, feet, WAY, 0.5 + subject.style.stand_asymmetry, rng)
    body = subject.body
    leg = 0.985 * (body.thigh + body.shank)
    plan.height_cutoff_hz, plan.min_knee = 2.5, 0.12
    plan.pelvis_height = body.ankle_height + leg + _rise(t, events, height) + 0.002 * wander(rng, len(t), 0.8)
    lean = float(rng.uniform(0.25, 0.42))
    for move in events:
        work = settle(t, move[0] - 0.3, 0.6) - settle(t, move[3] - 0.2, 0.7)
        plan.trunk[:, 1] -= lean * work
        plan.pelvis[:, 1] -= 0.5 * lean * work
    return plan, t, lasts, {"repetitions": str(len(events) // 2)}


def _events(
    condition: Condition, seconds: float | None, tempo: float, rng: np.random.Generator
) -> tuple[list[tuple[float, float, float, float]], float]:
    """(right off, right lands, left off, left lands) of every way up, down, up, ..."""
    events: list[tuple[float, float, float, float]] = []
    at, both = 0.3 + SHIFT_S, 2.0 * (2.0 * SWING_S + PASS_S + STAND_S) * tempo
    wanted = condition.repetitions if seconds is None else max(1, int((seconds + 0.5) / both))
    for _ in range(2 * wanted):
        swing, passing, stand = (
            span * tempo * (1.0 + 0.05 * float(np.clip(rng.normal(), -2.0, 2.0)))
            for span in (SWING_S, PASS_S, STAND_S)
        )
        events.append((at, at + swing, at + swing + passing, at + 2.0 * swing + passing))
        at += 2.0 * swing + passing + stand
    return events, seconds or round(at, 2)


def _feet(
    subject: Subject,
    events: list[tuple[float, float, float, float]],
    height: float,
    rng: np.random.Generator,
) -> tuple[list[Footing], list[Footing]]:
    """Up: the foot that is left behind rises on its ball; down: the foot lands on its ball."""
    ahead = AHEAD * subject.body.height_m
    half = max(0.09, 0.4 * subject.style.stance_width)
    feet: tuple[list[Footing], list[Footing]] = ([], [])
    for side in range(2):
        land = -60.0
        for k, move in enumerate([*events, None]):
            above = k % 2 == 1
            off = move[2 * side] if move else 600.0
            place = (ahead * above + float(0.01 * rng.normal()), height * above, SIDE_SIGN[side] * half)
            leaves_last = side == 1
            pitch_off = -np.radians(42.0) if leaves_last and not above else -np.radians(8.0)
            pitch_on = -np.radians(32.0) if k and not above else 0.0
            feet[side].append(
                Footing(land, off, *place, pitch_on, float(pitch_off), 0.35, 0.5, 0.43 if above else 0.42)
            )
            land = move[2 * side + 1] if move else 0.0
    return feet


def _rise(t: Array, events: list[tuple[float, float, float, float]], height: float) -> Array:
    """(n,) how far the pelvis is above where it is on the ground."""
    rise = np.zeros(len(t))
    for k, (off, land, left_off, left_land) in enumerate(events):
        if k % 2 == 0:
            rise += height * settle(t, land + 0.1, left_land - land + 0.3)
        else:
            low = 0.88 * height
            rise -= low * settle(t, off - 0.3, land - off + 0.3)
            rise -= (height - low) * settle(t, land, left_off - land + 0.3)
    return rise
