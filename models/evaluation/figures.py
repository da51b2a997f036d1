"""The paper's figures 3 to 6 of a withheld-subject evaluation, as PNG and PDF.

3  true angles, moments and powers of one condition over a repetition
4  insoles against force plates
5  angles: R2 and RMSE of the estimators by task, and their series
6  moments: the same
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure

from jetson_runtime.suit.trial import Trial
from models.evaluation import figure_style, scores
from models.evaluation.figure_cycle import cycle_figure, left_out, participants_means
from models.evaluation.figure_estimates import PValues, estimates_figure
from models.evaluation.figure_insoles import insole_figure
from models.evaluation.scores import Score, Scores
from models.evaluation.series import Series

# Of figure 3 in the paper; its supplement shows L1, VA1 and VA2 too.
CONDITION = "SH1"


def write_figures(
    series: Sequence[Series],
    trials: Sequence[Trial],
    out: Path,
    p_values: PValues,
    *,
    found: Scores | None = None,
    of_insoles: Sequence[Score] | None = None,
    conditions: Sequence[str] = (CONDITION,),
    estimators: Sequence[str] = ("tcn", "analytical"),
    say: Callable[[str], None] = lambda line: None,
) -> list[Path]:
    """The files written into the folder `out`: `figure_3.png`, `figure_3.pdf` and so on.

    trials: those of `series`. found, of_insoles: the scores of `series` and of the insoles, taken anew where not given.
    conditions: a figure 3 of each, SH1's as `figure_3`, another's as `figure_3_L1`. A figure for which there are no
    data (no trial of the condition, no plates, no estimate of moments) is left out; `say` is told why, and who is
    missing in a figure 3.
    """
    found = found or Scores(score for one in series for score in scores.of_series(one))
    makers: dict[str, Callable[[], Figure]] = {
        **{
            cycle_name(condition): partial(_cycles, trials, condition, say)
            for condition in dict.fromkeys(conditions)
        },
        "figure_4": lambda: insole_figure(trials, of_insoles),
        "figure_5": lambda: estimates_figure("angle", series, found, estimators, p_values),
        "figure_6": lambda: estimates_figure("moment", series, found, estimators, p_values),
    }
    out.mkdir(parents=True, exist_ok=True)
    written = []
    rules: dict[Any, Any] = {"axes.spines.top": False, "axes.spines.right": False, "font.size": 9}
    with rc_context(rules):
        for name, make in makers.items():
            try:
                figure = make()
            except ValueError as error:
                say(f"{name}: left out, {error}")
                continue
            written += figure_style.write(figure, out / name)
    return written


def cycle_name(condition: str) -> str:
    """The name of this condition's figure 3."""
    return "figure_3" if condition == CONDITION else f"figure_3_{condition}"


def _cycles(trials: Sequence[Trial], condition: str, say: Callable[[str], None]) -> Figure:
    means = participants_means(trials, condition)
    figure = cycle_figure(means, condition)
    for line in left_out(trials, condition, means):
        say(f"{cycle_name(condition)}: {line}")
    return figure
