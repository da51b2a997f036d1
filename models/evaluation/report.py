"""A leave-one-subject-out run, evaluated as the paper does: tables, statistics, figures, one page on top."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from models.data import tasks
from models.evaluation import anova, insoles, report_tables
from models.evaluation.evaluate import without_nan
from models.evaluation.figures import CONDITION, write_figures
from models.evaluation.markdown import write_csv
from models.evaluation.outputs import results
from models.evaluation.report_page import as_object, page
from models.evaluation.withheld import Evaluated, evaluate_run
from models.files import write_whole

REPORT = "report.md"
OBJECT = "report.json"
_FILES = (
    REPORT,
    OBJECT,
    "scores.csv",
    "subjects.csv",
    "anova.csv",
    "insoles.csv",
    "figure_*.png",
    "figure_*.pdf",
)


def report(
    run_folder: Path,
    data: Path,
    out: Path,
    *,
    processes: int = 1,
    formulas: bool = True,
    conditions: Sequence[str] = (CONDITION,),
    beside: Path | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> None:
    """Writes `report.md`, `report.json`, tables as CSV and the paper's figures 3 to 6 into `out`, whole or not at all.

    Series are kept with each fold, so that a second report is quick. conditions: a figure 3 of each. beside: another
    run of the same folds. Raises ValueError and FileNotFoundError where a run has no fold, `data` not the people it
    withheld, a condition is unknown, or `out` holds what is no report's.
    """
    for condition in conditions:
        tasks.condition(condition)
    with results(out, REPORT, _FILES) as fresh:
        evaluated = evaluate_run(
            run_folder, data, processes=processes, formulas=formulas, other=beside, say=say
        )
        _write(evaluated, fresh, conditions, say)


def _write(evaluated: Evaluated, out: Path, conditions: Sequence[str], say: Callable[[str], None]) -> None:
    _write_tables(evaluated, out)
    left_out: list[str] = []
    figures = write_figures(
        evaluated.played.series,
        list(evaluated.trials.values()),
        out,
        anova.p_values(evaluated.comparisons),
        found=evaluated.found,
        of_insoles=evaluated.insoles,
        conditions=conditions,
        say=left_out.append,
    )
    for line in left_out:
        say(line)
    evaluated = replace(evaluated, remarks=[*evaluated.remarks, *left_out])
    write_whole(out / OBJECT, json.dumps(without_nan(as_object(evaluated)), indent=1).encode())
    write_whole(out / REPORT, page(evaluated, [path for path in figures if path.suffix == ".png"]).encode())


def _write_tables(evaluated: Evaluated, out: Path) -> None:
    found = evaluated.found
    write_csv(out / "scores.csv", report_tables.LONG_HEAD, report_tables.long_rows(found))
    write_csv(out / "subjects.csv", report_tables.SUBJECT_HEAD, report_tables.subject_rows(found))
    write_csv(out / "anova.csv", anova.head(evaluated.comparisons), anova.rows(evaluated.comparisons))
    write_csv(
        out / "insoles.csv",
        ("value", "unit", "group", "subjects", "rmse_mean", "rmse_sd", "r2_mean", "r2_sd"),
        [
            [
                row.value,
                insoles.VALUES[row.value],
                row.group,
                row.rmse.subjects,
                row.rmse.mean,
                row.rmse.sd,
                row.r2.mean,
                row.r2.sd,
            ]
            for row in insoles.table(evaluated.insoles)
        ],
    )
