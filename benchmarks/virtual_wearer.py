"""What docs/virtual-wearer.md says of the virtual wearer: its physics against itself, gait figures, cost, ranges.

Usage: python benchmarks/virtual_wearer.py [subjects]
"""

from __future__ import annotations

import sys
import time

import numpy as np
import numpy.typing as npt

from jetson_runtime.suit.signals import LABEL_NAMES
from jetson_runtime.suit.trial import Trial
from models.data import tasks
from models.virtual_wearer.checks import hip_moment_from_above, mass_centre, power_balance
from models.virtual_wearer.dynamics import RATE_HZ
from models.virtual_wearer.footsteps import Walk
from models.virtual_wearer.frames import Array
from models.virtual_wearer.gait import plan_walk
from models.virtual_wearer.plays import MIRROR_OF
from models.virtual_wearer.strides import stride_figures
from models.virtual_wearer.subject import Subject
from models.virtual_wearer.wearer import Physics, generate, physics_of, simulate

SPEEDS = (0.8, 1.3, 1.7)
SECONDS = 8.0
RIGHT = [name for name in LABEL_NAMES if not name.endswith(("_l", "_l_moment"))]


def main() -> None:
    """Print the tables: physics, gait at three speeds, and what each condition looks like."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 12
    subjects = [Subject.random(seed) for seed in range(1000, 1000 + count)]
    _print_agreement(subjects[:4])
    for speed in SPEEDS:
        _print_gait([Subject.random(seed) for seed in range(count)], speed)
    _print_trials(subjects)


def _print_agreement(subjects: list[Subject]) -> None:
    columns = ("power, rms W", "its error", "worst", "hip, Nm", "its error", "force, N off")
    print(
        f"{'worst of ' + str(len(subjects)) + ' subjects':20s}" + "".join(f"{name:>14s}" for name in columns)
    )
    for task in (one.code for one in tasks.conditions()):
        if task in MIRROR_OF:
            continue
        rows = np.array(
            [_agreement(subject, physics_of(subject, task, SECONDS, 0)[0]) for subject in subjects]
        )
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
        np.abs(hips[:, inner]).max(),
        np.abs(hips - above)[:, inner].max(),
        force,
    )


def _force_error(physics: Physics, subject: Subject) -> Array:
    """N: the feet's force minus what the body's centre of mass needs beside what acts on its hands."""
    centre = mass_centre(physics, subject.body)
    needed = subject.body.mass_kg * (_plain_acceleration(centre) + physics.motion.up)
    if physics.hands is not None:
        needed -= physics.hands.force.sum(axis=1)
    return np.asarray(physics.ground.force.sum(axis=1) - needed)


def _plain_acceleration(place: Array) -> Array:
    """Second difference: not the derivative that the model uses."""
    out = np.zeros_like(place)
    out[1:-1] = (place[2:] - 2.0 * place[1:-1] + place[:-2]) * RATE_HZ**2
    return out


def _trial(subject: Subject, code: str) -> list[Trial]:
    """Empty where this body cannot make the movement."""
    try:
        return [generate(subject, code, SECONDS, seed=0)]
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
    for name, medians in each.items():
        print(f"  {name:45s} {min(medians):10.2f} {np.median(medians):8.2f} {max(medians):8.2f}")


def _print_trials(subjects: list[Subject]) -> None:
    print("\ntrials made; 1 % to 99 % of the right side's labels, angles in deg, moments in Nm/kg")
    for kind in tasks.KINDS:
        codes = [one.code for one in tasks.conditions() if one.kind == kind]
        start = time.process_time()
        trials = {code: [trial for subject in subjects for trial in _trial(subject, code)] for code in codes}
        seconds = SECONDS * sum(map(len, trials.values()))
        cost = 1e3 * (time.process_time() - start) / seconds
        made = ", ".join(f"{code} {len(each)}" for code, each in trials.items())
        print(f"{kind}: {made} of {len(subjects)}; {cost:.0f} ms of CPU a second of trial")
        for code in codes:
            if trials[code]:
                labels = np.concatenate([trial.labels for trial in trials[code]])
                print(f"  {code:5s}" + "".join(f"{_range(labels, name):>16s}" for name in RIGHT))
        labels = np.concatenate([trial.labels for each in trials.values() for trial in each])
        print(f"  {'all':5s}" + "".join(f"{_range(labels, name):>16s}" for name in RIGHT))


def _range(labels: npt.NDArray[np.float32], name: str) -> str:
    low, high = np.percentile(labels[:, LABEL_NAMES.index(name)], [1, 99])
    return f"{low:.2f}..{high:.2f}" if name.endswith("_moment") else f"{low:.0f}..{high:.0f}"


if __name__ == "__main__":
    main()
