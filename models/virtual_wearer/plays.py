"""How a wearer plays a kind of task (all is drawn) or one condition of models/tasks.csv (as its row says)."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from models import tasks
from models.tasks import Condition
from models.virtual_wearer import footsteps, gait, lift, standing
from models.virtual_wearer.frames import Array
from models.virtual_wearer.motion import Plan
from models.virtual_wearer.subject import Subject

KINDS = ("W", "L", "PS")  # what is drawn freely where no condition is named
FREE_SECONDS = 30.0

Planned = tuple[Plan, Array, dict[str, str]]  # the plan, its time (n,), what was drawn


@dataclass(frozen=True)
class Play:
    """A plan, its time t (n,) (the trial is [0, seconds)), and what was drawn, as text."""

    plan: Plan
    t: Array
    seconds: float
    kind: str
    note: dict[str, str]


def play(subject: Subject, task: str, seconds: float | None, seed: int) -> tuple[Play, np.random.Generator]:
    """The plan of `task`, a kind or a condition's code, and the generator that the suit's noise is drawn from.

    seconds None: as the table says, repetitions at the wearer's own pace or its seconds. Raises ValueError for what
    is neither a kind nor a condition.
    """
    if task in KINDS:
        rng = np.random.default_rng([subject.seed, seed, KINDS.index(task)])
        wanted = FREE_SECONDS if seconds is None else seconds
        plan, t, note = _FREE[task](subject, wanted, rng)
        return Play(plan, t, wanted, task, note), rng
    condition = _condition(task)
    rng = np.random.default_rng([subject.seed, seed, zlib.crc32(task.encode())])
    wanted = _own_pace(condition) if seconds is None else seconds
    plan, t, note = _BY_KIND[condition.kind](subject, condition, wanted, rng)
    return Play(plan, t, wanted, condition.kind, {"condition": task, **note}), rng


def _condition(task: str) -> Condition:
    known = {one.code: one for one in tasks.conditions()}
    if task not in known:
        raise ValueError(f"task {task!r} is none of {', '.join((*KINDS, *known))}")
    return known[task]


def _own_pace(condition: Condition) -> float:
    return condition.seconds or 3.5 * condition.repetitions


def _walk(subject: Subject, seconds: float, rng: np.random.Generator) -> Planned:
    walk = footsteps.random_walk(rng, seconds)
    plan, t = gait.plan_walk(subject, walk, rng)
    return plan, t, {"speed_m_s": f"{walk.speed:.3f}"}


def _lift(subject: Subject, seconds: float, rng: np.random.Generator) -> Planned:
    session = lift.random_session(subject, rng)
    plan, t = lift.plan_session(subject, session, seconds, rng)
    return plan, t, {"kind": session.kind, "load_kg": f"{session.load_kg:.2f}"}


def _stand(subject: Subject, seconds: float, rng: np.random.Generator) -> Planned:
    plan, t = standing.plan_standing(subject, seconds, rng)
    return plan, t, {}


def _walk_as_told(
    subject: Subject, condition: Condition, seconds: float, rng: np.random.Generator
) -> Planned:
    speed = (condition.speed_m_s or 1.2) * float(rng.uniform(0.95, 1.05))
    walk = footsteps.Walk(speed, seconds, 0.0, 0.0, 0.02, int(rng.integers(2)))
    plan, t = gait.plan_walk(subject, walk, rng)
    return plan, t, {"speed_m_s": f"{speed:.3f}"}


def _lift_as_told(
    subject: Subject, condition: Condition, seconds: float, rng: np.random.Generator
) -> Planned:
    return _lift(subject, seconds, rng)


def _stand_as_told(
    subject: Subject, condition: Condition, seconds: float, rng: np.random.Generator
) -> Planned:
    return _stand(subject, seconds, rng)


_FREE: dict[str, Callable[[Subject, float, np.random.Generator], Planned]] = {
    "W": _walk,
    "L": _lift,
    "PS": _stand,
}
_BY_KIND: dict[str, Callable[[Subject, Condition, float, np.random.Generator], Planned]] = {
    "W": _walk_as_told,
    "L": _lift_as_told,
    "PS": _stand_as_told,
}
