"""How a bundle's error grows with what goes wrong with the suit."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from jetson_runtime.inference import bundle as bundles
from jetson_runtime.suit.errors import TrialError
from jetson_runtime.suit.signals import RATE_HZ
from jetson_runtime.suit.trial import Trial, read_trial
from models.checks.folder import trial_paths
from models.data import dataset
from models.data.tasks import NEUTRAL
from models.evaluation import figure_robustness, scores
from models.evaluation.device import Device, unknown_ground
from models.evaluation.disturbances import KINDS, Disturbance, disturbances, rows_of
from models.evaluation.folder import known_in_training
from models.evaluation.markdown import write_csv
from models.evaluation.outputs import results
from models.evaluation.robustness_tables import HEAD, Point, cells, markdown
from models.evaluation.scores import Score, Scores
from models.evaluation.series import COLUMNS
from models.files import write_whole
from models.processes import spread

NAME = "robustness"
SECONDS = 20.0
_NAN = float("nan")


def robustness(
    bundle: Path,
    folder: Path,
    out: Path,
    *,
    kinds: Collection[str] = KINDS,
    seconds: float = SECONDS,
    processes: int = 1,
    say: Callable[[str], None] = lambda line: None,
) -> None:
    """Every disturbance of these kinds on the first `seconds` of every trial with truth in `folder`.

    Writes `robustness.csv`, `robustness.md`, `robustness.png` and `robustness.pdf` into `out`, whole or not at all.
    Raises TrialError where no trial has truth, ValueError for an unknown kind, seconds that are none or an `out` that
    holds something else, BundleError as `bundle.load` does.
    """
    asked = disturbances(kinds)
    if not (math.isfinite(seconds) and seconds > 0.0):
        raise ValueError(f"--seconds {seconds:g}: above 0 wanted, of each trial from its beginning")
    card = bundles.load(bundle).manifest.card
    with results(out, f"{NAME}.md", (f"{NAME}.*",)) as fresh:
        trials = _trials(folder, seconds)
        remarks = known_in_training(card, {trial.meta.subject for _, trial in trials})
        for line in remarks:
            say(line)
        points = _points(bundle, trials, asked, processes, say)
        write_csv(fresh / f"{NAME}.csv", HEAD, [cells(point) for point in points])
        page = "\n\n".join([markdown(points), *remarks])
        write_whole(fresh / f"{NAME}.md", f"{page}\n".encode())
        figure_robustness.write(points, fresh / NAME)


def _points(
    bundle: Path,
    trials: Sequence[tuple[str, Trial]],
    asked: Sequence[Disturbance],
    processes: int,
    say: Callable[[str], None],
) -> list[Point]:
    say(
        f"{len(asked)} disturbances of {len(trials)} trials, {sum(t.duration_s for _, t in trials):.0f} s in all"
    )
    work = partial(_errors, bundle, trials)
    parts = spread(work, [asked[i::processes] for i in range(processes)], processes)
    found = {disturbance: of for part in parts for disturbance, of in part.items()}
    undisturbed = found[asked[0]]
    return [
        Point(one, outcome, rmse, raw, rmse / (undisturbed[outcome][0] or _NAN))
        for one in asked
        for outcome, (rmse, raw) in found[one].items()
    ]


def _trials(folder: Path, seconds: float) -> list[tuple[str, Trial]]:
    found = []
    for path in trial_paths(folder):
        trial = _begun(read_trial(path), round(seconds * RATE_HZ))
        if trial.meta.task != NEUTRAL and np.isfinite(trial.labels).any():
            found.append((path.stem, trial))
    if not found:
        raise TrialError(f"{folder}: no trial has a known label; add the truth or choose another folder")
    return found


def _begun(trial: Trial, rows: int) -> Trial:
    return replace(
        trial,
        time_s=trial.time_s[:rows],
        channels=trial.channels[:rows],
        labels=trial.labels[:rows],
        quaternions={},
        plates=None,
    )


def _errors(
    bundle: Path, trials: Sequence[tuple[str, Trial]], asked: Sequence[Disturbance]
) -> dict[Disturbance, dict[str, tuple[float, float]]]:
    """disturbance -> outcome -> RMSE filtered and as sent."""
    device = Device(bundles.load(bundle))
    return {one: _error(device, trials, one) for one in asked}


def _error(
    device: Device, trials: Sequence[tuple[str, Trial]], disturbance: Disturbance
) -> dict[str, tuple[float, float]]:
    made: list[Score] = []
    for name, trial in trials:
        recording = dataset.record(name, trial, rows_of(name, trial, disturbance))
        series = device.series(recording, unscored=unknown_ground(trial))
        made += scores.of_series(replace(series, estimates={"tcn": series.estimates["tcn"]}))
    found = Scores(made)
    return {
        outcome: (
            scores.rmse(found.of("tcn", outcome)),
            scores.rmse(found.of("tcn", outcome, filtered=False)),
        )
        for outcome in COLUMNS
    }
