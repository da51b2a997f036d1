"""A run -> a bundle: best weights, baselines fitted on the same rows, and a card that says what it is worth."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from jetson_runtime.inference.bundle import Manifest
from jetson_runtime.suit import signals
from models import baselines, dataset, export
from models.dataset import Recording
from models.evaluation import evaluate, folder
from models.folds import Split, refuse_reserved
from models.training import runs
from models.training.recipe import TrainConfig, deviations


def ship(
    run_folder: Path, data: Path, test: Path | None, out: Path, *, name: str, say: Callable[[str], None]
) -> Manifest:
    """Exports the best weights of `run_folder` to `out`, whole or not at all.

    The baselines are fitted on the same subjects. With `test`, a folder of subjects that neither trained nor
    validated, the errors go on the card. Raises ValueError where a test subject is one of the training,
    and where one that is kept for evaluation was trained on.
    """
    run_folder = runs.only_fold(run_folder)
    config, split = runs.read_config(run_folder)
    refuse_reserved(split)
    recordings = dataset.load(data)
    training, validation = (
        [r for r in recordings if r.subject in names] for names in (split.train, split.validation)
    )
    fitted = baselines.fit(training, validation)
    networks = runs.best_networks(run_folder)
    card: dict[str, Any] = _card(run_folder, config, split, training)
    fresh = out.with_name(f"{out.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    export.export(fresh, networks, fitted, name=name, created=_ended(run_folder), card=card)
    if test is not None:
        unseen = _unseen(dataset.load(test), split)
        played = folder.play_recordings(fresh, test, unseen, formulas=False)
        say(evaluate.markdown(evaluate.evaluation(played)))
        card["test_subjects"] = sorted({recording.subject for recording in unseen})
        card["errors"] = evaluate.card_errors(played)
    manifest = export.export(fresh, networks, fitted, name=name, created=_ended(run_folder), card=card)
    shutil.rmtree(out, ignore_errors=True)
    fresh.replace(out)
    return manifest


def _card(
    run_folder: Path, config: TrainConfig, split: Split, training: Sequence[Recording]
) -> dict[str, Any]:
    states = {outcome: runs.read_state(run_folder, outcome) for outcome in signals.OUTCOME_NAMES}
    return {
        "recipe": asdict(config),
        "deviations": deviations(config),
        "training": {
            "subjects": len(split.train),
            "validation_subjects": len(split.validation),
            "hours": round(sum(len(r.rows) for r in training) / signals.RATE_HZ / 3600, 2),
            "tasks": sorted({r.task for r in training}),
            "wearers": "virtual" if all(r.subject.startswith("vw-") for r in training) else "see data",
            "epochs": {outcome: state["epoch"] for outcome, state in states.items()},
            "best_epochs": {outcome: state["best_epoch"] for outcome, state in states.items()},
            "seconds": round(max(state["elapsed_s"] for state in states.values())),
        },
        "note": "Trained on virtual wearers: shows that software and method work, not how accurate it is on people.",
    }


def _unseen(recordings: list[Recording], split: Split) -> list[Recording]:
    seen = {r.subject for r in recordings} & {*split.train, *split.validation}
    if seen:
        raise ValueError(f"test subjects {', '.join(sorted(seen))} were trained on; choose others")
    return recordings


def _ended(run_folder: Path) -> str:
    """When the run last wrote a checkpoint: the same run gives the same bundle."""
    last = max((run_folder / f"{outcome}.pt").stat().st_mtime for outcome in signals.OUTCOME_NAMES)
    return datetime.fromtimestamp(last, timezone.utc).isoformat(timespec="seconds")
