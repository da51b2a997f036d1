"""Quiet standing with sway, shifts of weight and small leans."""

from __future__ import annotations

import numpy as np

from models.virtual_wearer.anthropometry import ANKLE_FROM_HEEL, Body
from models.virtual_wearer.dynamics import RATE_HZ
from models.virtual_wearer.frames import Array, min_jerk
from models.virtual_wearer.motion import SIDE_SIGN, Plan
from models.virtual_wearer.subject import Style, Subject, smooth_noise

MARGIN_S = 1.5  # of plan before and after a trial


def plan_standing(subject: Subject, seconds: float, rng: np.random.Generator) -> tuple[Plan, Array]:
    """Standing for `seconds`: sway always, often shifts of weight, in a third leans of the trunk."""
    plan, t = stance(subject, seconds, rng)
    n = len(t)
    if rng.random() < 0.5:
        plan.right_share += rng.uniform(0.05, 0.22) * wander(rng, n, 1.2)
    lean = rng.uniform(0.03, 0.15) * wander(rng, n, 1.0) ** 2 if rng.random() < 0.34 else np.zeros(n)
    plan.trunk[:, 1] -= lean
    plan.pelvis[:, 1] -= rng.uniform(0.2, 0.7) * lean
    plan.cop[:, :, 0] += (rng.uniform(0.01, 0.06) * wander(rng, n, 0.8))[:, None]
    return plan, t


def stance(
    subject: Subject, seconds: float, rng: np.random.Generator, width: float | None = None
) -> tuple[Plan, Array]:
    """A plan of quiet standing with both feet flat, which other tasks build on, and its time (n,)."""
    body, style = subject.body, subject.style
    t = np.arange(-int(MARGIN_S * RATE_HZ), int((seconds + MARGIN_S) * RATE_HZ) + 1) / RATE_HZ
    n = len(t)
    apart = style.stance_width if width is None else width
    stagger = rng.normal(0.0, 0.012, 2)
    heel, ankle = np.zeros((n, 2, 3)), np.zeros((n, 2, 3))
    yaw = np.array([-style.toe_out[0], style.toe_out[1]])
    for side in range(2):
        ankle[:, side] = [stagger[side], body.ankle_height, SIDE_SIGN[side] * apart / 2]
        heel[:, side] = heel_of(ankle[:, side], yaw[side], body)
    knee = np.tile(np.clip(np.array(style.knee_mid) + 0.02 * rng.normal(), 0.13, 0.3), (n, 1))
    plan = Plan(
        ankle=ankle,
        foot_pitch=np.zeros((n, 2)),
        foot_yaw=np.tile(yaw, (n, 1)),
        foot_roll=np.stack([0.004 * wander(rng, n, 0.4) for _ in range(2)], axis=1),
        knee_yaw=0.6 * np.tile(yaw, (n, 1))
        + np.stack([0.01 * wander(rng, n, 0.5) for _ in range(2)], axis=1),
        heel=heel,
        cop=_quiet_cop(style, n, rng),
        right_share=0.5 + style.stand_asymmetry + 0.015 * wander(rng, n, 0.5) + 0.02 * rng.normal(),
        pelvis=_posture(style.pelvis_pitch, n, rng),
        trunk=_posture(style.trunk_pitch, n, rng),
        knee=knee + 0.006 * wander(rng, n, 0.6)[:, None],
        arm_angle=np.full(n, 0.1 * rng.normal()) + 0.03 * wander(rng, n, 0.8),
        height_weight=np.ones((n, 2)),
        air=np.zeros((n, 2)),
        shear=style.shear,
    )
    return plan, t


def heel_of(ankle: Array, yaw: float, body: Body) -> Array:
    """(n, 3) the heel's place on the ground under a flat foot."""
    from_heel = ANKLE_FROM_HEEL * body.foot_length
    return np.asarray(
        ankle - np.array([from_heel * np.cos(yaw), body.ankle_height, -from_heel * np.sin(yaw)])
    )


def wander(rng: np.random.Generator, n: int, seconds: float) -> Array:
    """A wandering (n,) signal of about unit standard deviation that never exceeds 2.5."""
    return np.asarray(2.5 * np.tanh(smooth_noise(rng, n, RATE_HZ, seconds) / 2.5))


def settle(t: Array, at: float, seconds: float) -> Array:
    """0 before `at`, 1 from `at + seconds`, smooth between."""
    return min_jerk((t - at) / seconds)


def _quiet_cop(style: Style, n: int, rng: np.random.Generator) -> Array:
    """(n, 2, 2): sway of about 4 mm along the feet (Winter 1995, Gait & Posture 3, 193-214), slow and fast parts."""
    sway = 0.012 * wander(rng, n, 1.0) + 0.005 * wander(rng, n, 0.25)
    along = np.clip(style.cop_stand, 0.23, 0.5) + sway + 0.02 * rng.normal()
    each = [along + 0.004 * wander(rng, n, 0.7) for _ in range(2)]
    across = [style.cop_ml[side] + 0.02 * wander(rng, n, 0.7) for side in range(2)]
    return np.stack([np.stack([each[side], across[side]], axis=1) for side in range(2)], axis=1)


def _posture(pitch: float, n: int, rng: np.random.Generator) -> Array:
    """(n, 3) yaw, pitch, roll that hardly move."""
    centre = [0.015 * rng.normal(), pitch + 0.015 * rng.normal(), 0.004 * rng.normal()]
    sway = (0.006, 0.006, 0.002)
    return np.stack(
        [middle + sd * wander(rng, n, 0.9) for middle, sd in zip(centre, sway, strict=True)], axis=1
    )
