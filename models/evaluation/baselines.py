"""What an estimator must beat: a constant, and a ridge regression on the same rows and some of their past."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from jetson_runtime.inference.bundle import Baselines
from jetson_runtime.suit import signals
from models.data.dataset import Recording, input_statistics
from models.network.tcn import HISTORY, SPARSE_STRIDE

Doubles = npt.NDArray[np.float64]

LAGS = (0, 10, 20, 40, 80, 160)
PENALTIES = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)


def fit(training: Sequence[Recording], validation: Sequence[Recording]) -> Baselines:
    """The means of the training outcomes and ridge coefficients; the penalty that validates best, by outcome.

    Features are standardised; a penalty counts in units of the number of rows. Rows with an unknown outcome are
    left out.
    """
    mean, sd = input_statistics(training)
    moments = _Moments(len(LAGS) * len(mean))
    for features, outcomes in _legs(training, mean, sd):
        moments.add(features, outcomes)
    solutions = [moments.solve(penalty) for penalty in PENALTIES]
    errors = np.zeros((len(PENALTIES), len(signals.OUTCOMES)))
    for features, outcomes in _legs(validation, mean, sd):
        for i, (coefficients, offset) in enumerate(solutions):
            errors[i] += np.sum((features @ coefficients + offset - outcomes) ** 2, axis=0)
    choice = np.argmin(errors, axis=0)
    chosen = np.stack([solutions[c][0][:, i] for i, c in enumerate(choice)], axis=1)
    offsets = np.array([solutions[c][1][i] for i, c in enumerate(choice)])
    scaled = chosen / np.tile(sd, len(LAGS))[:, None]
    return Baselines(
        moments.outcome_mean, np.asarray(LAGS), scaled, offsets - np.tile(mean, len(LAGS)) @ scaled
    )


class _Moments:
    """Sums for the normal equations of all outcomes."""

    def __init__(self, features: int) -> None:
        outcomes = len(signals.OUTCOMES)
        self._gram, self._cross = np.zeros((features, features)), np.zeros((features, outcomes))
        self._sum, self._outcome_sum, self._count = np.zeros(features), np.zeros(outcomes), 0

    @property
    def outcome_mean(self) -> Doubles:
        return self._outcome_sum / max(self._count, 1)

    def add(self, features: Doubles, outcomes: Doubles) -> None:
        self._gram += features.T @ features
        self._cross += features.T @ outcomes
        self._sum += features.sum(axis=0)
        self._outcome_sum += outcomes.sum(axis=0)
        self._count += len(outcomes)

    def solve(self, penalty: float) -> tuple[Doubles, Doubles]:
        """Coefficients (features, 8) and offsets (8,)."""
        centre = self._sum / self._count
        gram = self._gram / self._count - np.outer(centre, centre)
        cross = self._cross / self._count - np.outer(centre, self.outcome_mean)
        coefficients: Doubles = np.linalg.solve(gram + penalty * np.eye(len(gram)), cross).astype(np.float64)
        return coefficients, self.outcome_mean - centre @ coefficients


def _legs(recordings: Sequence[Recording], mean: Doubles, sd: Doubles) -> Iterator[tuple[Doubles, Doubles]]:
    """Standardised features (n, lags * 54) and outcomes (n, 8) of each leg, every eighth row."""
    for recording in recordings:
        for side in signals.SIDES:
            rows, outcomes = recording.leg(side)
            at = np.arange(HISTORY, len(rows), SPARSE_STRIDE)
            at = at[np.isfinite(outcomes[at]).all(axis=1)]
            scaled = (rows - mean) / sd
            features = np.concatenate([scaled[at - lag] for lag in LAGS], axis=1)
            yield features, outcomes[at].astype(np.float64)
