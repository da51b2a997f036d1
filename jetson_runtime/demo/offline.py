"""The same trial without a port or a clock: through the aligner, the engine and the scoring of the demo."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

import numpy as np

from jetson_runtime.demo import scoring
from jetson_runtime.demo.scoring import Seen
from jetson_runtime.inference import engines
from jetson_runtime.inference.bundle import Bundle
from jetson_runtime.inference.offline import outcomes_of_rows
from jetson_runtime.suit.signals import CHANNEL_FILL, PERIOD_NS, RATE_HZ, published_outcomes
from jetson_runtime.suit.trial import Trial
from jetson_runtime.timing.resample import resample_trial


def offline_errors(
    trial: Trial,
    bundle: Bundle,
    sides: tuple[str, ...],
    *,
    seed: int = 0,
    lead_in_s: float = 4.0,
    only: Container[int] | None = None,
) -> dict[str, Any]:
    """`rmse`, `r2` and `skill` as the demo tells them, of the trial led in by its first row held for `lead_in_s`.

    only: the rows of the trial to score, those that a live stream told; None: all.
    """
    rows = resample_trial(trial, seed)
    lead = round(lead_in_s * RATE_HZ)
    played = np.concatenate([np.repeat(rows[:1], lead, axis=0), rows])
    engine = engines.create("numpy", bundle, len(sides))
    outcomes = outcomes_of_rows(played, np.asarray(bundle.manifest.fill), engine, sides)[lead:]
    return scoring.errors(
        [_frame(i, values) for i, values in enumerate(outcomes.tolist()) if only is None or i in only],
        published_outcomes(sides),
        trial,
        0,
        history=bundle.manifest.history,
        baselines=bundle.baselines(),
        rows=np.where(np.isnan(rows), CHANNEL_FILL, rows),
    )


def _frame(tick: int, values: list[float]) -> Seen:
    return Seen(tick, tick * PERIOD_NS, tick * PERIOD_NS, 0.0, True, (), tuple(values))
