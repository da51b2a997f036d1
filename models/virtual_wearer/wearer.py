"""Trials of virtual wearers.

    subject = Subject.random(7)
    trial = generate(subject, "W", seconds=20.0, seed=1)     # walking, put on anew
    trial = generate(subject, "L3", None, seed=2, clean=True)  # the heavy blanket, no sensor error
    still = neutral(subject, donning)                        # the tare's stance in the same putting-on
    for trial in cohort(range(40), seconds=20.0): ...

Same arguments, same trial, to the bit.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from jetson_runtime.fitting.protocol import SECONDS
from jetson_runtime.suit.signals import (
    CHANNEL_INDEX,
    CHANNEL_NAMES,
    COP_BODYWEIGHTS,
    LABEL_NAMES,
    PARTS,
    SIDES,
)
from jetson_runtime.suit.trial import Trial, TrialMeta
from models.data.filters import LABEL_CUTOFF_HZ, lowpass
from models.data.tasks import NEUTRAL
from models.virtual_wearer import fitting, standing
from models.virtual_wearer.anthropometry import SEGMENTS, Body
from models.virtual_wearer.donning import Donning
from models.virtual_wearer.dynamics import (
    GRAVITY,
    RATE_HZ,
    Ground,
    Inertial,
    coordinates_deg,
    generalised_forces,
    joint_moments,
    share_ground,
)
from models.virtual_wearer.frames import Array
from models.virtual_wearer.hands import HandLoads, hand_loads
from models.virtual_wearer.motion import SIDE_SIGN, Motion, Plan, cop_in_world, solve
from models.virtual_wearer.plays import KINDS, Play, play
from models.virtual_wearer.sensors import add_shock, imu_channels, insole_channels, quaternions, sensor_poses
from models.virtual_wearer.subject import Subject

TASKS = KINDS
JOINT_LIMIT_DEG = 150.0
# Of a sole's length or width, which is 0 to 1: as far as the check of trials lets a real centre of pressure lie.
BESIDE_SOLE = 0.25


@dataclass(frozen=True)
class Physics:
    """A motion and all that acts in it; `moments` (n, 3) as of `dynamics.joint_moments`, not yet filtered.

    Axes are the ground's: x along it to where the person walks, y off it, z to the right. hands: what acts on them, by
    what they hold and what pushes; None where they do nothing.
    """

    motion: Motion
    state: Inertial
    ground: Ground
    moments: dict[str, Array]
    hands: HandLoads | None = None


def generate(
    subject: Subject,
    task: str,
    seconds: float | None,
    seed: int,
    donning: Donning | None = None,
    clean: bool = False,
) -> Trial:
    """One trial of `task`: a kind, where how it is done is drawn from `seed`, or a condition of suit/tasks.csv.

    seconds None: as the table says, repetitions at the wearer's own pace or its seconds. The suit is put on anew for
    each trial (drawn from subject and seed) unless `donning` is given; `clean` is Donning.perfect(). Raises ValueError
    for another task, and for a movement that this body cannot make.
    """
    done, rng = play(subject, task, seconds, seed)
    physics = _possible(simulate(done.plan, subject.body), subject, task, seed)
    donning = donning or (Donning.perfect() if clean else Donning.random(1_000_003 * subject.seed + seed))
    return _trial(subject, done, physics, donning, rng, {"seed": str(seed), "session": str(seed)})


def neutral(subject: Subject, donning: Donning, seconds: float = 4.0, seed: int = 0) -> Trial:
    """A neutral stance in this putting-on of the suit, what a tare is taken from: task `other:neutral`, upright."""
    rng = np.random.default_rng([subject.seed, seed, zlib.crc32(b"neutral")])
    plan, t = standing.stance(subject, seconds, rng)
    done = Play(plan, t, seconds, NEUTRAL, {})
    told = {"seed": str(seed), "session": str(seed)}
    return _trial(subject, done, simulate(plan, subject.body), donning, rng, told)


def fit_check(subject: Subject, donning: Donning, seed: int = 0) -> Trial:
    """The movements of `second-skin fit` in this putting-on of the suit: task `other:fit`.

    Stamps land at the seconds of the metadata's `stamps_s`. Raises ValueError where this body cannot do them.
    """
    rng = fitting.seeded(subject, seed)
    plan, t, stamps = fitting.plan_fitting(subject, rng)
    physics = _possible(simulate(plan, subject.body), subject, "fit", seed)
    done = Play(plan, t, SECONDS, "other:fit", {"stamps_s": " ".join(f"{at:.3f}" for at in stamps)})
    return _trial(subject, done, physics, donning, rng, {"seed": str(seed), "session": str(seed)})


def physics_of(subject: Subject, task: str, seconds: float | None, seed: int) -> tuple[Physics, Plan, slice]:
    """What `generate` of the same arguments made its trial of, and the rows of it that are the trial."""
    done, _ = play(subject, task, seconds, seed)
    physics = _possible(simulate(done.plan, subject.body), subject, task, seed)
    return physics, done.plan, _inside(done)


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
    ground = share_ground(state, plan.right_share, planned, plan.shear, plan.heel[:, :, 1])
    moments = joint_moments(state, motion.origin, ground)
    return Physics(motion, state, ground, moments, _on_hands(plan, motion, state))


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
    imus = imu_channels(sensor_poses(physics.motion, body, donning), donning, rng)
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
    """The paper's filter: zero-lag 4th-order Butterworth, -3 dB at 6 Hz after both passes (Winter's correction)."""
    return np.asarray(lowpass(values, RATE_HZ, LABEL_CUTOFF_HZ))


def plates_of(physics: Physics, plan: Plan, body: Body) -> Array:
    """(n, 6) in the order of PLATE_NAMES: true force and centre in the insoles' units, NaN where hardly loaded."""
    load = physics.ground.force[:, :, 1] / (body.mass_kg * GRAVITY)
    cop = np.where(load[:, :, None] < COP_BODYWEIGHTS, np.nan, on_foot(plan, body, physics.ground))
    return np.concatenate([load[:, :, None], cop], axis=2).reshape(len(load), -1)


def _on_hands(plan: Plan, motion: Motion, state: Inertial) -> HandLoads | None:
    if plan.hands is None or motion.hands is None:
        return None
    first = len(SEGMENTS) + 1
    weights = [state.force[:, first + k] for k in range(len(plan.hands.held))]
    return hand_loads(plan.hands, motion.hands, weights)


def _trial(
    subject: Subject,
    done: Play,
    physics: Physics,
    donning: Donning,
    rng: np.random.Generator,
    told: dict[str, str],
) -> Trial:
    body, inside = subject.body, _inside(done)
    labels = filter_labels(labels_of(physics, body))
    channels = channels_of(physics, done.plan, body, donning, rng)
    turns = quaternions(sensor_poses(physics.motion, body, donning))
    plates = plates_of(physics, done.plan, body)[inside]
    _refuse_beside_sole(plates, f"{subject.name}, {done.kind}")
    return Trial(
        time_s=np.arange(round(done.seconds * RATE_HZ)) / RATE_HZ,
        channels=channels[inside].astype(np.float32),
        labels=labels[inside].astype(np.float32),
        quaternions={part: turns[part][inside].astype(np.float32) for part in PARTS},
        plates=plates.astype(np.float32),
        meta=_meta(subject, done, told),
    )


def _inside(done: Play) -> slice:
    first = int(np.argmin(np.abs(done.t)))
    return slice(first, first + round(done.seconds * RATE_HZ))


def _possible(physics: Physics, subject: Subject, task: str, seed: int) -> Physics:
    for name, angle in coordinates_deg(physics.motion.rotation).items():
        if np.abs(angle).max() > JOINT_LIMIT_DEG:
            raise ValueError(
                f"{subject.name}, task {task}, seed {seed}: {name} would reach {np.abs(angle).max():.0f} deg, "
                f"which no joint does; take another seed"
            )
    return physics


def _refuse_beside_sole(plates: Array, what: str) -> None:
    """ValueError where the ground would have to act far beside a sole for more than a moment: nobody stands so."""
    for side, columns in zip(SIDES, (plates[:, 1:3], plates[:, 4:6]), strict=True):
        loaded = columns[np.isfinite(columns).all(axis=1)]
        if len(loaded) == 0:
            continue
        low = np.percentile(loaded, 2, axis=0).min()
        high = np.percentile(loaded, 98, axis=0).max()
        if low < -BESIDE_SOLE or high > 1.0 + BESIDE_SOLE:
            raise ValueError(
                f"{what}: the ground would act beside the {side} sole, from {low:.2f} to {high:.2f} of its size;"
                " take another seed"
            )


def _meta(subject: Subject, done: Play, told: dict[str, str]) -> TrialMeta:
    body = subject.body
    return TrialMeta(
        subject=subject.name,
        task=done.kind,
        body_mass_kg=body.mass_kg,
        foot_length_m=body.foot_length,
        foot_width_m=body.foot_width,
        source="virtual",
        extra={"rate_hz": f"{RATE_HZ:.0f}", "height_m": f"{body.height_m:.3f}", **told, **done.note},
    )
