"""A folder of trials through a bundle: series of all that have truth, the others named apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from jetson_runtime.inference import bundle as bundles
from jetson_runtime.suit.errors import TrialError
from jetson_runtime.suit.trial import Trial, read_trial
from models import dataset
from models.analytical import estimates as analytical
from models.analytical import wearer_dynamics
from models.dataset import NEUTRAL, Recording, Way
from models.evaluation.device import Device, unknown_ground
from models.evaluation.series import Doubles, Series

# (subject, session) -> the trial in neutral stance
Stances = Mapping[tuple[str, str], Trial]


@dataclass(frozen=True)
class Played:
    """series: of the trials with truth, by name; unlabelled: names of those without any.

    remarks: a line for each trial of which a formula could not tell what it should.
    """

    series: list[Series]
    unlabelled: list[str]
    remarks: list[str]


def play(
    bundle: Path, folder: Path, *, way: Way = "device", processes: int = 1, formulas: bool = True
) -> Played:
    """Every trial of `folder` but neutral stances through the bundle at `bundle`, as on the device.

    formulas: the analytical estimates too, where a trial holds orientations. Raises TrialError where no trial has a
    label, and as `dataset.load` and `bundle.load` do.
    """
    bundles.load(bundle)
    recordings = dataset.load(folder, processes, way)
    labelled = [one for one in recordings if np.isfinite(one.labels).any()]
    if not labelled:
        raise TrialError(f"{folder}: no trial has a known label; add the truth or choose another folder")
    played = play_recordings(bundle, folder, labelled, processes=processes, formulas=formulas)
    known = {one.name for one in labelled}
    return replace(played, unlabelled=[one.name for one in recordings if one.name not in known])


def play_recordings(
    bundle: Path,
    folder: Path,
    recordings: Sequence[Recording],
    *,
    processes: int = 1,
    formulas: bool = True,
) -> Played:
    """As `play`, of recordings with truth that were loaded from `folder`."""
    work = partial(_played, bundle, folder, neutral_stances(folder) if formulas else {}, formulas)
    shares = [recordings[i::processes] for i in range(processes)]
    if processes == 1:
        parts = [work(shares[0])]
    else:
        with ProcessPoolExecutor(processes) as pool:
            parts = list(pool.map(work, shares))
    series = sorted((one for made, _ in parts for one in made), key=lambda one: one.name)
    return Played(series, [], sorted(remark for _, remarks in parts for remark in remarks))


def neutral_stances(folder: Path) -> dict[tuple[str, str], Trial]:
    """The neutral stances of `folder` by subject and session."""
    paths = [
        path
        for path in sorted(folder.glob("*.parquet"))
        if (pq.read_schema(path).metadata or {}).get(b"task") == NEUTRAL.encode()
    ]
    trials = [read_trial(path) for path in paths]
    return {(trial.meta.subject, trial.meta.extra.get("session", "")): trial for trial in trials}


def by_formula(trial: Trial, stances: Stances) -> dict[str, Doubles]:
    """The analytical estimates of a trial that holds orientations; none of one that does not.

    Moments are told of virtual wearers alone: a folder of trials does not hold what else inverse dynamics needs.
    Raises ValueError where a virtual wearer's movement cannot be made again, or where the stance is none.
    """
    if not trial.quaternions:
        return {}
    standing = stances.get((trial.meta.subject, trial.meta.extra.get("session", "")))
    dynamics = wearer_dynamics.of_trial(trial) if trial.meta.source == "virtual" else None
    return analytical.estimates(trial, standing, dynamics)


def _played(
    bundle: Path, folder: Path, stances: Stances, formulas: bool, recordings: Sequence[Recording]
) -> tuple[list[Series], list[str]]:
    device = Device(bundles.load(bundle))
    series, remarks = [], []
    for recording in recordings:
        trial = read_trial(folder / f"{recording.name}.parquet")
        others: dict[str, Doubles] = {}
        try:
            others = by_formula(trial, stances) if formulas else {}
        except ValueError as error:
            remarks.append(f"{recording.name}: no analytical estimate, {error}")
        series.append(device.series(recording, others, unknown_ground(trial)))
    return series, remarks
