"""A folder of trials through a bundle: series of all that have truth, the others named apart."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pyarrow.parquet as pq

from jetson_runtime.inference import bundle as bundles
from jetson_runtime.suit.errors import TrialError
from jetson_runtime.suit.trial import Trial, read_trial
from models.analytical import estimates as analytical
from models.analytical import opensim_dynamics, wearer_dynamics
from models.analytical.inverse_dynamics import InverseDynamics
from models.checks.defects import errors
from models.checks.folder import trial_paths
from models.checks.trial_file import check_file
from models.data import dataset
from models.data.dataset import Recording, Way
from models.data.tasks import NEUTRAL
from models.evaluation import insoles
from models.evaluation.device import Device, unknown_ground
from models.evaluation.scores import Score
from models.evaluation.series import Doubles, Series
from models.importers import worked
from models.importers.errors import ImportSetError
from models.network import lineage
from models.processes import spread

# (subject, session) -> the trial in neutral stance
Stances = Mapping[tuple[str, str], Trial]
# A trial's file, and its recording where that is loaded already.
Item: TypeAlias = "tuple[Path, Recording | None]"


@dataclass(frozen=True)
class Played:
    """series: of the trials with truth, by name; unlabelled: names of those without any.

    remarks: lines about what does not seem right with a trial, or could not be told of it. insoles: scores of the
    insoles where force plates stood.
    """

    series: list[Series] = field(default_factory=list)
    unlabelled: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    insoles: list[Score] = field(default_factory=list)


def play(
    bundle: Path, folder: Path, *, way: Way = "device", processes: int = 1, formulas: bool = True
) -> Played:
    """Every trial of `folder` but neutral stances through the bundle at `bundle`, as on the device.

    A trial that `second-skin-lab check` finds errors in is played all the same, and remarked on; so is whoever trained
    the bundle. formulas: the analytical estimates too, where a trial holds orientations. Nothing is written. Raises
    TrialError where no trial can be read or has a label, and as `bundle.load` does.
    """
    card = bundles.load(bundle).manifest.card
    items = [(path, None) for path in trial_paths(folder)]
    played = _dealt(partial(_played, bundle, _stances(folder, formulas), way), items, processes)
    if not played.series:
        raise TrialError(f"{folder}: no trial has a known label; add the truth or choose another folder")
    known = known_in_training(card, {one.subject for one in played.series})
    return replace(played, remarks=[*known, *played.remarks])


def play_recordings(
    bundle: Path,
    folder: Path,
    recordings: Sequence[Recording],
    *,
    processes: int = 1,
    formulas: bool = True,
) -> Played:
    """As `play`, of recordings with truth that were loaded from `folder`, without their insoles' scores."""
    items = [(folder / f"{one.name}.parquet", one) for one in recordings]
    return _dealt(partial(_played, bundle, _stances(folder, formulas), "device"), items, processes)


def known_in_training(card: Mapping[str, Any], subjects: Collection[str]) -> list[str]:
    """A remark where some of `subjects` trained the bundle of this card; none where it names nobody of them."""
    both = sorted(lineage.trained_on(card) & set(subjects))
    if not both:
        return []
    named = f"{', '.join(both[:5])}{', ...' if len(both) > 5 else ''}"
    return [
        f"{len(both)} of {len(subjects)} people here trained the bundle, by its card ({named}): errors on them say"
        " nothing of others"
    ]


def neutral_stances(folder: Path) -> dict[tuple[str, str], Trial]:
    """The neutral stances of `folder` by subject and session."""
    paths = [
        path
        for path in trial_paths(folder)
        if (pq.read_schema(path).metadata or {}).get(b"task") == NEUTRAL.encode()
    ]
    trials = [read_trial(path) for path in paths]
    return {(trial.meta.subject, trial.meta.extra.get("session", "")): trial for trial in trials}


def by_formula(
    trial: Trial, stances: Stances, path: Path | None = None
) -> tuple[dict[str, Doubles], list[str]]:
    """The analytical estimates of a trial that holds orientations, none of one that does not; and what is wanting.

    Moments are told of virtual wearers, and of a trial at `path` with what import-opensim kept beside it: a trial
    itself does not hold what else inverse dynamics needs.
    """
    if not trial.quaternions:
        return {}, []
    standing = stances.get((trial.meta.subject, trial.meta.extra.get("session", "")))
    dynamics, wanting = None, []
    try:
        dynamics = _dynamics(trial, path)
    except (ValueError, ImportSetError) as error:
        wanting = [f"no analytical moments, {error}"]
    try:
        return analytical.estimates(trial, standing, dynamics), wanting
    except ValueError as error:
        return {}, [f"no analytical estimate, {error}"]


def _dynamics(trial: Trial, path: Path | None) -> InverseDynamics | None:
    """None where there is none to be had; ValueError or ImportSetError where it is wanting."""
    if trial.meta.source == "virtual":
        return wearer_dynamics.of_trial(trial)
    if path is None or trial.plates is None:
        return None
    kept = worked.beside(path)
    if kept.is_dir():
        return opensim_dynamics.of_trial(trial, kept)
    if worked.MARK in trial.meta.extra:
        raise ValueError(f"{kept.name} is not beside the trial; copy it there, or import the trial again")
    return None


def _stances(folder: Path, formulas: bool) -> Stances | None:
    return neutral_stances(folder) if formulas else None


def _dealt(work: Callable[[Sequence[Item]], Played], items: Sequence[Item], processes: int) -> Played:
    parts = spread(work, [items[i::processes] for i in range(processes)], processes)
    return Played(
        sorted((one for part in parts for one in part.series), key=lambda one: one.name),
        sorted(name for part in parts for name in part.unlabelled),
        sorted(remark for part in parts for remark in part.remarks),
        [score for part in parts for score in part.insoles],
    )


def _played(bundle: Path, stances: Stances | None, way: Way, items: Sequence[Item]) -> Played:
    """stances: None where no formula is asked for."""
    device, played = Device(bundles.load(bundle)), Played()
    for path, loaded in items:
        trial = read_trial(path)
        recording = loaded or _recorded(played, path, trial, way)
        if recording is None:
            continue
        others: dict[str, Doubles] = {}
        if stances is not None:
            others, wanting = by_formula(trial, stances, path)
            played.remarks.extend(f"{recording.name}: {line}" for line in wanting)
        played.series.append(device.series(recording, others, unknown_ground(trial)))
    return played


def _recorded(played: Played, path: Path, trial: Trial, way: Way) -> Recording | None:
    """None of a neutral stance and of a trial without truth; what else is to be told of it goes into `played`."""
    if trial.meta.task == NEUTRAL:
        return None
    if not np.isfinite(trial.labels).any():
        played.unlabelled.append(path.stem)
        return None
    played.remarks.extend(defect.line() for defect in errors(check_file(path)[0]))
    if trial.plates is not None:
        played.insoles.extend(insoles.of_trial(path.stem, trial))
    return dataset.record(path.stem, trial, way=way)
