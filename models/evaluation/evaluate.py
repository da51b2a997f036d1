"""One bundle on one folder of trials, as one object and as Markdown."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from jetson_runtime.suit import signals
from jetson_runtime.suit.signals import RATE_HZ
from models.evaluation import insoles, printed, scores
from models.evaluation.folder import Played
from models.evaluation.markdown import digits_of, number, table
from models.evaluation.scores import OVERALL, Score, Scores
from models.evaluation.series import COLUMNS, Series

REFERENCES = ("constant", "ridge")


def evaluation(played: Played) -> dict[str, Any]:
    """`rmse`, `rmse_raw`, `r2`, `mae`, `skill`, `delay_ms` by outcome, `by_task` the same of each task, `trials`.

    rmse, r2, mae and skill are after the paper's 6 Hz filter, rmse_raw is as sent. RMSE and MAE are over all points,
    R2 is averaged over trials (and legs), skill is 1 - RMSE / RMSE of each other estimator (`constant`, `ridge`, the
    formulas where there are any) by subject, then averaged, delay is the median over trials (and legs), positive where
    the estimate is late. Beside these: `subjects` (mean and SD over subjects),
    `by_side` (each of the 14 labels), `estimators` (all there are), `insoles` (against force plates, where a trial
    holds them). NaN where nothing is known.
    """
    found = Scores(score for series in played.series for score in scores.of_series(series))
    by_trial = _by_trial(found)
    return {
        **_measures(found, OVERALL),
        "by_task": {task: _measures(found, task) for task in found.tasks},
        "by_side": {
            label: {"rmse": scores.rmse(of), "r2": scores.r2(of)}
            for outcome in COLUMNS
            for label, of in _by_label(found.of("tcn", outcome)).items()
        },
        "subjects": {
            outcome: vars(found.spread(scores.rmse, "tcn", outcome)) | {"of": "rmse"} for outcome in COLUMNS
        },
        "estimators": {name: _of_estimator(found, name) for name in found.estimators},
        "trials": [_trial(series, by_trial[series.name]) for series in played.series]
        + [{"name": name, "scored_s": 0.0} for name in played.unlabelled],
        "insoles": [asdict(row) for row in insoles.table(played.insoles)],
        "remarks": played.remarks,
    }


def card_errors(played: Played) -> dict[str, dict[str, dict[str, float]]]:
    """outcome -> network (as sent), filtered, constant, ridge -> rmse, r2 and skill_constant, skill_ridge of the first.

    RMSE and skill are each subject's own, then their mean; R2 is averaged over trials (and legs).
    """
    found = Scores(score for series in played.series for score in scores.of_series(series))
    ways = {"network": ("tcn", False), "filtered": ("tcn", True)}
    ways |= {reference: (reference, False) for reference in REFERENCES}
    return {
        outcome: {
            name: {
                "rmse": found.spread(scores.rmse, estimator, outcome, filtered=filtered).mean,
                "r2": scores.r2(found.of(estimator, outcome, filtered=filtered)),
                **(_skills(found, outcome) if name == "network" else {}),
            }
            for name, (estimator, filtered) in ways.items()
        }
        for outcome in COLUMNS
    }


def without_nan(value: Any) -> Any:
    """The same of dicts, lists and numbers, with None for every number that is not finite: JSON has no NaN."""
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def markdown(result: dict[str, Any]) -> str:
    """What `evaluation` found, for reading."""
    parts = [_overview(result), _by_task(result)]
    if result["insoles"]:
        parts.append(_insoles(result))
    unscored = [trial["name"] for trial in result["trials"] if not trial["scored_s"]]
    if unscored:
        parts.append(f"Not scored, no label is known: {', '.join(unscored)}")
    return "\n\n".join([*parts, *result["remarks"]])


def _insoles(result: dict[str, Any]) -> str:
    rows = [
        [
            f"{row['value']} ({insoles.VALUES[row['value']]}), {row['group']}",
            number(row["rmse"]["mean"], 3),
            number(row["r2"]["mean"], 2),
        ]
        for row in result["insoles"]
    ]
    return table(["insoles against force plates", "RMSE", "R2"], rows)


def _measures(found: Scores, group: str) -> dict[str, Any]:
    by_outcome: dict[str, dict[str, Any]] = {}
    for outcome in COLUMNS:
        after, sent = (found.of("tcn", outcome, group=group, filtered=which) for which in (True, False))
        others = dict.fromkeys((*REFERENCES, *found.estimators))
        against = {name: found.of(name, outcome, group=group) for name in others if name != "tcn"}
        by_outcome[outcome] = {
            "rmse": scores.rmse(after),
            "rmse_raw": scores.rmse(sent),
            "r2": scores.r2(after),
            "mae": scores.mae(after),
            "skill": {name: scores.skill(after, of) for name, of in against.items()},
            "delay_ms": scores.delay_ms(sent),
        }
    names = next(iter(by_outcome.values()))
    return {name: {outcome: of[name] for outcome, of in by_outcome.items()} for name in names}


def _skills(found: Scores, outcome: str) -> dict[str, float]:
    """Of what is sent; a reference that is not there is left out."""
    of = {name: found.of(name, outcome, filtered=False) for name in ("tcn", *REFERENCES)}
    return {f"skill_{name}": scores.skill(of["tcn"], of[name]) for name in REFERENCES if of[name]}


def _of_estimator(found: Scores, name: str) -> dict[str, Any]:
    return {
        outcome: {
            "rmse": scores.rmse(found.of(name, outcome)),
            "rmse_subjects": found.spread(scores.rmse, name, outcome).mean,
            "rmse_raw": scores.rmse(found.of(name, outcome, filtered=False)),
            "r2": scores.r2(found.of(name, outcome)),
        }
        for outcome in COLUMNS
    }


def _by_label(found: Sequence[Score]) -> dict[str, list[Score]]:
    by_label: dict[str, list[Score]] = {}
    for score in found:
        by_label.setdefault(score.label, []).append(score)
    return by_label


def _by_trial(found: Scores) -> defaultdict[str, list[Score]]:
    by_trial: defaultdict[str, list[Score]] = defaultdict(list)
    for score in found.all:
        by_trial[score.trial].append(score)
    return by_trial


def _trial(series: Series, of_trial: Sequence[Score]) -> dict[str, Any]:
    found = Scores(of_trial)
    own = {outcome: found.of("tcn", outcome) for outcome in COLUMNS}
    return {
        "name": series.name,
        "subject": series.subject,
        "task": series.task,
        "condition": series.condition,
        "scored_s": float(np.isfinite(series.truth).any(axis=1).sum() / RATE_HZ),
        "rmse": {outcome: scores.rmse(of) for outcome, of in own.items()},
        "r2": {outcome: scores.r2(of) for outcome, of in own.items()},
    }


def _overview(result: dict[str, Any]) -> str:
    formulas = [name for name in ("analytical",) if name in result["estimators"]]
    against = (*REFERENCES, *formulas)
    head = [
        "outcome", "unit", "RMSE", "over subjects", "as sent", "R2", "MAE",
        *(f"{name}, over subjects" for name in against),
        *(f"skill over {name}" for name in ("ridge", *formulas)), "delay ms", "paper's RMSE",
    ]  # fmt: skip
    rows = []
    for outcome in signals.OUTCOMES:
        name, digits = outcome.name, digits_of(outcome.name)
        over, of = result["subjects"][name], result["estimators"]
        rows.append(
            [
                name,
                outcome.unit,
                number(result["rmse"][name], digits),
                f"{number(over['mean'], digits)} ± {number(over['sd'], digits)}",
                number(result["rmse_raw"][name], digits),
                number(result["r2"][name], 2),
                number(result["mae"][name], digits),
                *(number(of[other][name]["rmse_subjects"], digits) for other in against),
                *(number(result["skill"][name][other], 2) for other in ("ridge", *formulas)),
                number(result["delay_ms"][name], 1),
                number(printed.TCN[name].mean, digits),
            ]
        )
    return table(head, rows)


def _by_task(result: dict[str, Any]) -> str:
    tasks = list(result["by_task"])
    rows = [
        [
            outcome.name,
            *(
                number(result["by_task"][task]["rmse"][outcome.name], digits_of(outcome.name))
                for task in tasks
            ),
        ]
        for outcome in signals.OUTCOMES
    ]
    return table(["RMSE by task", *tasks], rows)
