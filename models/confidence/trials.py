"""A calibrated bundle on trials of people who neither trained nor calibrated it: do its words hold?

How often the truth lies within the interval; how often it warns of nothing; how often, how soon and of the right device
it warns where one is wrong; and what it says of a kind of task that its calibration has never met.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from jetson_runtime.inference.bundle import Bundle
from jetson_runtime.inference.confidence import Confidence, Fitted
from jetson_runtime.suit import signals
from jetson_runtime.suit.errors import BundleError
from models.confidence import faults, fit, intervals, played
from models.confidence.faults import Fault
from models.confidence.played import Answers, Errors, Prediction
from models.data.dataset import Recording
from models.processes import spread

# A fault that befalls a device befalls it here; a warning within this long after counts as in time.
ONSET_S, IN_TIME_S = 3.0, 1.0
# Of a trial with a fault, from its beginning.
SECONDS = 6.0
# Who moves: rms angular rate of all devices, rad/s.
MOVING_RAD_S = 0.5
ROWS = int(SECONDS * signals.RATE_HZ)
_ONSET = int(ONSET_S * signals.RATE_HZ)


@dataclass(frozen=True)
class Warned:
    """One trial with a fault. after_s: from it to the warning, NaN: none. named: the wrong device, or one of them.

    others: devices named that are right, and "movement", at the moment of the warning. Of a fault of putting on, time
    counts from the wearer's first movement, or from the beginning of a trial without any; before it, a warning is 0.
    """

    kind: str
    devices: tuple[str, ...]
    task: str
    after_s: float
    named: bool
    others: int


def fitted_of(bundle: Bundle) -> Fitted:
    """What the bundle's confidence.npz holds; BundleError where there is none."""
    fitted = bundle.confidence()
    if fitted is None:
        raise BundleError(
            f"{bundle.path}: has no confidence.npz; make it with `second-skin-lab calibrate {bundle.path} FOLDER`"
        )
    return fitted


def coverage(
    fitted: Fitted, recordings: Sequence[Recording], told: Sequence[Answers], processes: int = 1
) -> dict[str, Any]:
    """`coverage` by outcome (each person's share, averaged), `sd` over people, `by_task`; `half_width`, its median.

    told: what the bundle tells of each (played.answers). The lower back as it is told: the mean of both legs' passes.
    """
    errors = played.errors(recordings, told, Prediction(fitted.prediction, fitted.offset), processes)
    within = [_within(e, fitted) for e in errors]
    return {
        "nominal": float(fitted.coverage),
        "people": len({e.subject for e in errors}),
        **_by_person(errors, within),
        "by_task": {
            task: _by_person(*_of_task(errors, within, task))["coverage"]
            for task in sorted({e.task for e in errors})
        },
        "half_width": _half_widths(errors, fitted),
    }


def false_alarms(fitted: Fitted, recordings: Sequence[Recording], processes: int = 1) -> dict[str, Any]:
    """`share` of the time warned, `by_task`, and `people`: the share of people who were ever warned."""
    shares: dict[str, list[float]] = {}
    by_person: dict[str, bool] = {}
    told = spread(partial(warnings, fitted), [recording.rows for recording in recordings], processes)
    for recording, words in zip(recordings, told, strict=True):
        warned = [bool(word) for word in words]
        shares.setdefault(recording.task, []).append(float(np.mean(warned)))
        by_person[recording.subject] = by_person.get(recording.subject, False) or any(warned)
    return {
        "share": float(np.mean([share for of in shares.values() for share in of])),
        "by_task": {task: float(np.mean(of)) for task, of in sorted(shares.items())},
        "people": float(np.mean(list(by_person.values()))),
    }


def warnings(fitted: Fitted, rows: npt.NDArray[np.float32]) -> list[tuple[str, ...]]:
    """What is unusual at each row (n, 54), as the runtime says it."""
    confidence = Confidence(fitted, signals.SIDES, signals.CHANNEL_FILL)
    told = []
    for row in rows.astype(np.float64):
        confidence.update(row)
        told.append(confidence.unusual)
    return told


def with_faults(fitted: Fitted, recordings: Sequence[Recording], processes: int = 1) -> list[Warned]:
    """Every fault on the first SECONDS of recordings: sudden ones from ONSET_S on, those of putting on all along."""
    told = spread(partial(_with_faults, fitted), recordings, processes)
    return [warned for of_recording in told for warned in of_recording]


def withheld_tasks(
    bundle: Bundle, calibration: Sequence[Recording], recordings: Sequence[Recording], processes: int = 1
) -> dict[str, dict[str, float]]:
    """Task -> what intervals and warnings do that never met it: `warned` share of time, `coverage` at all times.

    The network itself may have been trained on the task: it is the confidence alone that knows nothing of it.
    """
    of_calibration, of_recordings = (played.answers(bundle, r, processes) for r in (calibration, recordings))
    found = {}
    for task in sorted({r.task for r in calibration} & {r.task for r in recordings}):
        others = [i for i, r in enumerate(calibration) if r.task != task]
        without = fit.fit(
            bundle,
            [calibration[i] for i in others],
            processes=processes,
            told=[of_calibration[i] for i in others],
        ).fitted
        at = [i for i, r in enumerate(recordings) if r.task == task]
        new, told = [recordings[i] for i in at], [of_recordings[i] for i in at]
        within = coverage(without, new, told, processes)["coverage"]
        found[task] = {
            "warned": false_alarms(without, new, processes)["share"],
            "coverage": float(np.mean(list(within.values()))),
        }
    return found


def _with_faults(fitted: Fitted, recording: Recording) -> list[Warned]:
    rows, found = recording.rows[:ROWS], []
    for at, of in ((_ONSET, faults.sudden()), (0, faults.mounted())):
        found += [_warned(fitted, recording, fault, rows, at) for fault in of]
    return found


def _within(errors: Errors, fitted: Fitted) -> npt.NDArray[np.float64]:
    """(n, 8): 1 where the truth lies within, averaged over legs; NaN where it is not known."""
    ratio = intervals.ratio(errors, fitted.width).reshape(-1, len(signals.SIDES), len(signals.OUTCOMES))
    of_each = np.where(np.isfinite(ratio), ratio <= fitted.factor, np.nan)
    of_mean = intervals.ratio_of_mean(errors, fitted.width)
    inside = np.where(np.isfinite(of_mean), of_mean <= fitted.factor_of_mean, np.nan)
    sided = np.array([outcome.sided for outcome in signals.OUTCOMES])
    return np.where(sided, of_each.mean(axis=1), inside)


def _half_widths(errors: Sequence[Errors], fitted: Fitted) -> dict[str, float]:
    all_of = np.concatenate(
        [np.exp(e.inputs @ fitted.width).reshape(-1, len(signals.OUTCOMES)) for e in errors]
    )
    sided = np.array([outcome.sided for outcome in signals.OUTCOMES])
    medians = np.median(all_of, axis=0) * np.where(sided, fitted.factor, fitted.factor_of_mean)
    return dict(zip(signals.OUTCOME_NAMES, medians.tolist(), strict=True))


def _of_task(
    errors: Sequence[Errors], within: Sequence[npt.NDArray[np.float64]], task: str
) -> tuple[list[Errors], list[npt.NDArray[np.float64]]]:
    chosen = [i for i, e in enumerate(errors) if e.task == task]
    return [errors[i] for i in chosen], [within[i] for i in chosen]


def _by_person(errors: Sequence[Errors], within: Sequence[npt.NDArray[np.float64]]) -> dict[str, Any]:
    people: dict[str, list[npt.NDArray[np.float64]]] = {}
    for e, inside in zip(errors, within, strict=True):
        people.setdefault(e.subject, []).append(inside)
    shares = np.stack([_mean(np.concatenate(of)) for of in people.values()])
    return {
        "coverage": dict(zip(signals.OUTCOME_NAMES, _mean(shares).tolist(), strict=True)),
        "sd": dict(zip(signals.OUTCOME_NAMES, np.nanstd(shares, axis=0).tolist(), strict=True)),
    }


def _mean(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Of each column what is known of it; NaN where nothing is."""
    known = np.isfinite(values)
    count = known.sum(axis=0)
    return np.where(count > 0, np.where(known, values, 0.0).sum(axis=0) / np.maximum(count, 1), np.nan)


def _warned(
    fitted: Fitted, recording: Recording, fault: Fault, rows: npt.NDArray[np.float32], at: int
) -> Warned:
    told = warnings(fitted, fault.done(rows, at, recording.name))
    before = set(told[at - 1]) if at else set()
    begun = at or _first_movement(rows)
    for i, names in enumerate(told[at:], at + 1):
        new = set(names) - before
        if new:
            after_s = max(0, i - begun) / signals.RATE_HZ
            wrong = set(fault.devices)
            return Warned(
                fault.kind, fault.devices, recording.task, after_s, bool(new & wrong), len(new - wrong)
            )
    return Warned(fault.kind, fault.devices, recording.task, float("nan"), named=False, others=0)


def _first_movement(rows: npt.NDArray[np.float32]) -> int:
    """The first row at which the suit turns, 0 where it never does."""
    rates = [i for i, channel in enumerate(signals.CHANNELS) if channel.quantity == "gyro"]
    square = np.mean(np.sum(rows[:, rates].reshape(len(rows), -1, 3) ** 2, axis=2), axis=1)
    moving = np.flatnonzero(square > MOVING_RAD_S**2)
    return int(moving[0]) if len(moving) else 0
