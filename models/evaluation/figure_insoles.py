"""Figure 4: the insoles against force plates, by task and overall, and one participant's series."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from jetson_runtime.suit.signals import RATE_HZ
from jetson_runtime.suit.trial import Trial
from models import metrics
from models.data.tasks import NEUTRAL
from models.evaluation import figure_bars, insoles, scores
from models.evaluation import figure_style as style
from models.evaluation.figure_bars import Bars
from models.evaluation.figure_examples import EXAMPLE_S, examples, representative, window
from models.evaluation.insoles import Row
from models.evaluation.scores import OVERALL, Score

NAMES = {
    "vgrf": "normal force",
    "cop_ap": "centre of pressure, anterior",
    "cop_ml": "centre of pressure, lateral",
}
_POOLS = (OVERALL, scores.CYCLIC, scores.NON_CYCLIC)


def insole_figure(trials: Sequence[Trial], found: Sequence[Score] | None = None) -> Figure:
    """Columns force and both centres; rows R2, RMSE, and the right foot's series in three kinds of task.

    found: the insoles' scores in `trials`, taken anew where not given. ValueError where no trial has force plates.
    """
    plated = [trial for trial in trials if trial.plates is not None and trial.meta.task != NEUTRAL]
    if not plated:
        raise ValueError("no trial has force plates, so no figure of the insoles")
    if found is None:
        found = [score for i, trial in enumerate(plated) for score in insoles.of_trial(str(i), trial)]
    rows = insoles.table(found)
    subjects = {trial.meta.subject for trial in plated}
    shown = representative([score for score in found if score.filtered and score.label.endswith("vgrf")])
    chosen = examples([(trial.meta.task, trial) for trial in plated if trial.meta.subject == shown])
    figure = Figure(figsize=(11.0, 6.6 + 1.5 * len(chosen)), layout="constrained")
    halves = figure.add_gridspec(2, 1, height_ratios=[4.4, 1.5 * len(chosen) + 0.8])
    _bars(figure.add_subfigure(halves[0]), rows)
    _series(figure.add_subfigure(halves[1]), chosen, shown)
    figure.suptitle(f"Insoles against force plates ({style.people(subjects)})")
    style.caption(
        figure,
        "Bars: mean and standard deviation over people; both filtered at 6 Hz, RMSE over all points of both feet, "
        "R² by trial and foot.\nThe centre of pressure counts where plate and insole both define one "
        "(5 % of bodyweight).",
        subjects,
    )
    return figure


def _bars(figure: SubFigure, rows: Sequence[Row]) -> None:
    groups = figure_bars.shown([row.group for row in rows if row.group not in _POOLS])
    grid = figure.subplots(2, len(NAMES), sharex=True, squeeze=False)
    for column, (value, name) in enumerate(NAMES.items()):
        of = {row.group: row for row in rows if row.value == value}
        for axes, measure, label in (
            (grid[0, column], "r2", "R²"),
            (grid[1, column], "rmse", f"RMSE ({insoles.VALUES[value]})"),
        ):
            bars = Bars("insole", style.INSOLE, "", [getattr(of[group], measure) for group in groups])
            figure_bars.draw(axes, groups, [bars])
            axes.set_ylabel(label)
            if measure == "r2":
                axes.set_ylim(0.0, 1.0)
        grid[0, column].set_title(name)
        figure.align_ylabels(grid[:, column])
    style.panel(grid[0, 0], "a")


def _series(figure: SubFigure, chosen: Sequence[Trial], shown: str) -> None:
    grid = figure.subplots(len(chosen), len(NAMES), squeeze=False, sharex=True)
    for row, trial in enumerate(chosen):
        worn, plates = (metrics.filtered(values) for values in insoles.measured(trial))
        rows = window(plates[:, :1])
        at = np.arange(rows.stop - rows.start) / RATE_HZ
        for column, value in enumerate(NAMES):
            axes: Axes = grid[row, column]
            axes.plot(at, plates[rows, column], color=style.TRUTH, linewidth=1.6, label="force plate")
            axes.plot(at, worn[rows, column], "--", color=style.INSOLE, linewidth=1.6, label="insole")
            axes.set_ylabel(insoles.VALUES[value])
            if row == 0:
                axes.set_title(NAMES[value])
            axes.set_ylim(*((0.0, None) if value == "vgrf" else (0.0, 1.0)))
        grid[row, 0].set_ylabel(f"{_about(trial)}\nbodyweights")
    figure.align_ylabels(grid[:, 0])
    for axes in grid[-1]:
        axes.set(xlabel="time (s)", xlim=(0.0, EXAMPLE_S))
    handles = grid[0, 0].get_lines()
    figure.legend(handles=handles, loc="outside upper right", ncols=2, frameon=False, fontsize=8)
    figure.suptitle(
        f"{shown}, whose force error is the median one: right foot", fontsize=9, x=0.06, ha="left"
    )
    style.panel(grid[0, 0], "b")


def _about(trial: Trial) -> str:
    condition = trial.meta.extra.get("condition", "")
    return f"{style.group_name(trial.meta.task)}{f', {condition}' if condition else ''}"
