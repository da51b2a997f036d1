"""A second run of the same folds beside the first: stopped otherwise, of other rows, or of another recipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from models.data import dataset
from models.evaluation import scores
from models.evaluation.fold_series import series_of_fold
from models.evaluation.scores import MEASURES, Scores, Spread
from models.evaluation.series import COLUMNS
from models.training import runs


@dataclass(frozen=True)
class Beside:
    """The TCN of two runs on the people whom both withheld, after the filter; each pair is (here, there).

    run: the other's folder. folds: that both hold. differs: of the recipes and versions of the code, by key.
    spreads: measure (`rmse`, `r2`) -> outcome.
    """

    run: str
    folds: tuple[str, ...]
    people: int
    differs: Mapping[str, tuple[Any, Any]]
    spreads: Mapping[str, Mapping[str, tuple[Spread, Spread]]]


def shared_folds(run_folder: Path, other: Path) -> tuple[str, ...]:
    """The folds that withhold the same people in both runs; raises ValueError where there are none."""
    here, there = runs.folds(run_folder), runs.folds(other)
    both = [name for name in here if name in there and _withheld(here[name]) == _withheld(there[name])]
    if not both:
        raise ValueError(
            f"{other}: withholds nobody whom {run_folder} does in the same fold; its folds are"
            f" {', '.join(there) or 'none'}: train it with the same --withhold"
        )
    return tuple(both)


def beside(found: Scores, run_folder: Path, other: Path, data: Path, *, processes: int = 1) -> Beside:
    """`other` beside `run_folder`, whose scores are `found`; raises as `shared_folds` and `series_of_fold` do."""
    folds = shared_folds(run_folder, other)
    people = {name for fold in folds for name in _withheld(run_folder / fold)}
    config, _ = runs.read_config(other / folds[0])
    recordings = dataset.load(data, processes, config.way)
    there = Scores(
        score
        for fold in folds
        for one in series_of_fold(other / fold, data, recordings, processes=processes, formulas=False).series
        for score in scores.of_series(replace(one, estimates={"tcn": one.estimates["tcn"]}))
    )
    here = Scores(score for score in found.all if score.subject in people)
    return Beside(
        run=str(other),
        folds=folds,
        people=len(people),
        differs=_differs(run_folder / folds[0], other / folds[0]),
        spreads={
            name: {
                outcome: (here.spread(measure, "tcn", outcome), there.spread(measure, "tcn", outcome))
                for outcome in COLUMNS
            }
            for name, measure in MEASURES.items()
        },
    )


def _withheld(fold_folder: Path) -> tuple[str, ...]:
    return runs.read_config(fold_folder)[1].test


def _differs(here: Path, there: Path) -> dict[str, tuple[Any, Any]]:
    told = []
    for fold in (here, there):
        config, split = runs.read_config(fold)
        people = {"people trained on": len(split.train)}
        told.append({**asdict(config), **people, "code": runs.read_run(fold).get("code", "not told")})
    return {key: (told[0][key], told[1][key]) for key in told[0] if told[0][key] != told[1][key]}
