"""Whose trials, which of them and which seconds figures 4 to 6 show as series."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from jetson_runtime.suit.signals import RATE_HZ
from models.evaluation import scores
from models.evaluation.scores import Score
from models.evaluation.series import Doubles

Shown = TypeVar("Shown")

EXAMPLE_S = 6.0
_TASKS = ("W", "SH", "SP", "L", "PP", "VA", "PS")
_MOST = 3


def representative(found: Sequence[Score]) -> str:
    """The person whose RMSE over all points of these scores is the median one."""
    errors = sorted(
        (scores.rmse([score for score in found if score.subject == person]), person)
        for person in {score.subject for score in found}
    )
    return errors[len(errors) // 2][1]


def examples(named: Sequence[tuple[str, Shown]]) -> list[Shown]:
    """The first of each task, of three tasks at most; `named` by task."""
    by_task = dict(reversed(named))
    order = (*_TASKS, *sorted(set(by_task) - set(_TASKS)))
    return [by_task[task] for task in order if task in by_task][:_MOST]


def window(values: Doubles) -> slice:
    """The middle EXAMPLE_S of the rows of values (n, k) from the first to the last that holds anything."""
    known = np.flatnonzero(np.isfinite(values).any(axis=1))
    start, end = (int(known[0]), int(known[-1]) + 1) if len(known) else (0, len(values))
    length = min(end - start, round(EXAMPLE_S * RATE_HZ))
    first = start + (end - start - length) // 2
    return slice(first, first + length)
