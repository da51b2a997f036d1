"""A bundle and people it was not trained on -> what its intervals and warnings rest on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from jetson_runtime.inference.bundle import Bundle
from jetson_runtime.inference.confidence import Fitted
from jetson_runtime.suit import signals
from models.confidence import densities, intervals, played
from models.confidence.played import Answers
from models.data.dataset import Recording

_FOLDS = 4
# Rows enough for a density of what training did: an hour.
_MOST_ROWS = 720_000


@dataclass(frozen=True)
class Calibration:
    """fitted: for the bundle. facts: for its card, of people left out of the fit one after the other."""

    fitted: Fitted
    facts: dict[str, Any]


def fit(
    bundle: Bundle,
    recordings: Sequence[Recording],
    training: Sequence[Recording] = (),
    *,
    processes: int = 1,
    told: Sequence[Answers] | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Calibration:
    """`recordings`: of people that the bundle was not trained on; `training`: of those that it was, if at hand.

    With `training`, what is usual is learned from them and the thresholds from the others; without, both from the
    others, a quarter of them left out at a time. told: what the bundle tells of `recordings`, where it is known.
    ValueError: fewer than intervals.LEAST_PEOPLE, or nobody has truth.
    """
    known = _thinned(training) or list(recordings)
    say(f"what {len({r.subject for r in known})} people read like: {sum(len(r.rows) for r in known)} rows")
    prediction = densities.fit_prediction([r.rows for r in known])
    looks = played.looks((*known, *recordings), prediction, processes)
    density = densities.fit_density([looks[r.name] for r in known])
    if training:
        squared = [densities.distances(density, looks[r.name]) for r in recordings]
    else:
        squared = _left_out(recordings, looks)
    thresholds = densities.fit_thresholds(squared)
    say(f"errors of {len({r.subject for r in recordings})} people")
    if told is None:
        told = played.answers(bundle, recordings, processes)
    errors = played.errors(recordings, told, prediction, processes)
    found = intervals.fit(errors)
    return Calibration(_fitted(prediction, density, thresholds, found), _facts(recordings, found, thresholds))


def _thinned(training: Sequence[Recording]) -> list[Recording]:
    """As many recordings, evenly chosen, as hold _MOST_ROWS."""
    rows = sum(len(r.rows) for r in training)
    return list(training[:: max(1, round(rows / _MOST_ROWS))])


def _left_out(recordings: Sequence[Recording], looks: dict[str, np.ndarray]) -> list[list[list[float]]]:
    """Distances of each recording by a density that does not know its person."""
    people = sorted({r.subject for r in recordings})
    fold_of = {name: i % _FOLDS for i, name in enumerate(people)}
    by_fold = [
        densities.fit_density([looks[r.name] for r in recordings if fold_of[r.subject] != fold])
        for fold in range(min(_FOLDS, len(people)))
    ]
    return [densities.distances(by_fold[fold_of[r.subject]], looks[r.name]) for r in recordings]


def _fitted(
    prediction: played.Prediction,
    density: densities.Density,
    thresholds: densities.Thresholds,
    found: intervals.Intervals,
) -> Fitted:
    return Fitted(
        coverage=np.array(intervals.COVERAGE),
        false_alarms=np.array(densities.FALSE_ALARMS),
        width=found.width,
        factor=found.factor,
        factor_of_mean=found.factor_of_mean,
        prediction=prediction.matrix,
        offset=prediction.offset,
        centre=density.centre,
        whiten=density.whiten,
        prototypes=density.prototypes,
        threshold=thresholds.threshold,
        movement=np.array(thresholds.movement),
    )


def _facts(
    recordings: Sequence[Recording], found: intervals.Intervals, thresholds: densities.Thresholds
) -> dict[str, Any]:
    """coverage: mean and SD over the people, each by a factor of the others; sides that share as their mean."""
    of = [
        coverage if outcome.sided else of_mean
        for outcome, coverage, of_mean in zip(
            signals.OUTCOMES, found.coverage.T, found.coverage_of_mean.T, strict=True
        )
    ]
    return {
        "people": len({r.subject for r in recordings}),
        "trials": len(recordings),
        "tasks": sorted({r.task for r in recordings}),
        "nominal_coverage": intervals.COVERAGE,
        "coverage": {
            outcome.name: {"mean": float(np.nanmean(share)), "sd": float(np.nanstd(share))}
            for outcome, share in zip(signals.OUTCOMES, of, strict=True)
        },
        "false_alarms": thresholds.alarms,
    }
