"""How a wearer plays a kind of task (all is drawn) or one condition of suit/tasks.csv (as its row says)."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from models.data import tasks
from models.data.tasks import Condition
from models.virtual_wearer import (
    blankets,
    climb,
    footsteps,
    gait,
    lift,
    postures,
    push_pull,
    shovel,
    standing,
    walks,
)
from models.virtual_wearer.frames import Array
from models.virtual_wearer.mirror import mirrored
from models.virtual_wearer.motion import Plan
from models.virtual_wearer.subject import Subject

KINDS = ("W", "L", "PS", "PP", "SH", "SP", "VA")
FREE_SECONDS = 30.0
# A condition of the left is the mirror image of the one of the right: the mirrored subject's, mirrored.
MIRROR_OF = {"L6": "L5", "PS5": "PS4", "VA4": "VA3"}

Planned = tuple[
    Plan, Array, float, dict[str, str]
]  # the plan, its time (n,), seconds of trial, what was drawn


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

    A kind is more than its conditions where it is W, L or PS (any speed, any squat or lift, sway), else one of them,
    drawn. seconds None: as the table says, repetitions at the wearer's own pace or its seconds. Raises ValueError for
    what is neither a kind nor a condition.
    """
    if task in KINDS:
        rng = np.random.default_rng([subject.seed, seed, KINDS.index(task)])
        if task in _FREE:
            wanted = FREE_SECONDS if seconds is None else seconds
            plan, t, note = _FREE[task](subject, wanted, rng)
            return Play(plan, t, wanted, task, note), rng
        task = str(rng.choice([one.code for one in tasks.conditions() if one.kind == task]))
    condition = _condition(task)
    like = MIRROR_OF.get(task, task)
    rng = np.random.default_rng([subject.seed, seed, zlib.crc32(like.encode())])
    if like == task:
        plan, t, lasts, note = _TOLD[condition.kind](subject, condition, seconds, rng)
    else:
        plan, t, lasts, note = _TOLD[condition.kind](subject.mirrored(), _condition(like), seconds, rng)
        plan = mirrored(plan)
    return Play(plan, t, lasts, condition.kind, {**note, "condition": task}), rng


def _condition(task: str) -> Condition:
    known = {one.code: one for one in tasks.conditions()}
    if task not in known:
        raise ValueError(f"task {task!r} is none of {', '.join((*KINDS, *known))}")
    return known[task]


def _walk(subject: Subject, seconds: float, rng: np.random.Generator) -> tuple[Plan, Array, dict[str, str]]:
    walk = footsteps.random_walk(rng, seconds)
    plan, t = gait.plan_walk(subject, walk, rng)
    return plan, t, {"speed_m_s": f"{walk.speed:.3f}"}


def _lift(subject: Subject, seconds: float, rng: np.random.Generator) -> tuple[Plan, Array, dict[str, str]]:
    session = lift.random_session(subject, rng)
    plan, t = lift.plan_session(subject, session, seconds, rng)
    return plan, t, {"kind": session.kind, "load_kg": f"{session.load_kg:.2f}"}


def _stand(subject: Subject, seconds: float, rng: np.random.Generator) -> tuple[Plan, Array, dict[str, str]]:
    plan, t = standing.plan_standing(subject, seconds, rng)
    return plan, t, {}


_FREE: dict[str, Callable[[Subject, float, np.random.Generator], tuple[Plan, Array, dict[str, str]]]] = {
    "W": _walk,
    "L": _lift,
    "PS": _stand,
}
_TOLD: dict[str, Callable[[Subject, Condition, float | None, np.random.Generator], Planned]] = {
    "L": blankets.plan_condition,
    "PP": push_pull.plan_wagon,
    "PS": postures.plan_condition,
    "SH": shovel.plan_condition,
    "SP": push_pull.plan_pole,
    "VA": climb.plan_condition,
    "W": walks.plan_condition,
}
