"""Figure 3: the true angles, moments and powers of one condition over a repetition, everybody's and each one's mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from jetson_runtime.suit.signals import LABEL_NAMES
from jetson_runtime.suit.trial import Trial
from models import metrics
from models.data import tasks
from models.evaluation import figure_style as style
from models.evaluation.cycles import PERCENT, mean_of, repetitions, stretched
from models.evaluation.device import unknown_ground
from models.evaluation.power import COORDINATES, joint_power
from models.metrics import Doubles

QUANTITIES = {"angle": "deg", "moment": "Nm/kg", "power": "W/kg"}
COLUMNS = (*LABEL_NAMES, *(f"{name}_power" for name in COORDINATES))
_MOMENTS = [i for i, name in enumerate(LABEL_NAMES) if name.endswith("_moment")]
_SIDES = {"r": ("right", style.RIGHT, "-"), "l": ("left", style.LEFT, "--")}


def participants_means(trials: Sequence[Trial], condition: str) -> dict[str, Doubles]:
    """Participant -> (101, 21) mean over the repetitions of `condition`: the labels, then joint powers, as COLUMNS.

    Of whole trials, filtered at 6 Hz before the powers are taken. Participants in whose trials nothing repeats are
    left out; `left_out` tells of them.
    """
    cycles: dict[str, list[Doubles]] = {}
    for trial in _of_condition(trials, condition):
        labels = _truth(trial)
        values = np.concatenate([labels, joint_power(labels)], axis=1)
        cycles.setdefault(trial.meta.subject, []).extend(
            stretched(values[cycle]) for cycle in repetitions(labels)
        )
    return {name: mean_of(made) for name, made in cycles.items() if made}


def left_out(trials: Sequence[Trial], condition: str, means: Mapping[str, Doubles]) -> list[str]:
    """A line for each participant of `trials` who is not in `means`: who, and why."""
    did = {trial.meta.subject for trial in _of_condition(trials, condition)}
    return [
        f"without {subject}: "
        + (
            f"in its trials of {condition} nothing repeats"
            if subject in did
            else f"has no trial of {condition}"
        )
        for subject in sorted({trial.meta.subject for trial in trials} - set(means))
    ]


def cycle_figure(means: Mapping[str, Doubles], condition: str) -> Figure:
    """Rows angle, moment, power; columns lower back, hip, knee, ankle; ValueError where nobody repeated anything."""
    if not means:
        raise ValueError(
            f"condition {condition}: no trial in which a movement repeats, so no figure of its cycle"
        )
    figure = Figure(figsize=(11.0, 8.2), layout="constrained")
    inner = figure.add_subfigure(figure.add_gridspec(1, 1)[0])
    grid = inner.subplots(len(QUANTITIES), len(style.JOINTS), sharex=True)
    for row, (quantity, unit) in enumerate(QUANTITIES.items()):
        for column, joint in enumerate(style.JOINTS):
            axes: Axes = grid[row, column]
            _draw(axes, means, joint, quantity)
            axes.axhline(0.0, color="0.8", linewidth=0.8, zorder=0)
            if row == 0:
                axes.set_title(joint)
            if column == 0:
                axes.set_ylabel(f"{quantity} ({unit})")
        inner.align_ylabels(grid[row])
    for axes in grid[-1]:
        axes.set(xlabel="repetition (%)", xlim=(0, 100))
    _legend(inner, grid, len(means))
    about = tasks.condition(condition).description
    figure.suptitle(f"True sagittal angle, moment and power: {condition}, {about} ({style.people(means)})")
    style.caption(
        figure,
        "A repetition runs from one peak of the most moving angle to the next. Positive: extension (lower back), "
        "flexion (hip, knee), dorsiflexion (ankle).\nPower is moment times angular velocity, positive where the joint "
        "gives energy; filtered at 6 Hz.",
        means.keys(),
    )
    return figure


def _of_condition(trials: Sequence[Trial], condition: str) -> list[Trial]:
    return [trial for trial in trials if trial.meta.extra.get("condition", "") == condition]


def _truth(trial: Trial) -> Doubles:
    """(n, 14) filtered; moments unknown where a foot stands on what was not measured."""
    labels = trial.labels.astype(np.float64)
    labels[:, _MOMENTS] = np.where(unknown_ground(trial)[:, None], np.nan, labels[:, _MOMENTS])
    return metrics.filtered(labels)


def _draw(axes: Axes, means: Mapping[str, Doubles], joint: str, quantity: str) -> None:
    for label, colour, dash in _lines(joint, quantity):
        column = COLUMNS.index(label)
        each = [mean[:, column] for mean in means.values()]
        for line in each:
            axes.plot(PERCENT, line, dash, color=colour, linewidth=0.6, alpha=0.45)
        axes.plot(PERCENT, mean_of(each), dash, color=colour, linewidth=2.4)
        known = sum(bool(np.isfinite(line).any()) for line in each)
        if known < len(each):
            axes.annotate(
                f"n = {known}", (0.98, 0.98), xycoords="axes fraction", ha="right", va="top", fontsize=8
            )


def _lines(joint: str, quantity: str) -> list[tuple[str, str, str]]:
    """Label, colour and dash of each leg's line, or of the lower back's."""
    of = style.outcome(joint, "angle" if quantity == "power" else quantity)
    ending = "_power" if quantity == "power" else ""
    if not of.sided:
        return [(of.published("r") + ending, style.MIDDLE, "-")]
    return [(of.published(side) + ending, colour, dash) for side, (_, colour, dash) in _SIDES.items()]


def _legend(figure: SubFigure, grid: Sequence[Sequence[Axes]], participants: int) -> None:
    middle, sided = grid[0][0].lines, grid[0][1].lines
    each, thick = 0, participants
    handles = [middle[thick], middle[each]]
    words = ["lower back, mean of all", "each participant's mean"]
    for k, (name, _, _) in enumerate(_SIDES.values()):
        first = k * (participants + 1)
        handles += [sided[first + thick], sided[first + each]]
        words += [f"{name}, mean of all", f"{name}, each participant's mean"]
    figure.legend(handles, words, loc="outside upper center", ncols=6, frameon=False, fontsize=8)
