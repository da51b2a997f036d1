"""What a demo came to: the traffic of the stream, and its outcomes against the trial's truth. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from jetson_runtime.inference.bundle import Baselines
from jetson_runtime.stream.text import summary
from jetson_runtime.suit.signals import (
    CHANNEL_INDEX,
    LABEL_NAMES,
    MIRROR_INDEX,
    MIRROR_SIGN,
    PERIOD_NS,
    SIDES,
    PublishedOutcome,
)
from jetson_runtime.suit.trial import Trial

Doubles = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


class Seen(NamedTuple):
    """What is kept of one frame; `values` in the order of the published outcomes."""

    seq: int
    t_ns: int
    publish_ns: int
    age_ms: float
    valid: bool
    missing: tuple[str, ...]
    values: tuple[float, ...]


def traffic(frames: Sequence[Seen], service_start_ns: int) -> dict[str, Any]:
    """Counts, rate, ages and start-up times of the frames, in the order they came; NaN where nothing is to tell."""
    first, last = frames[0], frames[-1]
    span_s = (last.publish_ns - first.publish_ns) * 1e-9
    first_valid = next((i for i, frame in enumerate(frames) if frame.valid), None)
    settled = [] if first_valid is None else frames[first_valid:]
    return {
        "seconds": span_s,
        "frames": len(frames),
        "rate_hz": (len(frames) - 1) / span_s if span_s > 0 else math.nan,
        "missed_ticks": last.seq - first.seq + 1 - len(frames),
        "valid_fraction": sum(frame.valid for frame in settled) / len(settled) if settled else math.nan,
        "age_ms": summary([frame.age_ms for frame in frames]),
        "start_to_first_frame_s": (first.publish_ns - service_start_ns) * 1e-9,
        "start_to_first_valid_s": (settled[0].publish_ns - service_start_ns) * 1e-9 if settled else math.nan,
    }


def scorable(trial: Trial, history: int) -> Flags:
    """Which rows of `trial` may be scored: those that had both feet's force now and for `history` ticks before."""
    force = trial.channels[:, [CHANNEL_INDEX[f"insole_{side}_vgrf"] for side in SIDES]]
    unknown = np.asarray(np.isnan(force).any(axis=1))
    return np.asarray(np.convolve(unknown, np.ones(history + 1))[: len(unknown)] < 0.5)


def disturbances(frames: Sequence[Seen]) -> dict[str, int]:
    """How many frames each stream was missing in, after the first valid frame; the worst first."""
    first_valid = next((i for i, frame in enumerate(frames) if frame.valid), len(frames))
    return dict(Counter(name for frame in frames[first_valid:] for name in frame.missing).most_common())


def errors(
    frames: Sequence[Seen],
    published: Sequence[PublishedOutcome],
    trial: Trial,
    trial_start_ns: int,
    *,
    history: int,
    baselines: Baselines,
    rows: Doubles,
) -> dict[str, Any]:
    """`rmse` and `r2` by outcome, and `skill` over a constant and a ridge regression; NaN where nothing is scored.

    rows: the trial (n, 54) as the aligner delivers it, without NaN. Scored are the valid frames within the trial's
    own time whose truth is known and whose last `history` ticks had both feet's force.
    """
    valid = [frame for frame in frames if frame.valid]
    at = np.array([frame.t_ns - trial_start_ns for frame in valid], np.float64) / PERIOD_NS
    got = np.array([frame.values for frame in valid], np.float64).reshape(len(valid), len(published))
    scored = _scored(trial, at, history)
    at, got = at[scored], got[scored]
    ridge = _published(published, {side: baselines.ridge(_leg(rows, side)) for side in SIDES})
    constant = _published(published, dict.fromkeys(SIDES, baselines.mean[None, :]))
    result: dict[str, Any] = {"rmse": {}, "r2": {}, "skill": {"constant": {}, "ridge": {}}}
    for i, item in enumerate(published):
        truth = _at(trial.labels[:, _label(item.name)], at)
        error = _rmse(got[:, i], truth)
        result["rmse"][item.name] = error
        result["r2"][item.name] = _r2(got[:, i], truth)
        result["skill"]["constant"][item.name] = _skill(
            error, _rmse(np.broadcast_to(constant[0, i], at.shape), truth)
        )
        result["skill"]["ridge"][item.name] = _skill(error, _rmse(_at(ridge[:, i], at), truth))
    return result


def _scored(trial: Trial, at: Doubles, history: int) -> Flags:
    """Whether a frame at position `at` (in rows of the trial) may be held against the truth."""
    rows = scorable(trial, history)
    last = len(rows) - 1
    within = (at >= 0) & (at <= last)
    before, after = (np.clip(edge(at), 0, last).astype(np.intp) for edge in (np.floor, np.ceil))
    return np.asarray(within & rows[before] & rows[after])


def _leg(rows: Doubles, side: str) -> Doubles:
    """The rows as the model sees them for `side`."""
    return rows if side == "r" else rows[:, list(MIRROR_INDEX)] * np.asarray(MIRROR_SIGN)


def _published(published: Sequence[PublishedOutcome], by_side: dict[str, Doubles]) -> Doubles:
    """(n, 8) of each side -> (n, len(published)): an outcome of both sides is their mean."""
    columns = [np.mean([by_side[side][:, i] for side, i in item.sources], axis=0) for item in published]
    return np.stack(columns, axis=1)


def _label(name: str) -> int:
    return LABEL_NAMES.index(name)


def _at(column: npt.NDArray[Any], at: Doubles) -> Doubles:
    """`column` at fractional rows `at`, linear between two rows; NaN beside a NaN."""
    return np.asarray(np.interp(at, np.arange(len(column)), column))


def _rmse(estimate: Doubles, truth: Doubles) -> float:
    error = (estimate - truth)[np.isfinite(truth)]
    return float(np.sqrt(np.mean(error**2))) if len(error) else math.nan


def _r2(estimate: Doubles, truth: Doubles) -> float:
    """Squared Pearson correlation; NaN where either does not vary."""
    known = np.isfinite(truth)
    a, b = estimate[known], truth[known]
    if len(a) < 2 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return math.nan
    return float(np.corrcoef(a, b)[0, 1] ** 2)


def _skill(error: float, baseline: float) -> float:
    """1 is perfect, 0 no better than the baseline, below 0 worse."""
    return 1 - error / baseline if baseline > 0 else math.nan
