"""The paper's figures 3 to 6 of a withheld-subject evaluation, as PNG and PDF.

3  true angles, moments and powers of one condition over a repetition
4  insoles against force plates
5  angles: R2 and RMSE of the estimators by task, and their series
6  moments: the same
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure

from jetson_runtime.suit.trial import Trial
from models.evaluation import figure_style, scores
from models.evaluation.figure_cycle import cycle_figure, participants_means
from models.evaluation.figure_estimates import PValues, estimates_figure
from models.evaluation.figure_insoles import insole_figure
from models.evaluation.scores import Scores
from models.evaluation.series import Series

CONDITION = "SH1"


def write_figures(
    series: Sequence[Series],
    trials_with_plates: Sequence[Trial],
    out: Path,
    p_values: PValues,
    *,
    found: Scores | None = None,
    condition: str = CONDITION,
    estimators: Sequence[str] = ("tcn", "analytical"),
    say: Callable[[str], None] = lambda line: None,
) -> list[Path]:
    """The files written into the folder `out`: `figure_3.png`, `figure_3.pdf` and so on.

    found: the scores of `series`, taken anew where not given. condition: of figure 3. A figure for which there are no
    data (no trial of the condition, no plates, no estimate of moments) is left out, and `say` is told why.
    """
    found = found or Scores(score for one in series for score in scores.of_series(one))
    makers: dict[str, Callable[[], Figure]] = {
        "figure_3": lambda: cycle_figure(participants_means(series, condition), condition),
        "figure_4": lambda: insole_figure(trials_with_plates),
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
