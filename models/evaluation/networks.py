"""Networks as training leaves them -> what they say of recordings, and how far off that is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from jetson_runtime.suit import signals
from models.data.dataset import Recording
from models.evaluation import scores
from models.evaluation.series import Doubles, Series
from models.network.tcn import HISTORY, Tcn

ESTIMATOR = "tcn"
# Rows computed at once: what a layer keeps of them fits in a processor's cache.
_CHUNK = 4096


def score(networks: dict[str, Tcn], recordings: Sequence[Recording]) -> dict[str, dict[str, float]]:
    """outcome -> `rmse` and `r2` after the paper's filter, `rmse_raw` and `mae` as sent, `points` scored."""
    of = scores.Scores(
        one for recording in recordings for one in scores.of_series(series(networks, recording))
    )
    table = {}
    for outcome in networks:
        filtered = of.of(ESTIMATOR, outcome)
        sent = of.of(ESTIMATOR, outcome, filtered=False)
        table[outcome] = {
            "rmse": scores.rmse(filtered),
            "rmse_raw": scores.rmse(sent),
            "r2": scores.r2(filtered),
            "mae": scores.mae(filtered),
            "points": float(sum(one.points for one in filtered)),
        }
    return table


def series(networks: dict[str, Tcn], recording: Recording) -> Series:
    """What `networks` (outcome -> network) say of a recording: each leg, the lower back as the mean of both passes.

    An outcome without a network stays NaN, as do the first 248 rows.
    """
    estimates = np.full(recording.labels.shape, np.nan)
    legs = {side: _leg(networks, recording.leg(side)[0]) for side in signals.SIDES}
    for outcome in signals.OUTCOMES:
        for side in signals.SIDES if outcome.name in networks else ():
            column = signals.LABEL_NAMES.index(outcome.published(side))
            said = legs[side][outcome.name]
            estimates[:, column] = (
                said if outcome.sided else np.mean([leg[outcome.name] for leg in legs.values()], axis=0)
            )
    truth = recording.labels.astype(np.float64)
    truth[:HISTORY] = np.nan
    estimates[:HISTORY] = np.nan
    return Series(
        recording.name, recording.subject, recording.task, recording.condition, truth, {ESTIMATOR: estimates}
    )


def _leg(networks: dict[str, Tcn], rows: np.typing.NDArray[np.float32]) -> dict[str, Doubles]:
    """outcome -> (n,), every row with its whole history; the first 248 rows have none and are not scored."""
    said = {outcome: np.zeros(len(rows)) for outcome in networks}
    with torch.no_grad():
        for first in range(0, len(rows), _CHUNK):
            lead = min(first, HISTORY)
            chunk = torch.tensor(rows[None, first - lead : first + _CHUNK])
            for outcome, network in networks.items():
                answer = network(chunk)[0, lead:].numpy()
                said[outcome][first : first + len(answer)] = answer
    return said
