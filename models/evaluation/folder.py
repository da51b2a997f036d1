"""A folder of trials through a bundle: series of all that have truth, the others named apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

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

T = TypeVar("T")
# (subject, session) -> the trial in neutral stance
Stances = Mapping[tuple[str, str], Trial]


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

    A trial that `second-skin-lab check` finds errors in is played all the same, and remarked on. formulas: the
    analytical estimates too, where a trial holds orientations. Nothing is written. Raises TrialError where no trial
    can be read or has a label, and as `bundle.load` does.
    """
    bundles.load(bundle)
    work = partial(_read_and_played, bundle, neutral_stances(folder) if formulas else {}, formulas, way)
    played = _together(_spread(work, trial_paths(folder), processes))
    if not played.series:
        raise TrialError(f"{folder}: no trial has a known label; add the truth or choose another folder")
    return played


def play_recordings(
    bundle: Path,
    folder: Path,
    recordings: Sequence[Recording],
    *,
    processes: int = 1,
    formulas: bool = True,
) -> Played:
    """As `play`, of recordings with truth that were loaded from `folder`."""
    work = partial(
        _recorded_and_played, bundle, folder, neutral_stances(folder) if formulas else {}, formulas
    )
    return _together(_spread(work, recordings, processes))


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


def _spread(work: Callable[[Sequence[T]], Played], items: Sequence[T], processes: int) -> list[Played]:
    if processes == 1:
        return [work(items)]
    with ProcessPoolExecutor(processes) as pool:
        return list(pool.map(work, [items[i::processes] for i in range(processes)]))


def _together(parts: Sequence[Played]) -> Played:
    return Played(
        sorted((one for part in parts for one in part.series), key=lambda one: one.name),
        sorted(name for part in parts for name in part.unlabelled),
        sorted(remark for part in parts for remark in part.remarks),
        [score for part in parts for score in part.insoles],
    )


def _read_and_played(
    bundle: Path, stances: Stances, formulas: bool, way: Way, paths: Sequence[Path]
) -> Played:
    device, played = Device(bundles.load(bundle)), Played()
    for path in paths:
        trial = read_trial(path)
        if trial.meta.task == NEUTRAL:
            continue
        if not np.isfinite(trial.labels).any():
            played.unlabelled.append(path.stem)
            continue
        played.remarks.extend(defect.line() for defect in errors(check_file(path)[0]))
        _add(
            played,
            device,
            dataset.record(path.stem, trial, way=way),
            trial,
            path,
            stances if formulas else None,
        )
    return played


def _recorded_and_played(
    bundle: Path, folder: Path, stances: Stances, formulas: bool, recordings: Sequence[Recording]
) -> Played:
    device, played = Device(bundles.load(bundle)), Played()
    for recording in recordings:
        path = folder / f"{recording.name}.parquet"
        _add(played, device, recording, read_trial(path), path, stances if formulas else None)
    return played


def _add(
    played: Played, device: Device, recording: Recording, trial: Trial, path: Path, stances: Stances | None
) -> None:
    """stances: None where no formula is asked for."""
    others: dict[str, Doubles] = {}
    if stances is not None:
        others, wanting = by_formula(trial, stances, path)
        played.remarks.extend(f"{recording.name}: {line}" for line in wanting)
    if trial.plates is not None:
        played.insoles.extend(insoles.of_trial(recording.name, trial))
    played.series.append(device.series(recording, others, unknown_ground(trial)))
