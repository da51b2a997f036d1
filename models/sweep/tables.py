"""What came out of a sweep: every error, their means over folds, and what each ablation costs."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from jetson_runtime.suit import signals
from models.evaluation import markdown
from models.sweep import ablation, state
from models.sweep.plan import Job

RESULTS, ABLATION = "results", "ablation"
_UNIT = {outcome.name: outcome.unit for outcome in signals.OUTCOMES}


def write(folder: Path, jobs: Sequence[Job]) -> list[Path]:
    """Writes results and, where there is an ablation to compare with `all`, what it costs; returns the files."""
    table = rows(folder, jobs)
    written = [
        _write(folder / f"{RESULTS}.csv", as_csv(table)),
        _write(folder / f"{RESULTS}.md", means(table)),
    ]
    if costs := increases(table):
        written.append(_write(folder / f"{ABLATION}.csv", as_csv(costs)))
        written.append(_write(folder / f"{ABLATION}.md", ablations(costs)))
    return written


def rows(folder: Path, jobs: Iterable[Job]) -> list[dict[str, Any]]:
    """A row for each job, fold and outcome that is done, in the order of the jobs."""
    made = []
    for job in jobs:
        finished = state.done(folder, job.name)
        for row in finished["rows"] if finished else ():
            recipe = ", ".join(f"{key} {value}" for key, value in job.variation.items())
            about = {"job": job.name, "fold": job.fold, "ablation": job.ablation, "recipe": recipe}
            made.append({**about, **job.variation, "unit": _UNIT[row["outcome"]], **row})
    return made


def increases(table: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """For each outcome and ablation the mean and SD over folds of its RMSE less that of `all` on the same fold."""
    whole = {
        (row["recipe"], row["fold"], row["outcome"]): row["rmse"]
        for row in table
        if row["ablation"] == ablation.ALL
    }
    groups: dict[tuple[str, str, str], list[tuple[float, float]]] = {}
    for row in table:
        against = whole.get((row["recipe"], row["fold"], row["outcome"]))
        if row["ablation"] != ablation.ALL and against is not None:
            key = (row["recipe"], row["outcome"], row["ablation"])
            groups.setdefault(key, []).append((row["rmse"], against))
    return [
        {
            "recipe": recipe,
            "outcome": outcome,
            "unit": _UNIT[outcome],
            "ablation": without,
            "folds": len(pairs),
            "rmse_all": fmean(before for _, before in pairs),
            "increase": fmean(after - before for after, before in pairs),
            "increase_sd": _sd([after - before for after, before in pairs]),
        }
        for (recipe, outcome, without), pairs in groups.items()
    ]


def means(table: Sequence[Mapping[str, Any]]) -> str:
    """Markdown: for each recipe and ablation the outcomes' errors, mean ± SD over folds."""
    groups: dict[tuple[str, str], dict[str, list[Mapping[str, Any]]]] = {}
    for row in table:
        by_outcome = groups.setdefault((row["recipe"], row["ablation"]), {})
        by_outcome.setdefault(row["outcome"], []).append(row)
    parts = []
    for (recipe, without), by_outcome in groups.items():
        head = ["outcome", "unit", "folds", "RMSE", "RMSE as sent", "R2"]
        parts += [
            f"## {recipe or 'recipe as given'}, {without}",
            markdown.table(head, _mean_rows(by_outcome)),
        ]
    return "\n\n".join(parts) + "\n"


def ablations(costs: Sequence[Mapping[str, Any]]) -> str:
    """Markdown: outcomes down, ablations across, the increase of RMSE (mean ± SD over folds) in the cells."""
    parts = []
    for recipe in dict.fromkeys(row["recipe"] for row in costs):
        of = [row for row in costs if row["recipe"] == recipe]
        across = list(dict.fromkeys(row["ablation"] for row in of))
        head = ["outcome", "unit", "RMSE of all", *across]
        lines = [
            _increase_row(of, outcome, across) for outcome in dict.fromkeys(row["outcome"] for row in of)
        ]
        title = f"## {recipe or 'recipe as given'}: increase of RMSE"
        parts += [title, markdown.table(head, lines)]
    return "\n\n".join(parts) + "\n"


def as_csv(table: Sequence[Mapping[str, Any]]) -> str:
    """Every number to its last digit, so that two tables can be compared exactly."""
    columns = list(dict.fromkeys(key for row in table for key in row))
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(table)
    return out.getvalue()


def _mean_rows(by_outcome: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[list[str]]:
    return [
        [outcome, _UNIT[outcome], str(len(found))]
        + [_spread([row[key] for row in found], markdown.digits_of(outcome)) for key in ("rmse", "rmse_raw")]
        + [_spread([row["r2"] for row in found], 3)]
        for outcome, found in by_outcome.items()
    ]


def _increase_row(costs: Sequence[Mapping[str, Any]], outcome: str, across: Sequence[str]) -> list[str]:
    digits = markdown.digits_of(outcome)
    cells = {row["ablation"]: row for row in costs if row["outcome"] == outcome}
    told = [
        f"{cells[name]['increase']:+.{digits}f}{_plus_minus(cells[name]['increase_sd'], digits)}"
        if name in cells
        else ""
        for name in across
    ]
    return [outcome, _UNIT[outcome], f"{next(iter(cells.values()))['rmse_all']:.{digits}f}", *told]


def _spread(values: Sequence[float], digits: int) -> str:
    return f"{fmean(values):.{digits}f}{_plus_minus(_sd(values), digits)}"


def _sd(values: Sequence[float]) -> float | None:
    return stdev(values) if len(values) > 1 else None


def _plus_minus(sd: float | None, digits: int) -> str:
    return "" if sd is None else f" ± {sd:.{digits}f}"


def _write(path: Path, text: str) -> Path:
    state.write_text(path, text)
    return path
