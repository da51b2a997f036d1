"""Figures 5 and 6: estimates of the angles and of the moments, by task and overall, and one participant's series."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from jetson_runtime.suit.signals import LABEL_NAMES, RATE_HZ, Outcome
from models.evaluation import figure_bars, scores
from models.evaluation import figure_style as style
from models.evaluation.figure_bars import Bars
from models.evaluation.figure_examples import EXAMPLE_S, examples, representative, window
from models.evaluation.scores import Scores
from models.evaluation.series import Series

# (measure, outcome, group) -> p after correction: measure `rmse` or `r2`, group `overall` or a task.
PValues = Mapping[tuple[str, str, str], float]
_ROWS = ("r2", "rmse")
_UNIT_NAMES = {"angle": "deg", "moment": "Nm/kg"}


def estimates_figure(
    kind: str, series: Sequence[Series], found: Scores, estimators: Sequence[str], p_values: PValues
) -> Figure:
    """Columns lower back, hip, knee, ankle; rows R2, RMSE, and series in three kinds of task. kind: angle or moment.

    found: the scores of `series`. ValueError where none of `estimators` estimates this kind.
    """
    outcomes = [style.outcome(joint, kind) for joint in style.JOINTS]
    there = [name for name in estimators if any(found.of(name, outcome.name) for outcome in outcomes)]
    if not there:
        raise ValueError(f"no {kind} is estimated by any of {', '.join(estimators)}, so no figure of it")
    person = representative([score for outcome in outcomes for score in found.of(there[0], outcome.name)])
    chosen = examples([(one.task, one) for one in series if one.subject == person])
    figure = Figure(figsize=(13.0, 6.8 + 1.5 * len(chosen)), layout="constrained")
    halves = figure.add_gridspec(2, 1, height_ratios=[4.8, 1.5 * len(chosen) + 0.7])
    _bars(figure.add_subfigure(halves[0]), outcomes, found, there, p_values)
    _series(figure.add_subfigure(halves[1]), outcomes, chosen, there, person)
    figure.suptitle(f"Sagittal joint {kind}s from worn sensors ({style.people(found.subjects)})")
    style.caption(figure, _told(p_values), found.subjects)
    return figure


def _told(p_values: PValues) -> str:
    text = (
        "Bars: mean and standard deviation over people, each withheld from training; all filtered at 6 Hz, RMSE over "
        "all points of a task, R² by trial."
    )
    if not p_values:
        return text
    star = f"{figure_bars.STAR} p < {scores.ALPHA} between the two"
    return f"{text}\n{star}, repeated-measures ANOVA with Holm's correction."


def _bars(
    figure: SubFigure, outcomes: Sequence[Outcome], found: Scores, estimators: Sequence[str], p: PValues
) -> None:
    groups = figure_bars.shown(found.tasks)
    grid = figure.subplots(len(_ROWS), len(outcomes), sharex=True, squeeze=False)
    for row, measure in enumerate(_ROWS):
        for column, outcome in enumerate(outcomes):
            axes: Axes = grid[row, column]
            bars = [_bars_of(found, name, outcome.name, measure, groups) for name in estimators]
            figure_bars.draw(axes, groups, bars)
            figure_bars.mark(axes, groups, bars, _by_group(p, measure, outcome.name))
            if measure == "r2":
                axes.set_yticks(np.linspace(0.0, 1.0, 6))
            if row == 0:
                axes.set_title(outcome.joint)
            if column == 0:
                axes.set_ylabel("R²" if measure == "r2" else f"RMSE ({_UNIT_NAMES[outcome.kind]})")
        figure.align_ylabels(grid[row])
    handles, words = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, words, loc="outside upper right", ncols=len(words), frameon=False, fontsize=9)
    style.panel(grid[0, 0], "a")


def _bars_of(found: Scores, name: str, outcome: str, measure: str, groups: Sequence[str]) -> Bars:
    words, colour, hatch = style.estimator(name)
    spreads = [found.spread(scores.MEASURES[measure], name, outcome, group=group) for group in groups]
    return Bars(words, colour, hatch, spreads)


def _by_group(p_values: PValues, measure: str, outcome: str) -> dict[str, float]:
    return {
        group: p
        for (of_measure, of_outcome, group), p in p_values.items()
        if (of_measure, of_outcome) == (measure, outcome)
    }


def _series(
    figure: SubFigure,
    outcomes: Sequence[Outcome],
    chosen: Sequence[Series],
    estimators: Sequence[str],
    person: str,
) -> None:
    grid = figure.subplots(len(chosen), len(outcomes), squeeze=False, sharex=True)
    for row, one in enumerate(chosen):
        filtered = one.filtered()
        rows = window(filtered.truth)
        at = np.arange(rows.stop - rows.start) / RATE_HZ
        for column, outcome in enumerate(outcomes):
            axes: Axes = grid[row, column]
            label = LABEL_NAMES.index(outcome.published("r"))
            axes.plot(at, filtered.truth[rows, label], color=style.TRUTH, linewidth=1.6, label="truth")
            for name in (name for name in estimators if name in filtered.estimates):
                words, colour, _ = style.estimator(name)
                dash = "-" if name == estimators[0] else "--"
                axes.plot(at, filtered.estimates[name][rows, label], dash, color=colour, label=words)
        name = f"{style.group_name(one.task)}{f', {one.condition}' if one.condition else ''}"
        grid[row, 0].set_ylabel(f"{name}\n{outcomes[0].kind} ({_UNIT_NAMES[outcomes[0].kind]})")
    for axes, outcome in zip(grid[0], outcomes, strict=True):
        axes.set_title(outcome.joint)
    figure.align_ylabels(grid[:, 0])
    for axes in grid[-1]:
        axes.set(xlabel="time (s)", xlim=(0.0, EXAMPLE_S))
    figure.legend(
        handles=grid[0, 0].get_lines(), loc="outside upper right", ncols=4, frameon=False, fontsize=9
    )
    figure.suptitle(
        f"{person}, whose error is the median one: right leg and lower back", fontsize=9, x=0.05, ha="left"
    )
    style.panel(grid[0, 0], "b")
