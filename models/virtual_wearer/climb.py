"""Vertical ambulation: the ladder or the box, as the condition says."""

from __future__ import annotations

import numpy as np

from models.data.tasks import Condition
from models.virtual_wearer import box, ladder
from models.virtual_wearer.frames import Array
from models.virtual_wearer.motion import Plan
from models.virtual_wearer.subject import Subject


def plan_condition(
    subject: Subject, condition: Condition, seconds: float | None, rng: np.random.Generator
) -> tuple[Plan, Array, float, dict[str, str]]:
    """As of ladder.py or box.py."""
    if condition.description.startswith("ladder"):
        return ladder.plan_condition(subject, condition, seconds, rng)
    return box.plan_condition(subject, condition, seconds, rng)
