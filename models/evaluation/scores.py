"""The paper's measures, from sums that are taken once for each trial, estimator and label.

RMSE is pooled over all points asked for, R2 is taken by trial (and leg) and averaged, and what is asked for is chosen
afterwards: a task, a side, a subject.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from jetson_runtime.suit import signals
from models import metrics
from models.data import tasks
from models.evaluation import delay
from models.evaluation.series import COLUMNS, Doubles, Series

OVERALL, CYCLIC, NON_CYCLIC = "overall", "cyclic", "non-cyclic"
# What is called significant, in tables and figures.
ALPHA = 0.05


@dataclass(frozen=True)
class Score:
    """One trial, one estimator, one of LABEL_NAMES, filtered or as sent: `points` rows with sums over them.

    delay_ms: of what was sent, positive where it is late; NaN where it cannot be told, and after the filter.
    """

    trial: str
    subject: str
    task: str
    estimator: str
    label: str
    filtered: bool
    points: int
    squares: float
    absolutes: float
    r2: float
    delay_ms: float


@dataclass(frozen=True)
class Spread:
    """Mean and standard deviation (n - 1) over subjects; NaN where there are too few."""

    mean: float
    sd: float
    subjects: int


class Scores:
    """All scores of some trials, to be asked by estimator, labels, task and subject."""

    def __init__(self, scores: Iterable[Score]) -> None:
        self._by_key: dict[tuple[bool, str, str], list[Score]] = {}
        self.all = tuple(scores)
        for score in self.all:
            self._by_key.setdefault((score.filtered, score.estimator, score.label), []).append(score)

    @property
    def subjects(self) -> tuple[str, ...]:
        """By name."""
        return tuple(sorted({score.subject for score in self.all}))

    @property
    def estimators(self) -> tuple[str, ...]:
        """In the order in which they were scored."""
        return tuple(dict.fromkeys(score.estimator for score in self.all))

    @property
    def tasks(self) -> tuple[str, ...]:
        """By name: the paper's kinds first."""
        return tuple(
            sorted({score.task for score in self.all}, key=lambda task: (task not in tasks.KINDS, task))
        )

    def of(
        self,
        estimator: str,
        outcome: str,
        *,
        group: str = OVERALL,
        side: str = "",
        subject: str | None = None,
        filtered: bool = True,
    ) -> list[Score]:
        """group: `overall`, `cyclic`, `non-cyclic` or a task; side: `r`, `l` or empty for both."""
        return [
            score
            for label in labels_of(outcome, side)
            for score in self._by_key.get((filtered, estimator, label), ())
            if in_group(score.task, group) and subject in (None, score.subject)
        ]

    def spread(
        self,
        measure: Callable[[Sequence[Score]], float],
        estimator: str,
        outcome: str,
        *,
        group: str = OVERALL,
        side: str = "",
        filtered: bool = True,
    ) -> Spread:
        """`measure` of each subject's own scores, over subjects."""
        chosen = self.of(estimator, outcome, group=group, side=side, filtered=filtered)
        return over_subjects(chosen, measure)


def of_series(series: Series) -> list[Score]:
    """Every estimator and label of one trial that has a point to score, filtered and as sent."""
    return [*_scores(series.filtered(), filtered=True), *_scores(series, filtered=False)]


def rmse(scores: Sequence[Score]) -> float:
    """Over all their points; NaN where there is none."""
    points = sum(score.points for score in scores)
    return float(np.sqrt(sum(score.squares for score in scores) / points)) if points else float("nan")


def mae(scores: Sequence[Score]) -> float:
    """Mean absolute error over all their points; NaN where there is none."""
    points = sum(score.points for score in scores)
    return sum(score.absolutes for score in scores) / points if points else float("nan")


def r2(scores: Sequence[Score]) -> float:
    """The mean of the trials' squared correlations, those apart where truth or estimate does not vary."""
    known = [score.r2 for score in scores if np.isfinite(score.r2)]
    return float(np.mean(known)) if known else float("nan")


def delay_ms(scores: Sequence[Score]) -> float:
    """The median of the trials' delays, those apart that cannot be told."""
    known = [score.delay_ms for score in scores if np.isfinite(score.delay_ms)]
    return float(np.median(known)) if known else float("nan")


# What estimators are compared by.
MEASURES: Mapping[str, Callable[[Sequence[Score]], float]] = {"rmse": rmse, "r2": r2}


def skill(scores: Sequence[Score], reference: Sequence[Score]) -> float:
    """1 - RMSE / RMSE of the reference, of each subject who has both, then their mean.

    1 is perfect, 0 no better than the reference, below 0 worse; NaN where nobody has both.
    """
    against = {subject: rmse(of) for subject, of in by_subject(reference).items()}
    each = [
        1.0 - rmse(own) / against[subject]
        for subject, own in by_subject(scores).items()
        if against.get(subject, 0.0) > 0.0
    ]
    return float(np.mean(each)) if each else float("nan")


def over_subjects(scores: Sequence[Score], measure: Callable[[Sequence[Score]], float]) -> Spread:
    """`measure` of each subject's scores; mean and SD over the subjects for whom it is known."""
    values = [value for of in by_subject(scores).values() if np.isfinite(value := measure(of))]
    mean = float(np.mean(values)) if values else float("nan")
    return Spread(mean, float(np.std(values, ddof=1)) if len(values) > 1 else float("nan"), len(values))


def by_subject(scores: Iterable[Score]) -> dict[str, list[Score]]:
    """subject -> his own scores."""
    own: dict[str, list[Score]] = {}
    for score in scores:
        own.setdefault(score.subject, []).append(score)
    return own


def labels_of(outcome: str, side: str = "") -> tuple[str, ...]:
    """The labels pooled for an outcome: right and left, or one side's; the lower back has one for both."""
    names = [signals.LABEL_NAMES[i] for i in COLUMNS[outcome]]
    return (names[signals.SIDES.index(side)],) if side and len(names) > 1 else tuple(names)


def in_group(task: str, group: str) -> bool:
    """Whether a trial of `task` counts in `group`; a task that is none of the seven kinds is not cyclic."""
    cyclic = task in tasks.KINDS and tasks.KINDS[task].cyclic
    return group in (OVERALL, task, CYCLIC if cyclic else NON_CYCLIC)


def groups_of(present: Collection[str]) -> tuple[str, ...]:
    """Overall, cyclic, non-cyclic and each task of `present`; a group that is the same as another is left out."""
    kinds = [task for task in tasks.KINDS if task in present]
    others = sorted(set(present) - set(kinds))
    halves = [half for half in (CYCLIC, NON_CYCLIC) if any(in_group(task, half) for task in present)]
    return (OVERALL, *(halves if len(halves) > 1 else ()), *kinds, *others)


def _scores(series: Series, *, filtered: bool) -> list[Score]:
    made = []
    for estimator, estimates in series.estimates.items():
        error: Doubles = estimates - series.truth
        known = np.isfinite(error)
        clean = np.where(known, error, 0.0)
        points, squares, absolutes = known.sum(axis=0), (clean**2).sum(axis=0), np.abs(clean).sum(axis=0)
        for i, label in enumerate(signals.LABEL_NAMES):
            if points[i]:
                made.append(
                    Score(
                        trial=series.name,
                        subject=series.subject,
                        task=series.task,
                        estimator=estimator,
                        label=label,
                        filtered=filtered,
                        points=int(points[i]),
                        squares=float(squares[i]),
                        absolutes=float(absolutes[i]),
                        r2=metrics.r2(estimates[:, i], series.truth[:, i]),
                        delay_ms=float("nan")
                        if filtered
                        else delay.delay_ms(estimates[:, i], series.truth[:, i]),
                    )
                )
    return made
