"""The tables of a report, from scores of withheld people: Markdown for reading, long lists for spreadsheets."""

from __future__ import annotations

import math
from collections.abc import Sequence

from jetson_runtime.suit import signals
from models.evaluation import insoles, printed, scores
from models.evaluation.anova import Comparison
from models.evaluation.beside import Beside
from models.evaluation.markdown import digits_of, number, table
from models.evaluation.printed import Printed
from models.evaluation.scores import OVERALL, Scores, Spread
from models.evaluation.series import COLUMNS, FORMULAS

LONG_HEAD = (
    "estimator", "outcome", "unit", "side", "group", "series", "subjects", "rmse_mean", "rmse_sd", "rmse_pooled",
    "r2_mean", "r2_sd", "mae_mean", "mae_sd", "delay_ms_median",
)  # fmt: skip
SUBJECT_HEAD = ("subject", "estimator", "outcome", "unit", "group", "rmse", "rmse_raw", "r2", "mae")
_UNITS = {one.name: one.unit for one in signals.OUTCOMES}
_SIDES = {"": "both", "r": "right", "l": "left"}


def long_rows(found: Scores) -> list[list[object]]:
    """Every estimator, outcome, side, group and way of counting, under LONG_HEAD."""
    return [
        [
            estimator,
            outcome,
            _UNITS[outcome],
            _SIDES[side],
            group,
            "filtered" if filtered else "as sent",
            *_long(own),
        ]
        for estimator in found.estimators
        for outcome in COLUMNS
        for side in (_SIDES if len(COLUMNS[outcome]) > 1 else ("",))
        for group in scores.groups_of(found.tasks)
        for filtered in (True, False)
        if (own := found.of(estimator, outcome, group=group, side=side, filtered=filtered))
    ]


def subject_rows(found: Scores) -> list[list[object]]:
    """The same for each withheld person, both sides, under SUBJECT_HEAD."""
    rows: list[list[object]] = []
    for estimator in found.estimators:
        for outcome in COLUMNS:
            for group in scores.groups_of(found.tasks):
                sent = scores.by_subject(found.of(estimator, outcome, group=group, filtered=False))
                for subject, own in scores.by_subject(found.of(estimator, outcome, group=group)).items():
                    values = scores.rmse(own), scores.rmse(sent[subject]), scores.r2(own), scores.mae(own)
                    rows.append([subject, estimator, outcome, _UNITS[outcome], group, *values])
    return rows


def overall(found: Scores) -> str:
    """TCN, what it must beat and the paper's TCN, over all tasks."""
    head = [
        "outcome", "RMSE", "paper's RMSE", "as sent", "R2", "MAE", "constant", "ridge", "skill over constant",
        "skill over ridge", "delay ms",
    ]  # fmt: skip
    return table(head, [_overall(found, outcome) for outcome in COLUMNS])


def against_formulas(found: Scores, comparisons: Sequence[Comparison]) -> str:
    """TCN beside the analytical estimates, and the paper's; p of RMSE, TCN against `analytical`."""
    present = [name for name in FORMULAS if name in found.estimators]
    p = {one.outcome: one.p_holm for one in comparisons if (one.measure, one.group) == ("rmse", OVERALL)}
    rows = [
        [
            _named(outcome),
            *(spread(found.spread(scores.rmse, name, outcome), outcome) for name in ("tcn", *present)),
            number(p.get(outcome, float("nan")), 4),
            _printed(printed.TCN[outcome], outcome),
            _printed(printed.ANALYTICAL[outcome], outcome),
        ]
        for outcome in COLUMNS
    ]
    return table(["RMSE", "TCN", *present, "p (Holm)", "paper's TCN", "paper's analytical"], rows)


def by_group(found: Scores, estimator: str, measure: str) -> str:
    """Outcome by group: `rmse` or `r2` of one estimator, mean ± SD over people."""
    groups = scores.groups_of(found.tasks)
    of = scores.MEASURES[measure]
    rows = [
        [
            _named(outcome),
            *(
                spread(found.spread(of, estimator, outcome, group=group), "" if measure == "r2" else outcome)
                for group in groups
            ),
        ]
        for outcome in COLUMNS
    ]
    return table([{"rmse": "RMSE", "r2": "R2"}[measure], *groups], rows)


def sides(found: Scores) -> str:
    """Right and left apart, RMSE and R2 of the TCN."""
    rows = [
        [
            _named(outcome),
            *(
                spread(found.spread(measure, "tcn", outcome, side=side), unit)
                for measure, unit in ((scores.rmse, outcome), (scores.r2, ""))
                for side in signals.SIDES
            ),
        ]
        for outcome in COLUMNS
        if len(COLUMNS[outcome]) > 1
    ]
    return table(["outcome", "RMSE right", "RMSE left", "R2 right", "R2 left"], rows)


def pooled(found: Scores) -> str:
    """How many series of right and left (of the lower back: in all) the TCN's numbers are of, by group."""
    groups = scores.groups_of(found.tasks)
    rows = [
        [
            _named(outcome),
            *(
                " / ".join(
                    str(len(found.of("tcn", outcome, group=group, side=side)))
                    for side in (signals.SIDES if len(COLUMNS[outcome]) > 1 else ("",))
                )
                for group in groups
            ),
        ]
        for outcome in COLUMNS
    ]
    return table(["series", *groups], rows)


def beside(other: Beside) -> str:
    """RMSE and R2 of both runs."""
    rows = [
        [
            _named(outcome),
            *(
                spread(own, unit)
                for measure, unit in (("rmse", outcome), ("r2", ""))
                for own in other.spreads[measure][outcome]
            ),
        ]
        for outcome in COLUMNS
    ]
    return table(["outcome", "RMSE here", "RMSE there", "R2 here", "R2 there"], rows)


def walking(found: Scores) -> str:
    """What the paper tells of walking and of non-cyclic tasks, beside ours; empty where nobody walks."""
    if "W" not in found.tasks:
        return ""
    told = (
        ("MAE in walking", scores.mae, "W", printed.MAE_WALKING),
        ("R2 in walking", scores.r2, "W", printed.R2_WALKING),
        ("RMSE in walking", scores.rmse, "W", printed.WALKING),
        ("RMSE in non-cyclic tasks", scores.rmse, scores.NON_CYCLIC, printed.NON_CYCLIC),
    )
    rows = [
        [
            f"{title}, {_named(outcome)}",
            spread(
                found.spread(measure, "tcn", outcome, group=group), "" if measure is scores.r2 else outcome
            ),
            f"{value:g}",
        ]
        for title, measure, group, values in told
        for outcome, value in values.items()
    ]
    return table(["", "ours", "paper's"], rows)


def delays(found: Scores) -> str:
    """Median over trials and legs of what the TCN sends, ms, positive where it is late."""
    groups = scores.groups_of(found.tasks)
    rows = [
        [
            _named(outcome),
            *(
                number(scores.delay_ms(found.of("tcn", outcome, group=group, filtered=False)), 1)
                for group in groups
            ),
        ]
        for outcome in COLUMNS
    ]
    return table(["delay, ms", *groups], rows)


def insole_table(rows: Sequence[insoles.Row]) -> str:
    """Insoles against force plates, beside the paper's."""
    paper = {OVERALL: printed.INSOLES, "W": printed.INSOLES_WALKING}
    return table(
        ["value, group", "RMSE", "R2", "paper's RMSE"],
        [
            [
                f"{row.value} ({insoles.VALUES[row.value]}), {row.group}",
                spread(row.rmse, "moment"),
                spread(row.r2, ""),
                _printed(paper[row.group][row.value], "moment") if row.group in paper else "-",
            ]
            for row in rows
        ],
    )


def verdicts(found: Scores) -> dict[str, dict[str, bool | None]]:
    """outcome -> whether the mean error over people is at or below the paper's and below each other estimator's.

    None where the other is not known.
    """
    answer: dict[str, dict[str, bool | None]] = {}
    for outcome in COLUMNS:
        mean = {name: found.spread(scores.rmse, name, outcome).mean for name in found.estimators}
        own = mean.pop("tcn")
        answer[outcome] = {"paper": own <= printed.TCN[outcome].mean}
        answer[outcome] |= {
            name: own < other if math.isfinite(other) else None for name, other in mean.items()
        }
    return answer


def spread(value: Spread, outcome: str) -> str:
    """`8.60 ± 1.01`, with the digits of the outcome, of an R2 where it is empty; a dash where nothing is known."""
    digits = digits_of(outcome)
    if not math.isfinite(value.mean):
        return "-"
    return f"{number(value.mean, digits)} ± {number(value.sd, digits)}"


def _overall(found: Scores, outcome: str) -> list[str]:
    digits = digits_of(outcome)
    own = found.of("tcn", outcome)
    against = {name: found.of(name, outcome) for name in ("constant", "ridge")}
    sent = found.of("tcn", outcome, filtered=False)
    return [
        _named(outcome),
        spread(found.spread(scores.rmse, "tcn", outcome), outcome),
        _printed(printed.TCN[outcome], outcome),
        spread(found.spread(scores.rmse, "tcn", outcome, filtered=False), outcome),
        spread(found.spread(scores.r2, "tcn", outcome), ""),
        spread(found.spread(scores.mae, "tcn", outcome), outcome),
        *(number(found.spread(scores.rmse, name, outcome).mean, digits) for name in against),
        *(number(scores.skill(own, of), 2) for of in against.values()),
        number(scores.delay_ms(sent), 1),
    ]


def _long(own: Sequence[scores.Score]) -> list[object]:
    rmse, r2, mae = (scores.over_subjects(own, measure) for measure in (scores.rmse, scores.r2, scores.mae))
    pooled, late = scores.rmse(own), scores.delay_ms(own)
    return [rmse.subjects, rmse.mean, rmse.sd, pooled, r2.mean, r2.sd, mae.mean, mae.sd, late]


def _named(outcome: str) -> str:
    return f"{outcome}, {_UNITS[outcome]}"


def _printed(value: Printed, outcome: str) -> str:
    return f"{value.mean:.{digits_of(outcome)}f} ± {value.sd:.{digits_of(outcome)}f}"
