"""All that can be told of a run on the people that its folds withheld."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from jetson_runtime.suit.signals import RATE_HZ
from jetson_runtime.suit.trial import Trial, read_trial
from models.data import dataset
from models.data.dataset import Recording
from models.data.folds import is_virtual
from models.evaluation import anova, insoles, scores
from models.evaluation.anova import Comparison
from models.evaluation.beside import Beside, beside, shared_folds
from models.evaluation.fold_series import refuse_other_people, series_of_fold
from models.evaluation.folder import Played
from models.evaluation.scores import Score, Scores
from models.training import opening, runs
from models.training.recipe import TrainConfig


@dataclass(frozen=True)
class Evaluated:
    """A run on the people that its folds withheld. unfinished: folds whose training has not come to its end.

    insoles: scores where force plates stood. beside: another run, where one was asked for.
    """

    config: TrainConfig
    folds: tuple[str, ...]
    unfinished: tuple[str, ...]
    played: Played
    trials: Mapping[str, Trial]
    found: Scores
    comparisons: Sequence[Comparison]
    insoles: Sequence[Score]
    remarks: Sequence[str]
    beside: Beside | None = None

    @property
    def virtual(self) -> bool:
        """Whether nobody here is a person."""
        return all(map(is_virtual, self.found.subjects))

    @property
    def minutes(self) -> float:
        """Of all trials."""
        return sum(len(one.truth) for one in self.played.series) / RATE_HZ / 60.0


def evaluate_run(
    run_folder: Path,
    data: Path,
    *,
    processes: int = 1,
    formulas: bool = True,
    other: Path | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> Evaluated:
    """Plays every fold's withheld people, or takes the series that are kept with the fold; raises as `report` does.

    other: a second run of the same folds, to stand beside.
    """
    folds = runs.folds(run_folder)
    if not folds:
        raise ValueError(f"{run_folder}: holds no fold; train it with `second-skin-lab train`")
    if other is not None:
        shared_folds(run_folder, other)
    config, _ = runs.read_config(next(iter(folds.values())))
    recordings = dataset.load(data, processes, config.way)
    for fold in folds.values():
        refuse_other_people(fold, data, recordings)
    parts: list[Played] = []
    for name, fold in folds.items():
        say(f"{name}: {len(parts) + 1} of {len(folds)}")
        parts.append(series_of_fold(fold, data, recordings, processes=processes, formulas=formulas))
    played = Played(
        [one for part in parts for one in part.series], [], [line for part in parts for line in part.remarks]
    )
    other_data = _of_other_data(run_folder, recordings)
    del recordings  # more memory than all that follows
    found = Scores(score for one in played.series for score in scores.of_series(one))
    comparisons, refused = _comparisons(found)
    trials = {one.name: _without_turns(read_trial(data / f"{one.name}.parquet")) for one in played.series}
    return Evaluated(
        config=config,
        folds=tuple(folds),
        unfinished=tuple(name for name, fold in folds.items() if not runs.finished(fold)),
        played=played,
        trials=trials,
        found=found,
        comparisons=comparisons,
        insoles=[
            score
            for name, trial in trials.items()
            if trial.plates is not None
            for score in insoles.of_trial(name, trial)
        ],
        remarks=[*refused, *other_data, *played.remarks],
        beside=None if other is None else beside(found, run_folder, other, data, processes=processes),
    )


def _comparisons(found: Scores) -> tuple[list[Comparison], list[str]]:
    try:
        return anova.comparisons(found), []
    except ValueError as error:
        return [], [f"No ANOVA: {error}."]


def _of_other_data(run_folder: Path, recordings: Sequence[Recording]) -> list[str]:
    trained = json.loads((run_folder / runs.RUN).read_text(encoding="utf-8"))["data"]
    if trained["sha256"] == opening.data_hash(recordings):
        return []
    return [
        "The trials are not, or not all, those that the run was trained on; what is withheld is by people's names."
    ]


def _without_turns(trial: Trial) -> Trial:
    return replace(trial, quaternions={})
