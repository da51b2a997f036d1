"""One-way repeated-measures ANOVA of the kind of estimator, each subject his own control (the paper's II.G).

For RMSE and for R2, each of the eight outcomes, over all tasks and in each: does it matter for a subject's error which
estimator it is of? With two levels Mauchly's test says nothing (there is one difference, and one variance is always
spherical), F is the square of the paired t and no correction is needed; with three or more the p-value is
Greenhouse-Geisser's where sphericity is rejected. The paper corrects for no number of tests; here Holm's correction
is over the family of all tests of one measure: every outcome, every task and overall.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pingouin

from models.evaluation import scores
from models.evaluation.markdown import number, table
from models.evaluation.scores import ALPHA, CYCLIC, MEASURES, NON_CYCLIC, Scores
from models.evaluation.series import COLUMNS, Doubles

LEAST_SUBJECTS = 3
COMPARED = ("tcn", "analytical")
VACUOUS = (
    "Mauchly's test is vacuous with two levels: there is a single difference between them, whose variance cannot "
    "differ from another's. It is listed as not applicable, and no sphericity correction is made."
)
FAMILY = "Holm's correction is over all tests of one measure: eight outcomes, overall and in each task."
_NAN = float("nan")


@dataclass(frozen=True)
class Comparison:
    """One ANOVA. means: of each estimator over the `subjects` that have a value of every one.

    effect: partial eta squared. mauchly_w, mauchly_p: NaN with two levels. NaN throughout where fewer than three
    subjects have values, or where nothing varies.
    """

    measure: str
    group: str
    outcome: str
    subjects: int
    means: Mapping[str, float]
    f: float = _NAN
    df: tuple[int, int] = (0, 0)
    p: float = _NAN
    p_holm: float = _NAN
    effect: float = _NAN
    mauchly_w: float = _NAN
    mauchly_p: float = _NAN

    @property
    def significant(self) -> bool:
        """After Holm's correction."""
        return self.p_holm < ALPHA


def comparisons(found: Scores, estimators: Sequence[str] = COMPARED) -> list[Comparison]:
    """Both measures, overall and each task, the eight outcomes; filtered series.

    Raises ValueError with fewer than three subjects, and for an estimator that nobody has values of.
    """
    if len(found.subjects) < LEAST_SUBJECTS:
        raise ValueError(
            f"a repeated-measures ANOVA needs at least {LEAST_SUBJECTS} subjects, here are {len(found.subjects)}; "
            "evaluate more withheld subjects"
        )
    if absent := [name for name in estimators if name not in found.estimators]:
        raise ValueError(
            f"no trial has an estimate of {', '.join(absent)}; there are {', '.join(found.estimators)}"
        )
    groups = [group for group in scores.groups_of(found.tasks) if group not in (CYCLIC, NON_CYCLIC)]
    made: list[Comparison] = []
    for measure in MEASURES:
        family = [
            _test(found, measure, group, outcome, estimators) for group in groups for outcome in COLUMNS
        ]
        made += _holm(family)
    return made


def p_values(made: Sequence[Comparison]) -> dict[tuple[str, str, str], float]:
    """(measure, outcome, group) -> p after Holm's correction."""
    return {(test.measure, test.outcome, test.group): test.p_holm for test in made}


def anova(values: Doubles) -> dict[str, float]:
    """f, p, effect, mauchly_w, mauchly_p of values (subjects, levels) without NaN; NaN where it is not defined."""
    subjects, levels = values.shape
    long = pd.DataFrame(
        {
            "subject": np.repeat(np.arange(subjects), levels),
            "level": np.tile(np.arange(levels), subjects),
            "value": values.ravel(),
        }
    )
    with warnings.catch_warnings():
        # Pingouin's own: its use of pandas, and 0 / 0 where nothing varies.
        warnings.simplefilter("ignore")
        found = pingouin.rm_anova(
            long,
            dv="value",
            within="level",
            subject="subject",
            correction=levels > 2,
            detailed=True,
            effsize="np2",
        )
    row = {name.replace("-", "_"): value for name, value in found.iloc[0].items()}
    spherical = bool(row.get("sphericity", True))
    return {
        "f": float(row.get("F", _NAN)),
        "p": float(row.get("p_unc" if spherical else "p_GG_corr", _NAN)),
        "effect": float(row.get("np2", _NAN)),
        "mauchly_w": float(row.get("W_spher", _NAN)),
        "mauchly_p": float(row.get("p_spher", _NAN)),
    }


def head(made: Sequence[Comparison]) -> tuple[str, ...]:
    """The columns of `rows`: a mean for each estimator, by its name."""
    means = [f"mean_{name}" for name in (made[0].means if made else COMPARED)]
    return (
        "measure", "group", "outcome", "subjects", *means, "f", "df1", "df2", "p", "p_holm", "partial_eta_squared",
        "mauchly_w", "mauchly_p",
    )  # fmt: skip


def rows(made: Sequence[Comparison]) -> list[list[object]]:
    """A line for each test, under `head`."""
    return [
        [
            test.measure,
            test.group,
            test.outcome,
            test.subjects,
            *test.means.values(),
            test.f,
            *(count or _NAN for count in test.df),
            test.p,
            test.p_holm,
            test.effect,
            test.mauchly_w,
            test.mauchly_p,
        ]
        for test in made
    ]


def markdown(made: Sequence[Comparison]) -> str:
    """The table with what must be said of it."""
    names = list(made[0].means)
    columns = [
        "measure, group, outcome", "n", *names, "F", "df", "p", f"p < {ALPHA}, as in the paper", "p Holm",
        f"Holm < {ALPHA}", "partial eta²", "Mauchly W (p)",
    ]  # fmt: skip
    lines = [
        [
            f"{test.measure}, {test.group}, {test.outcome}",
            str(test.subjects),
            *(number(test.means[name], 3) for name in names),
            number(test.f, 2),
            f"{test.df[0]}, {test.df[1]}" if test.df[0] else "-",
            number(test.p, 4),
            "*" if test.p < ALPHA else "",
            number(test.p_holm, 4),
            "*" if test.significant else "",
            number(test.effect, 3),
            f"{number(test.mauchly_w, 3)} ({number(test.mauchly_p, 3)})"
            if len(names) > 2
            else "not applicable",
        ]
        for test in made
    ]
    said = [f"`*`: below {ALPHA}, uncorrected as in the paper, and after Holm's correction. {FAMILY}"] + (
        [VACUOUS] if len(names) == 2 else []
    )
    return "\n\n".join([table(columns, lines), *said])


def _test(found: Scores, measure: str, group: str, outcome: str, estimators: Sequence[str]) -> Comparison:
    values = _values(found, measure, group, outcome, estimators)
    subjects, levels = values.shape
    means = dict(zip(estimators, values.mean(axis=0).tolist() if subjects else [_NAN] * levels, strict=True))
    told = Comparison(measure, group, outcome, subjects, means)
    if subjects < LEAST_SUBJECTS:
        return told
    of = anova(values)
    return replace(
        told,
        df=(levels - 1, (levels - 1) * (subjects - 1)),
        f=of["f"],
        p=of["p"],
        effect=of["effect"],
        mauchly_w=of["mauchly_w"],
        mauchly_p=of["mauchly_p"],
    )


def _values(found: Scores, measure: str, group: str, outcome: str, estimators: Sequence[str]) -> Doubles:
    """(subjects, estimators) of those subjects who have a value of every estimator."""
    by_subject = [
        {
            score_subject: MEASURES[measure](of)
            for score_subject, of in scores.by_subject(found.of(name, outcome, group=group)).items()
        }
        for name in estimators
    ]
    complete = sorted(set.intersection(*(set(values) for values in by_subject)))
    table_of = np.array([[values[subject] for values in by_subject] for subject in complete], np.float64)
    table_of = table_of.reshape(len(complete), len(estimators))
    return table_of[np.isfinite(table_of).all(axis=1)]


def _holm(family: Sequence[Comparison]) -> list[Comparison]:
    made = [i for i, test in enumerate(family) if np.isfinite(test.p)]
    if not made:
        return list(family)
    _, corrected = pingouin.multicomp([family[i].p for i in made], alpha=ALPHA, method="holm")
    out = list(family)
    for i, p in zip(made, corrected, strict=True):
        out[i] = replace(family[i], p_holm=float(p))
    return out
