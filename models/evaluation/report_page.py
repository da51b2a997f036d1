"""What a report says: one page in Markdown, one object for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from models.evaluation import anova, insoles, printed, report_tables, scores
from models.evaluation.beside import Beside
from models.evaluation.scores import Scores
from models.evaluation.series import COLUMNS, FORMULAS
from models.evaluation.withheld import Evaluated
from models.training.recipe import beside_paper

VIRTUAL = (
    "The people here are virtual wearers: a physics model with known truth. What follows shows that software and method"
    " work, never how accurate the suit is on people; the paper's numbers, of ten people, stand beside for orientation."
)
COUNTED = (
    "Each person's error comes from networks that never saw that person, through {rows} and the runtime's"
    " engine. Unless said otherwise: mean ± SD over people, truth and estimates after the zero-lag 4th-order"
    " 6 Hz Butterworth filter, RMSE pooled over all points of a person, right and left together, R2 the squared"
    " Pearson correlation of each trial and leg, averaged; `as sent` is without the filter, as a live client gets it."
    " Skill is 1 - RMSE / RMSE of the other, of each person, averaged. Delay: median over trials, positive where the"
    " estimate is late. `4th-order` is read as in biomechanics: a 2nd-order filter forwards and backwards, 4th order in"
    " all, its own cut-off raised so that 6 Hz keeps 0.707 after both passes; a 4th-order filter in each direction"
    " would be steeper, and 6 Hz keep 0.5."
)
POOLED = (
    "Series pooled in these numbers, one by trial and leg, right / left; the lower back has one by trial."
)
_ROWS = {
    "device": "the runtime's own rows and fill values",
    "offline": "rows that were splined onto the grid afterwards as in the paper, in training and here,",
}
_FORMULAS = (
    "`analytical`: angles from gravity in each segment after a tare in neutral stance; moments by inverse dynamics with"
    " these angles and the insoles' force and centre of pressure, everything else true (the paper's best case)."
    " `analytical_centred`: without the angles' mean error, which only the truth can take away. `relative`: angles from"
    " the orientation of one segment in the other."
)


def page(evaluated: Evaluated, figures: Sequence[Path]) -> str:
    """The report in Markdown."""
    found = evaluated.found
    parts = [
        "# Withheld people",
        *([VIRTUAL] if evaluated.virtual else []),
        _about(evaluated),
        COUNTED.format(rows=_ROWS[evaluated.config.way]),
        "## Overall",
        report_tables.overall(found),
        "## Against formulas",
        _formulas(evaluated),
        *(_beside(evaluated.beside) if evaluated.beside else []),
        "## By task",
        *(report_tables.by_group(found, "tcn", measure) for measure in ("rmse", "r2")),
        *_analytical_by_task(found),
        report_tables.walking(found),
        "## Right and left",
        report_tables.sides(found),
        POOLED,
        report_tables.pooled(found),
        "## Delay",
        report_tables.delays(found),
        *(
            ["## Insoles against force plates", report_tables.insole_table(insoles.table(evaluated.insoles))]
            if evaluated.insoles
            else []
        ),
        *(
            ["## Repeated-measures ANOVA", anova.markdown(evaluated.comparisons)]
            if evaluated.comparisons
            else []
        ),
        *(["## Figures", *(f"![{path.stem}]({path.name})" for path in figures)] if figures else []),
        *(["## Remarks", "\n".join(f"- {line}" for line in evaluated.remarks)] if evaluated.remarks else []),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _about(evaluated: Evaluated) -> str:
    found = evaluated.found
    lines = [
        f"{len(found.subjects)} people withheld in {len(evaluated.folds)} folds, {len(evaluated.played.series)} trials,"
        f" {evaluated.minutes:.1f} minutes; tasks {', '.join(found.tasks)}."
    ]
    if evaluated.config.paper_literal:
        lines.append("The withheld person also decided when to stop, as the paper appears to do.")
    differs, ours = beside_paper(evaluated.config)
    if differs:
        listed = "; ".join(f"{key} {of['here']} (paper: {of['paper']})" for key, of in differs.items())
        lines.append(f"The recipe is not the paper's: {listed}.")
    else:
        lines.append("The recipe is the paper's.")
    lines.append(
        f"Ours where the paper is silent: {'; '.join(f'{key} {value}' for key, value in ours.items())}."
    )
    if evaluated.unfinished:
        lines.append(
            f"Not trained to the end: {', '.join(evaluated.unfinished)}; the best weights so far were taken."
        )
    return " ".join(lines)


def _beside(other: Beside) -> list[str]:
    differs = "; ".join(f"{key} {here} here, {there} there" for key, (here, there) in other.differs.items())
    return [
        "## Beside another run",
        f"`{other.run}`, on the {other.people} people withheld by both (folds {', '.join(other.folds)})."
        f" What differs: {differs or 'nothing that is told'}.",
        report_tables.beside(other),
    ]


def _formulas(evaluated: Evaluated) -> str:
    return "\n\n".join(
        [
            report_tables.against_formulas(evaluated.found, evaluated.comparisons),
            *([_FORMULAS] if set(FORMULAS) & set(evaluated.found.estimators) else []),
            printed.CONTRADICTION,
        ]
    )


def _analytical_by_task(found: Scores) -> list[str]:
    if "analytical" not in found.estimators:
        return []
    return ["Of `analytical`:", report_tables.by_group(found, "analytical", "rmse")]


def as_object(evaluated: Evaluated) -> dict[str, Any]:
    """What a program reads: by outcome and group, mean and SD over withheld people; NaN where nothing is known."""
    found = evaluated.found
    groups, compared = scores.groups_of(found.tasks), beside_paper(evaluated.config)
    return {
        "recipe": asdict(evaluated.config),
        "deviations": compared.differs,
        "ours": compared.ours,
        "folds": list(evaluated.folds),
        "unfinished": list(evaluated.unfinished),
        "subjects": list(found.subjects),
        "virtual": evaluated.virtual,
        "trials": len(evaluated.played.series),
        "minutes": evaluated.minutes,
        "better_than": report_tables.verdicts(found),
        "by_group": {
            group: {
                outcome: {name: _measures(found, name, outcome, group) for name in found.estimators}
                for outcome in COLUMNS
            }
            for group in groups
        },
        "anova": [asdict(one) for one in evaluated.comparisons],
        "insoles": [asdict(row) for row in insoles.table(evaluated.insoles)],
        "beside": None if evaluated.beside is None else asdict(evaluated.beside),
        "remarks": list(evaluated.remarks),
    }


def _measures(found: Scores, name: str, outcome: str, group: str) -> dict[str, Any]:
    own, sent = (found.of(name, outcome, group=group, filtered=filtered) for filtered in (True, False))
    against = {other: found.of(other, outcome, group=group) for other in ("constant", "ridge")}
    return {
        "rmse": asdict(scores.over_subjects(own, scores.rmse)),
        "rmse_raw": asdict(scores.over_subjects(sent, scores.rmse)),
        "rmse_pooled": scores.rmse(own),
        "r2": asdict(scores.over_subjects(own, scores.r2)),
        "mae": asdict(scores.over_subjects(own, scores.mae)),
        "skill": {other: scores.skill(own, of) for other, of in against.items()},
        "delay_ms": scores.delay_ms(sent),
    }
