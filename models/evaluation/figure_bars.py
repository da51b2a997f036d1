"""Bars of a measure by task and overall, one beside the other for each estimator, with what is significant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes

from models.data.tasks import KINDS
from models.evaluation import figure_style as style
from models.evaluation.scores import ALPHA, OVERALL, Spread

STAR = "*"


@dataclass(frozen=True)
class Bars:
    """One estimator's: its name in words, colour and hatch, and a spread for each group."""

    name: str
    colour: str
    hatch: str
    spreads: Sequence[Spread]


def shown(present: Sequence[str]) -> tuple[str, ...]:
    """The groups of a figure: overall, then the paper's kinds that are there in its order, then any other task."""
    kinds = [kind for kind in KINDS if kind in present]
    return (OVERALL, *kinds, *sorted(set(present) - set(kinds)))


def draw(axes: Axes, groups: Sequence[str], bars: Sequence[Bars]) -> None:
    """Means with their standard deviations over people; overall stands apart at the left."""
    places = _places(groups)
    width = 0.8 / len(bars)
    for k, one in enumerate(bars):
        axes.bar(
            places + (k - (len(bars) - 1) / 2) * width,
            [spread.mean for spread in one.spreads],
            width,
            yerr=[np.nan_to_num(spread.sd) for spread in one.spreads],
            label=one.name,
            color=one.colour,
            hatch=one.hatch,
            edgecolor="white",
            linewidth=0.5,
            error_kw={"elinewidth": 0.9, "capsize": 1.8},
        )
    axes.axvline(0.75, color="0.8", linewidth=0.8)
    axes.set_xticks(places, [style.group_name(group) for group in groups], rotation=40, ha="right")
    axes.tick_params(axis="x", length=0, labelsize=8)
    axes.set_xlim(places[0] - 0.6, places[-1] + 0.6)


def mark(axes: Axes, groups: Sequence[str], bars: Sequence[Bars], p_values: Mapping[str, float]) -> None:
    """A star over each group whose p-value (by group) is below ALPHA; room for it at the top."""
    tops = [
        max(np.nan_to_num(one.spreads[i].mean) + np.nan_to_num(one.spreads[i].sd) for one in bars)
        for i in range(len(groups))
    ]
    axes.set_ylim(0.0, 1.15 * max(*tops, 1e-9))
    for place, group, top in zip(_places(groups), groups, tops, strict=True):
        if p_values.get(group, 1.0) < ALPHA:
            axes.annotate(
                STAR, (place, top), (0, 0), textcoords="offset points", ha="center", va="bottom", fontsize=12
            )


def _places(groups: Sequence[str]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.arange(len(groups), dtype=np.float64) + np.where(np.arange(len(groups)) > 0, 0.5, 0.0)
