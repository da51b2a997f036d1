"""A calibrated bundle tried on trials, as one object and for reading."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jetson_runtime.inference.bundle import Bundle
from jetson_runtime.suit import signals
from models.confidence import played, trials
from models.confidence.trials import IN_TIME_S, Warned
from models.data.dataset import Recording
from models.evaluation.markdown import digits_of, number, table


def result(
    bundle: Bundle,
    recordings: Sequence[Recording],
    *,
    faults_each: int = 0,
    processes: int = 1,
    calibration: Sequence[Recording] = (),
) -> dict[str, Any]:
    """`coverage`, `false_alarms`; `faults` on so many trials of each task; `withheld_tasks` with the calibration's.

    ValueError: faults are asked for, and no trial is as long as trials.SECONDS.
    """
    fitted = trials.fitted_of(bundle)
    long_enough = [r for r in recordings if len(r.rows) >= trials.ROWS]
    if faults_each and not long_enough:
        raise ValueError(
            f"none of {len(recordings)} trials is as long as a fault is tried on: {trials.SECONDS:g} s"
        )
    chosen = [
        r
        for task in sorted({r.task for r in recordings})
        for r in [one for one in long_enough if one.task == task][:faults_each]
    ]
    return {
        "coverage": trials.coverage(
            fitted, recordings, played.answers(bundle, recordings, processes), processes
        ),
        "false_alarms": trials.false_alarms(fitted, recordings, processes),
        "faults": summary(trials.with_faults(fitted, chosen, processes)),
        "withheld_tasks": (
            trials.withheld_tasks(bundle, calibration, recordings, processes) if calibration else {}
        ),
    }


def summary(found: Sequence[Warned]) -> dict[str, dict[str, dict[str, Any]]]:
    """kind -> task -> `in_time`, `ever` and `named` (shares), `median_s`, `others` a trial, `in_time_of` devices."""
    told: dict[str, dict[str, dict[str, Any]]] = {}
    for kind in dict.fromkeys(w.kind for w in found):
        of_kind = [w for w in found if w.kind == kind]
        told[kind] = {
            task: _of([w for w in of_kind if w.task == task]) for task in sorted({w.task for w in of_kind})
        }
    return told


def markdown(result: Mapping[str, Any]) -> str:
    """`coverage`, `false_alarms`, and `faults` and `withheld_tasks` where they are there."""
    parts = [_coverage(result["coverage"]), _alarms(result["false_alarms"])]
    if result.get("faults"):
        parts.append(_faults(result["faults"]))
    if result.get("withheld_tasks"):
        parts.append(_withheld(result["withheld_tasks"]))
    return "\n\n".join(parts)


def _of(found: Sequence[Warned]) -> dict[str, Any]:
    after = np.array([w.after_s for w in found])
    warned = [w for w in found if np.isfinite(w.after_s)]
    devices = dict.fromkeys(w.devices[0] for w in found)
    return {
        "trials": len(found),
        "in_time": float(np.mean(after <= IN_TIME_S)),
        "ever": len(warned) / len(found),
        "median_s": float(np.median([w.after_s for w in warned])) if warned else float("nan"),
        "named": float(np.mean([w.named for w in warned])) if warned else float("nan"),
        "others": float(np.mean([w.others for w in warned])) if warned else float("nan"),
        "in_time_of": {
            name: float(np.mean([w.after_s <= IN_TIME_S for w in found if w.devices[0] == name]))
            for name in devices
        },
    }


def _coverage(found: Mapping[str, Any]) -> str:
    tasks = list(found["by_task"])
    rows = []
    for outcome in signals.OUTCOMES:
        name, digits = outcome.name, digits_of(outcome.name)
        rows.append(
            [name, outcome.unit, _percent(found["coverage"][name]), _percent(found["sd"][name])]
            + [_percent(found["by_task"][task][name]) for task in tasks]
            + [number(found["half_width"][name], digits)]
        )
    head = [
        "interval",
        "unit",
        f"coverage, {found['people']} people",
        "SD over people",
        *tasks,
        "half-width, median",
    ]
    return f"Nominal {_percent(found['nominal'])}.\n\n" + table(head, rows)


def _alarms(found: Mapping[str, Any]) -> str:
    by_task = ", ".join(f"{task} {_percent(share)}" for task, share in found["by_task"].items())
    return (
        f"Warned of nothing {_percent(found['share'])} of the time ({by_task}); {_percent(found['people'])} of the"
        " people were warned at least once."
    )


def _faults(found: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> str:
    tasks = sorted({task for of in found.values() for task in of})
    rows = [[kind, *(cell for task in tasks for cell in _cells(of.get(task)))] for kind, of in found.items()]
    head = [
        f"warned within {IN_TIME_S:g} s",
        *(name for task in tasks for name in (task, "ever", "median s", "named")),
    ]
    return table(head, rows)


def _cells(of: Mapping[str, Any] | None) -> list[str]:
    if of is None:
        return ["-"] * 4
    return [_percent(of["in_time"]), _percent(of["ever"]), number(of["median_s"], 2), _percent(of["named"])]


def _withheld(found: Mapping[str, Mapping[str, float]]) -> str:
    rows = [[task, _percent(of["warned"]), _percent(of["coverage"])] for task, of in found.items()]
    return table(["task that the calibration never met", "warned, of the time", "coverage"], rows)


def _percent(share: float) -> str:
    return f"{number(100 * share, 1)} %" if np.isfinite(share) else "-"
