"""What docs/virtual-wearer.md says of the virtual wearer: its physics against itself, gait figures, cost, ranges.

Usage: python benchmarks/virtual_wearer.py [subjects]
"""

from __future__ import annotations

import sys
import time

import numpy as np

from jetson_runtime.suit.signals import LABEL_NAMES
from jetson_runtime.suit.trial import Trial
from models.virtual_wearer.checks import hip_moment_from_above, mass_centre, power_balance
from models.virtual_wearer.dynamics import GRAVITY, RATE_HZ
from models.virtual_wearer.footsteps import Walk
from models.virtual_wearer.frames import Array
from models.virtual_wearer.gait import plan_walk
from models.virtual_wearer.lift import plan_session, random_session
from models.virtual_wearer.motion import Plan
from models.virtual_wearer.standing import plan_standing
from models.virtual_wearer.strides import stride_figures
from models.virtual_wearer.subject import Subject
from models.virtual_wearer.wearer import TASKS, Physics, generate, simulate

SPEEDS = (0.8, 1.3, 1.7)
SECONDS = 10.0


def main() -> None:
    """Print the four tables."""
    subjects = [Subject.random(seed) for seed in range(int(sys.argv[1]) if len(sys.argv) > 1 else 12)]
    _print_agreement(subjects)
    for speed in SPEEDS:
        _print_gait(subjects, speed)
    _print_trials(subjects)


def _print_agreement(subjects: list[Subject]) -> None:
    columns = ("power, rms W", "its error", "worst", "hip, Nm", "its error", "force, N off")
    print(
        f"{'worst of ' + str(len(subjects)) + ' subjects':20s}" + "".join(f"{name:>14s}" for name in columns)
    )
    for task in TASKS:
        rows = np.array([_agreement(subject, _physics(task, subject)) for subject in subjects])
        power, worst = rows[:, 0].mean(), rows[:, 1:].max(axis=0)
        shares = f"{power:14.1f}{worst[0]:14.1e}{worst[1]:14.1e}"
        print(f"  {task:18s}{shares}{worst[2]:14.0f}{worst[3]:14.1e}{worst[4]:14.2f}")


def _agreement(subject: Subject, physics: Physics) -> tuple[float, ...]:
    """RMS power; its error's rms and greatest as a share of it; greatest hip moment, its error; force error."""
    inner = slice(int(RATE_HZ), -int(RATE_HZ))
    gained, given = (values[inner] for values in power_balance(physics, subject.body))
    rms = float(np.sqrt((gained**2).mean()))
    off = np.abs(gained - given)
    hips = np.stack([physics.moments["hip_r"], physics.moments["hip_l"]])
    above = np.stack([hip_moment_from_above(physics, side) for side in range(2)])
    force = np.abs(_force_error(physics, subject))[inner].max()
    return (
        rms,
        np.sqrt((off**2).mean()) / rms,
        off.max() / rms,
        np.abs(hips).max(),
        np.abs(hips - above).max(),
        force,
    )


def _force_error(physics: Physics, subject: Subject) -> Array:
    """N: the feet's force minus mass x (acceleration of the centre of mass + g), of the body and of its load."""
    needed = subject.body.mass_kg * _plain_acceleration(mass_centre(physics, subject.body))
    for kg, place in physics.motion.carried[1:]:
        needed += kg[:, None] * _plain_acceleration(place)
    return physics.ground.force.sum(axis=1) - needed


def _plain_acceleration(place: Array) -> Array:
    """Second difference, g added: not the derivative that the model uses."""
    out = np.zeros_like(place)
    out[1:-1] = (place[2:] - 2.0 * place[1:-1] + place[:-2]) * RATE_HZ**2
    out[:, 1] += GRAVITY
    return out


def _physics(task: str, subject: Subject) -> Physics:
    rng = np.random.default_rng([subject.seed, 0])
    return simulate(_plan(task, subject, rng), subject.body)


def _plan(task: str, subject: Subject, rng: np.random.Generator) -> Plan:
    if task == "W":
        return plan_walk(subject, Walk(float(rng.uniform(0.7, 1.7)), SECONDS, 1.5, 1.5, 0.05, 0), rng)[0]
    if task == "L":
        return plan_session(subject, random_session(subject, rng), SECONDS, rng)[0]
    return plan_standing(subject, SECONDS, rng)[0]


def _trial(subject: Subject, task: str) -> list[Trial]:
    """None where this body cannot make the movement."""
    try:
        return [generate(subject, task, 20.0, seed=0)]
    except ValueError:
        return []


def _print_gait(subjects: list[Subject], speed: float) -> None:
    each: dict[str, list[float]] = {}
    impossible = 0
    for subject in subjects:
        rng = np.random.default_rng([subject.seed, 0])
        plan, _ = plan_walk(subject, Walk(speed, SECONDS, 0.0, 0.0, 0.0, 0), rng)
        try:
            physics = simulate(plan, subject.body)
        except ValueError:
            impossible += 1
            continue
        for name, values in stride_figures(physics, subject.body).items():
            each.setdefault(name, []).append(float(np.median(values)))
    print(f"\nwalking at {speed} m/s, {impossible} subjects cannot; the others' median strides")
    print(f"  {'':45s}      least   median greatest")
    for name, values in each.items():
        print(f"  {name:45s} {min(values):10.2f} {np.median(values):8.2f} {max(values):8.2f}")


def _print_trials(subjects: list[Subject]) -> None:
    for task in TASKS:
        start = time.process_time()
        trials = [trial for subject in subjects for trial in _trial(subject, task)]
        cost = (time.process_time() - start) / (20.0 * len(trials))
        labels = np.concatenate([trial.labels for trial in trials])
        print(
            f"\n{task}: {len(trials)} of {len(subjects)} trials, {1e3 * cost:.0f} ms of CPU a second of trial"
        )
        print(f"  {'':35s} {'1 %':>9s} {'mean':>8s} {'99 %':>8s} {'sd':>8s}")
        for k, name in enumerate(LABEL_NAMES):
            if not name.endswith(("_l", "_l_moment")):
                low, high = np.percentile(labels[:, k], [1, 99])
                print(
                    f"  {name:35s} {low:9.2f} {labels[:, k].mean():8.2f} {high:8.2f} {labels[:, k].std():8.2f}"
                )


if __name__ == "__main__":
    main()
