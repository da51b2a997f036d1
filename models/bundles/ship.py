"""A run -> a bundle: best weights, baselines fitted on the same rows, confidence, and a card of what it is worth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from jetson_runtime.inference import bundle
from jetson_runtime.inference.bundle import Manifest
from jetson_runtime.suit import signals
from models.bundles import calibrate, card, card_text
from models.confidence import fit, intervals
from models.data import dataset
from models.data.dataset import Recording
from models.data.folds import refuse_reserved
from models.evaluation import baselines
from models.network import export
from models.training import opening, runs


def ship(
    run_folder: Path,
    data: Path,
    test: Path | None,
    out: Path,
    *,
    name: str,
    calibration: Path | None = None,
    processes: int = 1,
    say: Callable[[str], None],
) -> Manifest:
    """Exports the best weights of `run_folder` to `out`, whole or not at all.

    All trials come onto the grid in the run's way. The baselines are fitted on the same subjects. Intervals and
    warnings are calibrated on the trials in `calibration`, by default on those of the validation subjects; with too few
    people the bundle has none. With `test`, a folder of subjects that did nothing of all this, errors and coverage go
    on the card. Raises ValueError where a subject of `test` or `calibration` is one of the training, and where one that
    is kept for evaluation was trained on.
    """
    export.refuse_other_folder(out)
    run_folder = runs.only_fold(run_folder)
    config, split = runs.read_config(run_folder)
    refuse_reserved(split)
    recordings = dataset.load(data, processes, config.way)
    _refuse_other_data(run_folder, data, recordings)
    training, validation = (
        [r for r in recordings if r.subject in names] for names in (split.train, split.validation)
    )
    people, judges = (
        dataset.load(folder, processes, config.way) if folder else [] for folder in (calibration, test)
    )
    people = _unseen(people, runs.trained_on(run_folder) - {*split.validation}) or validation
    judges = _unseen(judges, runs.trained_on(run_folder))
    fitted = baselines.fit(training, validation)
    about: dict[str, Any] = card.of_run(run_folder, split, recordings)
    with export.whole(out) as fresh:
        networks = runs.best_networks(run_folder)
        states = [run_folder / f"{outcome}.pt" for outcome in signals.OUTCOME_NAMES]
        manifest = export.export(
            fresh, networks, fitted, name=name, created=export.date_of(states), card=about
        )
        about |= _confidence(fresh, people, training, judges, processes, say)
        if test is not None:
            about |= card.measured(fresh, test, judges, processes)
        manifest = export.sign(fresh, manifest.model_copy(update={"card": about}))
    say(card_text.markdown(manifest))
    return manifest


def _refuse_other_data(run_folder: Path, data: Path, recordings: Sequence[Recording]) -> None:
    trained, given = runs.read_run(run_folder)["data"], opening.data_hash(recordings)
    if trained["sha256"] != given:
        raise ValueError(
            f"{data}: is not what {run_folder} was trained on ({trained['trials']} trials, hash"
            f" {trained['sha256'][:12]}; here {len(recordings)}, {given[:12]}): give the run's own folder unchanged,"
            " with the version that trained it, or train anew; other trials go to --test and --calibrate"
        )


def _confidence(
    fresh: Path,
    people: Sequence[Recording],
    training: Sequence[Recording],
    judges: Sequence[Recording],
    processes: int,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Writes confidence.npz; its entry for the card, empty where there are too few people."""
    if len({r.subject for r in people}) < intervals.LEAST_PEOPLE:
        say(
            f"no intervals and no warnings: they need {intervals.LEAST_PEOPLE} people who were not trained on, here are"
            f" {len({r.subject for r in people})}; give more with --calibrate, or later to `second-skin-lab calibrate`"
        )
        return {}
    known = bundle.load(fresh)
    found = fit.fit(known, people, training, processes=processes, say=say)
    calibrate.write(fresh / bundle.CONFIDENCE, found.fitted)
    tested = calibrate.tested(known, found.fitted, people, judges, processes) if judges else {}
    return {"confidence": {**found.facts, **tested}}


def _unseen(recordings: list[Recording], seen: set[str]) -> list[Recording]:
    if both := sorted({r.subject for r in recordings} & seen):
        raise ValueError(f"subjects {', '.join(both)} were trained on; choose others")
    return recordings
