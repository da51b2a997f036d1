"""The errors of a bundle on recordings of people it has never seen, beside simpler estimators and the paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from jetson_runtime.inference import engines
from jetson_runtime.inference.bundle import Bundle
from jetson_runtime.inference.engines.base import Engine
from jetson_runtime.suit import signals
from models import metrics
from models.dataset import Recording
from models.tcn import HISTORY

Doubles = npt.NDArray[np.float64]

# RMSE and R2 of the paper's networks on its withheld subjects.
PAPER_RMSE = {
    "hip_flexion": 8.60,
    "knee_angle": 7.58,
    "ankle_angle": 6.00,
    "lumbar_extension": 6.56,
    "hip_flexion_moment": 0.242,
    "knee_angle_moment": 0.202,
    "ankle_angle_moment": 0.193,
    "lumbar_extension_moment": 0.207,
}
ESTIMATORS = ("network", "filtered", "constant", "ridge")


@dataclass(frozen=True)
class Score:
    """RMSE pooled over each subject, then averaged over subjects; R2 of each trial, averaged."""

    rmse: float
    r2: float


def evaluate(bundle: Bundle, recordings: Sequence[Recording]) -> dict[str, dict[str, Score]]:
    """outcome -> estimator of ESTIMATORS -> score, both legs of every recording, each from its 249th row on."""
    truths = [_truth(recording) for recording in recordings]
    estimates = _estimates(bundle, recordings)
    return {
        outcome: {
            estimator: _score(recordings, [e[..., i] for e in made], [t[..., i] for t in truths])
            for estimator, made in estimates.items()
        }
        for i, outcome in enumerate(signals.OUTCOME_NAMES)
    }


def table(scores: Mapping[str, Mapping[str, Score]]) -> str:
    """The scores as a Markdown table, a line for each outcome."""
    lines = [
        "| outcome | unit | paper | network RMSE (R2) | after 6 Hz filter | constant | ridge (R2) |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for outcome in signals.OUTCOMES:
        of = scores[outcome.name]
        digits = 2 if outcome.kind == "angle" else 3
        cells = {name: f"{score.rmse:.{digits}f}" for name, score in of.items()}
        lines.append(
            f"| {outcome.name} | {outcome.unit} | {PAPER_RMSE[outcome.name]:.{digits}f}"
            f" | {cells['network']} ({of['network'].r2:.3f}) | {cells['filtered']} ({of['filtered'].r2:.3f})"
            f" | {cells['constant']} | {cells['ridge']} ({of['ridge'].r2:.3f}) |"
        )
    return "\n".join(lines)


def _truth(recording: Recording) -> Doubles:
    """(2, n, 8): right, left."""
    return np.stack([recording.leg(side)[1] for side in signals.SIDES]).astype(np.float64)


def _estimates(bundle: Bundle, recordings: Sequence[Recording]) -> dict[str, list[Doubles]]:
    """estimator -> (2, n, 8) for each recording."""
    baselines = bundle.baselines()
    engine = engines.create("numpy", bundle, len(signals.SIDES))
    made: dict[str, list[Doubles]] = {name: [] for name in ESTIMATORS}
    for recording in recordings:
        legs = np.stack([recording.leg(side)[0] for side in signals.SIDES])
        network = _stream(engine, legs)
        made["network"].append(network)
        made["filtered"].append(np.stack([metrics.filtered(leg) for leg in network]))
        made["constant"].append(np.broadcast_to(baselines.mean, network.shape))
        made["ridge"].append(np.stack([baselines.ridge(leg) for leg in legs]))
    return made


def _stream(engine: Engine, legs: npt.NDArray[np.float32]) -> Doubles:
    """Rows (2, n, 54) through the engine, tick by tick -> (2, n, 8)."""
    ticks = np.ascontiguousarray(legs.transpose(1, 0, 2))
    out = np.empty((len(ticks), engine.batch, len(signals.OUTCOMES)), np.float32)
    engine.reset()
    for rows, answer in zip(ticks, out, strict=True):
        engine.step(rows, answer)
    answers: Doubles = out.transpose(1, 0, 2).astype(np.float64)
    return answers


def _score(recordings: Sequence[Recording], estimates: list[Doubles], truths: list[Doubles]) -> Score:
    """Estimates and truths (2, n) of one outcome for each recording."""
    by_subject: dict[str, list[float]] = {}
    correlations: list[float] = []
    for recording, estimate, truth in zip(recordings, estimates, truths, strict=True):
        error = (estimate - truth)[:, HISTORY:]
        by_subject.setdefault(recording.subject, []).extend(error[np.isfinite(error)] ** 2)
        correlations.extend(
            metrics.r2(e[HISTORY:], t[HISTORY:]) for e, t in zip(estimate, truth, strict=True)
        )
    subjects = [np.sqrt(np.mean(squares)) for squares in by_subject.values() if squares]
    known = [c for c in correlations if np.isfinite(c)]
    return Score(
        float(np.mean(subjects)) if subjects else float("nan"),
        float(np.mean(known)) if known else float("nan"),
    )
