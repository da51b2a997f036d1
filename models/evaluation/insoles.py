"""How the insoles err against force plates, as in the paper's III.B: by value, by task and overall.

Each foot by itself. The vertical force is compared wherever a plate knows it, the centre of pressure where plate and
insole both define one (COP_BODYWEIGHTS on either). What counts: both filtered, RMSE pooled over all points of both
feet, R2 by trial and foot and then averaged, mean and SD over people.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from jetson_runtime.suit.signals import CHANNEL_INDEX, SIDES
from jetson_runtime.suit.trial import Trial
from models import metrics
from models.evaluation import scores
from models.evaluation.scores import Score, Spread

# Value -> its unit, in the order of a foot's columns in PLATE_NAMES.
VALUES: dict[str, str] = {"vgrf": "bodyweights", "cop_ap": "foot lengths", "cop_ml": "foot widths"}
ESTIMATOR = "insole"


@dataclass(frozen=True)
class Row:
    """Of one value in one group: `overall`, `cyclic`, `non-cyclic` or a task."""

    value: str
    group: str
    rmse: Spread
    r2: Spread


def measured(trial: Trial) -> tuple[metrics.Doubles, metrics.Doubles]:
    """(n, 6) of insoles and of plates, as PLATE_NAMES orders them; ValueError where no plate stood.

    A centre of pressure is NaN in both where either has none.
    """
    if trial.plates is None:
        raise ValueError(
            f"{trial.meta.subject}, {trial.meta.task}: has no force plates to compare insoles with"
        )
    first = CHANNEL_INDEX[f"insole_{SIDES[0]}_vgrf"]
    worn = trial.channels[:, first : first + 6].astype(np.float64)
    plates = trial.plates.astype(np.float64)
    unknown = ~(np.isfinite(worn) & np.isfinite(plates))
    worn[unknown], plates[unknown] = np.nan, np.nan
    return worn, plates


def of_trial(name: str, trial: Trial) -> list[Score]:
    """Every value of both feet that has a point to score, filtered and as read; ValueError as of `measured`."""
    worn, plates = measured(trial)
    raw = _scores(name, trial, worn, plates, filtered=False)
    return [*raw, *_scores(name, trial, metrics.filtered(worn), metrics.filtered(plates), filtered=True)]


def table(of_trials: Iterable[Score]) -> list[Row]:
    """Value by value, overall first, then by task; of the filtered; empty without any."""
    filtered = [score for score in of_trials if score.filtered]
    if not filtered:
        return []
    groups = scores.groups_of({score.task for score in filtered})
    return [_row(filtered, value, group) for value in VALUES for group in groups]


def _row(filtered: Sequence[Score], value: str, group: str) -> Row:
    chosen = [
        score for score in filtered if score.label.endswith(value) and scores.in_group(score.task, group)
    ]
    return Row(
        value, group, scores.over_subjects(chosen, scores.rmse), scores.over_subjects(chosen, scores.r2)
    )


def _scores(
    name: str, trial: Trial, worn: metrics.Doubles, plates: metrics.Doubles, *, filtered: bool
) -> list[Score]:
    made = []
    for i, label in enumerate(f"insole_{side}_{value}" for side in SIDES for value in VALUES):
        error = worn[:, i] - plates[:, i]
        error = error[np.isfinite(error)]
        if len(error):
            made.append(
                Score(
                    trial=name,
                    subject=trial.meta.subject,
                    task=trial.meta.task,
                    estimator=ESTIMATOR,
                    label=label,
                    filtered=filtered,
                    points=len(error),
                    squares=float((error**2).sum()),
                    absolutes=float(np.abs(error).sum()),
                    r2=metrics.r2(worn[:, i], plates[:, i]),
                    delay_ms=float("nan"),
                )
            )
    return made
