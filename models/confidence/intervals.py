"""The interval's width, and the factor that makes it hold as often as it says for somebody new.

Heteroscedastic split-conformal prediction: the width follows a linear model of the error's logarithm (Lei et al. 2018,
section 5.2), the factor is a quantile of error / width. People, not samples, are what is exchangeable: each counts
alike, and the quantile's level is the one at which people left out one by one are covered as often as is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from jetson_runtime.inference.window import Doubles
from jetson_runtime.suit.signals import OUTCOMES
from models.confidence.played import Errors

COVERAGE = 0.9
# Fewer people say too little of the next one.
LEAST_PEOPLE = 5
_FOLDS = 5
_RIDGE = 1e-3
# Share of an outcome's mean error under which errors are alike: log(0) has no mean.
_SMALL = 0.05
# A person's errors are reduced to this many quantiles.
_QUANTILES = 200


@dataclass(frozen=True)
class Intervals:
    """width (WIDTH_INPUTS, 8), factor (8,), factor_of_mean (8,): see Fitted. coverage: of people left out, by outcome.

    coverage, coverage_of_mean (people, 8): the share of each person's values that lie within, NaN where there is none.
    """

    width: Doubles
    factor: Doubles
    factor_of_mean: Doubles
    coverage: Doubles
    coverage_of_mean: Doubles


def fit(errors: Sequence[Errors]) -> Intervals:
    """Of people that the networks were not trained on; ValueError where there are fewer than LEAST_PEOPLE."""
    people = sorted({e.subject for e in errors})
    if len(people) < LEAST_PEOPLE:
        raise ValueError(
            f"intervals need at least {LEAST_PEOPLE} people that the model was not trained on, here are {len(people)}:"
            " calibrate on a folder of more"
        )
    fold_of = {name: i % min(_FOLDS, len(people)) for i, name in enumerate(people)}
    widths = [
        fit_width([e for e in errors if fold_of[e.subject] != fold])
        for fold in range(min(_FOLDS, len(people)))
    ]
    scores, of_mean = [], []
    for name in people:
        own = [e for e in errors if e.subject == name]
        scores.append(_quantiles([ratio(e, widths[fold_of[name]]) for e in own]))
        of_mean.append(_quantiles([ratio_of_mean(e, widths[fold_of[name]]) for e in own]))
    factor, coverage = _factors(np.stack(scores))
    factor_of_mean, coverage_of_mean = _factors(np.stack(of_mean))
    return Intervals(fit_width(errors), factor, factor_of_mean, coverage, coverage_of_mean)


def fit_width(errors: Sequence[Errors]) -> Doubles:
    """(WIDTH_INPUTS, 8): the logarithm of an outcome's error, as a ridge regression on the inputs."""
    inputs = np.concatenate([e.inputs.reshape(-1, e.inputs.shape[-1]) for e in errors])
    size = np.abs(np.concatenate([e.error.reshape(-1, e.error.shape[-1]) for e in errors]))
    centre, spread = inputs.mean(axis=0), inputs.std(axis=0)
    spread[spread < 1e-9] = np.inf
    scaled = (inputs - centre) / spread
    width = np.zeros((inputs.shape[1], size.shape[1]))
    for i in range(size.shape[1]):
        known = np.isfinite(size[:, i])
        if not known.any():
            raise ValueError(
                f"{OUTCOMES[i].name}: nobody has a true value of it; calibrate on trials that do"
            )
        aim = np.log(size[known, i] + _SMALL * size[known, i].mean())
        of = scaled[known]
        gram = of.T @ of / len(of) + _RIDGE * np.eye(of.shape[1])
        slope = np.linalg.solve(gram, of.T @ (aim - aim.mean()) / len(of)) / spread
        width[:, i] = slope
        width[0, i] = aim.mean() - centre @ slope
    return width


def ratio(errors: Errors, width: Doubles) -> Doubles:
    """(2 n, 8): error over half-width without its factor, both legs."""
    ratios: Doubles = np.abs(errors.error) / np.exp(errors.inputs @ width)
    return ratios.reshape(-1, ratios.shape[-1])


def ratio_of_mean(errors: Errors, width: Doubles) -> Doubles:
    """(n, 8): the same for the mean of both legs' passes, whose half-width is the mean of both."""
    ratios: Doubles = np.abs(errors.of_mean) / np.exp(errors.inputs @ width).mean(axis=1)
    return ratios


def _quantiles(ratios: Sequence[Doubles]) -> Doubles:
    """(_QUANTILES, 8) that stand for all of one person's ratios; NaN for an outcome without any."""
    of_all = np.concatenate(ratios)
    levels = (np.arange(_QUANTILES) + 0.5) / _QUANTILES
    columns = [column[np.isfinite(column)] for column in of_all.T]
    none = np.full(_QUANTILES, np.nan)
    return np.stack([np.quantile(c, levels) if len(c) else none for c in columns], axis=1)


def _factors(scores: Doubles) -> tuple[Doubles, Doubles]:
    """scores (people, _QUANTILES, 8) -> factor (8,), and the coverage of each person by the others' (people, 8)."""
    factors, coverages = [], []
    for column in np.moveaxis(scores, 2, 0):
        known = np.isfinite(column).all(axis=1)
        factor, coverage = _factor(column[known])
        factors.append(factor)
        coverages.append(np.full(len(column), np.nan))
        coverages[-1][known] = coverage
    return np.array(factors), np.stack(coverages, axis=1)


def _factor(scores: Doubles) -> tuple[float, Doubles]:
    """One outcome's (people, _QUANTILES); the level is found by halving, it moves the coverage one way."""
    pooled = np.sort(scores, axis=None)
    of_others = _others_below(scores)
    low, high = 0.5, 1.0
    for _ in range(12):
        level = (low + high) / 2
        if _left_out(scores, pooled, of_others, level).mean() < COVERAGE:
            low = level
        else:
            high = level
    return float(np.quantile(scores, high)), _left_out(scores, pooled, of_others, high)


def _others_below(scores: Doubles) -> npt.NDArray[np.int64]:
    """(people, n): how many scores of other people are among the k + 1 least of all n."""
    owner = np.argsort(scores, axis=None) // scores.shape[1]
    mine = owner == np.arange(len(scores))[:, None]
    return np.cumsum(~mine, axis=1)


def _left_out(scores: Doubles, pooled: Doubles, of_others: npt.NDArray[np.int64], level: float) -> Doubles:
    """(people,): the share of each person's scores below the quantile of everybody else's."""
    wanted = level * of_others[:, -1]
    covered = []
    for own, below, count in zip(scores, of_others, wanted, strict=True):
        limit = pooled[min(int(np.searchsorted(below, count)), len(pooled) - 1)]
        covered.append(np.mean(own <= limit))
    return np.array(covered)
