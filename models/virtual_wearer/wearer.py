"""Trials of virtual wearers.

    subject = Subject.random(7)
    trial = generate(subject, "W", seconds=20.0, seed=1)     # walking, put on anew
    trial = generate(subject, "L", 30.0, seed=2, clean=True)  # squats or lifts, no sensor error
    for trial in cohort(range(40), seconds=20.0): ...

Same arguments, same trial, to the bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.signal import butter, sosfiltfilt

from jetson_runtime.suit.signals import CHANNEL_INDEX, CHANNEL_NAMES, LABEL_NAMES, PARTS, SIDES
from jetson_runtime.suit.trial import Trial, TrialMeta
from models.virtual_wearer import footsteps, gait, lift, standing
from models.virtual_wearer.anthropometry import SEGMENTS, Body
from models.virtual_wearer.donning import Donning
from models.virtual_wearer.dynamics import (
    RATE_HZ,
    Ground,
    Inertial,
    coordinates_deg,
    generalised_forces,
    joint_moments,
    share_ground,
)
from models.virtual_wearer.frames import Array
from models.virtual_wearer.motion import SIDE_SIGN, Motion, Plan, cop_in_world, solve
from models.virtual_wearer.sensors import add_shock, imu_channels, insole_channels, quaternions
from models.virtual_wearer.subject import Subject

TASKS = ("W", "L", "PS")
LABEL_CUTOFF_HZ = 6.0


@dataclass(frozen=True)
class Physics:
    """A motion and all that acts in it; `moments` (n, 3) as of `dynamics.joint_moments`, not yet filtered."""

    motion: Motion
    state: Inertial
    ground: Ground
    moments: dict[str, Array]


def generate(
    subject: Subject,
    task: str,
    seconds: float,
    seed: int,
    donning: Donning | None = None,
    clean: bool = False,
) -> Trial:
    """One trial of `task`: W walking, L squats and lifts, PS standing. How it is done is drawn from `seed`.

    The suit is put on anew for each trial (drawn from subject and seed) unless `donning` is given; `clean` is
    Donning.perfect(). Raises ValueError for another task, and for a movement that this body cannot make.
    """
    if task not in TASKS:
        raise ValueError(f"task {task!r} is none of {', '.join(TASKS)}")
    rng = np.random.default_rng([subject.seed, seed, TASKS.index(task)])
    plan, t, note = _PLANNERS[task](subject, seconds, rng)
    if donning is None:
        donning = Donning.perfect() if clean else Donning.random(1_000_003 * subject.seed + seed)
    inside = slice(int(np.argmin(np.abs(t))), int(np.argmin(np.abs(t))) + round(seconds * RATE_HZ))
    physics = simulate(plan, subject.body)
    labels = filter_labels(labels_of(physics, subject.body))
    channels = channels_of(physics, plan, subject.body, donning, rng)
    turns = quaternions(physics.motion, donning)
    return Trial(
        time_s=np.arange(round(seconds * RATE_HZ)) / RATE_HZ,
        channels=channels[inside].astype(np.float32),
        labels=labels[inside].astype(np.float32),
        quaternions={part: turns[part][inside].astype(np.float32) for part in PARTS},
        meta=_meta(subject, task, seed, note),
    )


def cohort(
    seeds: Iterable[int], seconds: float, tasks: Iterable[str] = TASKS, trials_each: int = 1
) -> Iterator[Trial]:
    """Trials of the subjects with these seeds, subject by subject, `trials_each` of every task."""
    tasks = tuple(tasks)
    for seed in seeds:
        subject = Subject.random(seed)
        for task in tasks:
            for k in range(trials_each):
                yield generate(subject, task, seconds, seed=k)


def simulate(plan: Plan, body: Body) -> Physics:
    """What a body does that follows `plan`, and the forces and moments it takes."""
    motion, state = solve(plan, body)
    planned = np.stack([cop_in_world(plan, body, side) for side in range(2)], axis=1)
    ground = share_ground(state, plan.right_share, planned, plan.shear)
    return Physics(motion, state, ground, joint_moments(state, motion.origin, ground))


def labels_of(physics: Physics, body: Body) -> Array:
    """(n, 14) in the order of LABEL_NAMES: degrees and Nm for each kg of `body`, not yet filtered."""
    values = coordinates_deg(physics.motion.rotation)
    moments = generalised_forces(physics.motion.rotation, physics.moments)
    values |= {name: moment / body.mass_kg for name, moment in moments.items()}
    return np.stack([values[name] for name in LABEL_NAMES], axis=1)


def channels_of(
    physics: Physics, plan: Plan, body: Body, donning: Donning, rng: np.random.Generator
) -> Array:
    """(n, 54) in the order of CHANNEL_NAMES, as the suit put on like `donning` measures them."""
    channels = np.empty((len(plan.ankle), len(CHANNEL_NAMES)))
    imus = imu_channels(physics.motion, body, donning, rng)
    for k, part in enumerate(SEGMENTS):
        first = CHANNEL_INDEX[f"{part}_accel_x"]
        channels[:, first : first + 6] = imus[:, 6 * k : 6 * k + 6]
    first = CHANNEL_INDEX[f"insole_{SIDES[0]}_vgrf"]
    cop = on_foot(plan, body, physics.ground)
    channels[:, first : first + 6] = insole_channels(physics.ground, cop, body, donning, rng)
    add_shock(channels, physics.ground, body, donning)
    return channels


def on_foot(plan: Plan, body: Body, ground: Ground) -> Array:
    """(n, 2, 2) true centre of pressure in foot lengths from the heel and foot widths from the medial edge."""
    out = np.empty((len(plan.ankle), 2, 2))
    for side in range(2):
        yaw = plan.foot_yaw[:, side]
        x = ground.place[:, side, 0] - plan.heel[:, side, 0]
        z = ground.place[:, side, 2] - plan.heel[:, side, 2]
        out[:, side, 0] = (np.cos(yaw) * x - np.sin(yaw) * z) / body.foot_length
        out[:, side, 1] = 0.5 + SIDE_SIGN[side] * (np.sin(yaw) * x + np.cos(yaw) * z) / body.foot_width
    return out


def filter_labels(values: Array) -> Array:
    """Zero-lag Butterworth at 6 Hz along time, fourth order in all (second order, forwards and backwards)."""
    sections = butter(2, LABEL_CUTOFF_HZ, fs=RATE_HZ, output="sos")
    return np.asarray(sosfiltfilt(sections, values, axis=0))


def _walking(
    subject: Subject, seconds: float, rng: np.random.Generator
) -> tuple[Plan, Array, dict[str, str]]:
    walk = footsteps.random_walk(rng, seconds)
    plan, t = gait.plan_walk(subject, walk, rng)
    return plan, t, {"speed_m_s": f"{walk.speed:.3f}"}


def _lifting(
    subject: Subject, seconds: float, rng: np.random.Generator
) -> tuple[Plan, Array, dict[str, str]]:
    session = lift.random_session(subject, rng)
    plan, t = lift.plan_session(subject, session, seconds, rng)
    return plan, t, {"kind": session.kind, "load_kg": f"{session.load_kg:.2f}"}


def _standing(
    subject: Subject, seconds: float, rng: np.random.Generator
) -> tuple[Plan, Array, dict[str, str]]:
    plan, t = standing.plan_standing(subject, seconds, rng)
    return plan, t, {}


_PLANNERS: dict[str, Callable[[Subject, float, np.random.Generator], tuple[Plan, Array, dict[str, str]]]] = {
    "W": _walking,
    "L": _lifting,
    "PS": _standing,
}


def _meta(subject: Subject, task: str, seed: int, note: dict[str, str]) -> TrialMeta:
    body = subject.body
    return TrialMeta(
        subject=subject.name,
        task=task,
        body_mass_kg=body.mass_kg,
        foot_length_m=body.foot_length,
        foot_width_m=body.foot_width,
        source="virtual",
        extra={"rate_hz": f"{RATE_HZ:.0f}", "seed": str(seed), "height_m": f"{body.height_m:.3f}", **note},
    )
