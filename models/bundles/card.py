"""A bundle's model card: what it was made of, how it errs, what it must not be used for.

It is written into the manifest by `export`, `calibrate` and `adapt`; every entry may be absent from an older bundle.
card_text.py makes it readable.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from jetson_runtime.inference import bundle as bundles
from jetson_runtime.suit import signals
from models.data.dataset import Recording
from models.data.folds import Split, is_virtual
from models.evaluation import evaluate, folder, scores
from models.evaluation.device import Device
from models.evaluation.series import COLUMNS
from models.training import opening, runs
from models.training.recipe import beside_paper

# Entries that speak of the weights: worth nothing once these have changed.
MEASURED = ("test", "test_subjects", "errors", "by_task", "by_side", "without", "confidence")
VIRTUAL_NOTE = (
    "Trained on virtual wearers: shows that software and method work, not how accurate it is on people."
)
VIRTUAL_LIMIT = (
    "Any statement about people: it was trained on virtual wearers alone, who move as a physics model does."
)
_LIMITS = (
    "Deciding about a patient's treatment, or driving a device that acts on a person without limits of its own.",
    "Sitting, kneeling, hanging, leaning on something, climbing with the hands: what does not go through the feet, the"
    " suit does not feel (moments).",
    "A suit of which a sensor is missing, turned or exchanged: see the errors without each sensor; frames say so.",
)
_DEVICE_LIMIT = (
    "Rows made otherwise than by the runtime with the policy `low_latency`: another aligner is another input."
)
_OFFLINE_LIMIT = (
    "Live use: its rows were splined onto the grid afterwards, those of the runtime are another input."
)
# Of the withheld trials, for the errors without each sensor: nine times through the network.
_MISSING_SECONDS = 240.0


def of_run(run_folder: Path, split: Split, recordings: Sequence[Recording]) -> dict[str, Any]:
    """What a fold of a run says of itself, with the recordings that it was made from; code and torch: of then."""
    config, _ = runs.read_config(run_folder)
    compared = beside_paper(config)
    run = runs.read_run(run_folder)
    training = [r for r in recordings if r.subject in split.train]
    states = {outcome: runs.read_state(run_folder, outcome) for outcome in signals.OUTCOME_NAMES}
    virtual = all(is_virtual(r.subject) for r in training)
    return {
        "recipe": asdict(config),
        "deviations": compared.differs,
        "ours": compared.ours,
        "training": {
            "subjects": len(split.train),
            "validation_subjects": len(split.validation),
            "train": list(split.train),
            "validation": list(split.validation),
            "before": sorted(runs.trained_on(run_folder) - {*split.train, *split.validation}),
            "trials": len(training),
            "hours": round(sum(len(r.rows) for r in training) / signals.RATE_HZ / 3600, 2),
            "tasks": sorted({r.task for r in training}),
            "conditions": sorted({r.condition for r in training} - {""}),
            "wearers": "virtual" if virtual else "see data",
            "sha256": run["data"]["sha256"],
            "code": run.get("code", "not told"),
            "torch": run.get("torch", "not told"),
            "epochs": {outcome: state["epoch"] for outcome, state in states.items()},
            "best_epochs": {outcome: state["best_epoch"] for outcome, state in states.items()},
            "seconds": round(max(state["elapsed_s"] for state in states.values())),
        },
        "note": VIRTUAL_NOTE if virtual else "",
        "limits": [
            *([VIRTUAL_LIMIT] if virtual else []),
            _task_limit(training),
            *_LIMITS,
            _OFFLINE_LIMIT if config.way == "offline" else _DEVICE_LIMIT,
        ],
    }


def measured(bundle: Path, data: Path, recordings: Sequence[Recording], processes: int = 1) -> dict[str, Any]:
    """How the bundle errs on `recordings`, loaded from folder `data`: of people that it has never seen.

    errors: of each outcome, its own people averaged; by_task, by_side: over all points; without: as sent, over all
    points, with each sensor lost and with none, on as many of the trials as hold _MISSING_SECONDS.
    """
    played = folder.play_recordings(bundle, data, recordings, processes=processes, formulas=False)
    found = evaluate.evaluation(played)
    return {
        "test": {
            "subjects": len({r.subject for r in recordings}),
            "trials": len(recordings),
            "hours": round(sum(len(r.rows) for r in recordings) / signals.RATE_HZ / 3600, 3),
            "sha256": opening.data_hash(recordings),
        },
        "test_subjects": sorted({r.subject for r in recordings}),
        "errors": evaluate.card_errors(played),
        "by_task": {
            task: {name: of[name] for name in ("rmse", "rmse_raw", "r2")}
            for task, of in found["by_task"].items()
        },
        "by_side": found["by_side"],
        "without": _without(bundle, recordings),
    }


def unmeasured(card: Mapping[str, Any]) -> dict[str, Any]:
    """The card without what was measured of weights that have changed since."""
    return {key: value for key, value in card.items() if key not in MEASURED}


def _task_limit(training: Sequence[Recording]) -> str:
    tasks = ", ".join(sorted({r.task for r in training}))
    return f"Tasks other than it was trained on ({tasks}); frames warn of them as `unusual` where it is calibrated."


def _without(bundle: Path, recordings: Sequence[Recording]) -> dict[str, dict[str, float]]:
    """`none` and each stream -> outcome -> RMSE as sent."""
    device = Device(bundles.load(bundle))
    chosen = _some(recordings)
    return {
        name: _rmse(device, [_lost(recording, name) for recording in chosen])
        for name in ("none", *signals.STREAM_NAMES)
    }


def _some(recordings: Sequence[Recording]) -> list[Recording]:
    """Evenly chosen."""
    seconds = sum(len(r.rows) for r in recordings) / signals.RATE_HZ
    return list(recordings[:: max(1, round(seconds / _MISSING_SECONDS))])


def _lost(recording: Recording, name: str) -> Recording:
    if name == "none":
        return recording
    channels = list(signals.STREAMS[signals.STREAM_INDEX[name]].channels)
    rows = recording.rows.copy()
    rows[:, channels] = np.asarray(signals.CHANNEL_FILL, np.float32)[channels]
    return replace(recording, rows=rows)


def _rmse(device: Device, recordings: Sequence[Recording]) -> dict[str, float]:
    made = []
    for recording in recordings:
        series = device.series(recording)
        made += scores.of_series(replace(series, estimates={"tcn": series.estimates["tcn"]}))
    found = scores.Scores(made)
    return {outcome: scores.rmse(found.of("tcn", outcome, filtered=False)) for outcome in COLUMNS}
