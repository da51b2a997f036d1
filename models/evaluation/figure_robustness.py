"""Error against what goes wrong: a panel for each kind, a line for each outcome."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jetson_runtime.suit import signals
from models.evaluation import figure_style
from models.evaluation.disturbances import ALL
from models.evaluation.robustness_tables import Point, worst
from models.evaluation.series import COLUMNS

_JOINT_COLOURS = dict(zip(figure_style.JOINTS, ("#000000", "#D55E00", "#0072B2", "#009E73"), strict=True))


def write(points: Sequence[Point], stem: Path) -> list[Path]:
    """The figure as PNG and PDF; a panel without points stays empty and says so."""
    rules: dict[Any, Any] = {"axes.spines.top": False, "axes.spines.right": False, "font.size": 9}
    with rc_context(rules):
        figure = Figure(figsize=(11, 8), layout="constrained")
        axes = figure.subplots(2, 2)
        of = {
            kind: [p for p in points if p.disturbance.kind == kind] for kind in ("dropped", "clock", "turned")
        }
        together = [p for p in of["dropped"] if p.disturbance.stream == ALL]
        _lines(axes[0, 0], together, "share of samples lost by all sensors")
        _lines(
            axes[0, 1],
            worst(of["clock"]),
            "ms by which one sensor's samples are stamped late (negative: early), the worst sensor",
        )
        _lines(
            axes[1, 0],
            worst(of["turned"]),
            "degrees by which one sensor is turned (the worst sensor and axis)",
        )
        _map(axes[1, 1], [p for p in points if p.disturbance.kind == "lost"])
        for letter, one in zip("abcd", axes.flat, strict=True):
            figure_style.panel(one, letter)
        if handles := axes[0, 0].get_legend_handles_labels()[0] or axes[0, 1].get_legend_handles_labels()[0]:
            figure.legend(handles=handles, loc="outside upper center", ncols=4, frameon=False)
        return figure_style.write(figure, stem)


def _lines(axes: Axes, points: Sequence[Point], what: str) -> None:
    axes.set(xlabel=what, ylabel="RMSE / RMSE of the undisturbed suit")
    if not points:
        axes.text(0.5, 0.5, "not asked for", ha="center", transform=axes.transAxes)
        return
    for outcome in signals.OUTCOMES:
        own = sorted((p.disturbance.amount, p.growth) for p in points if p.outcome == outcome.name)
        axes.plot(
            [amount for amount, _ in own],
            [growth for _, growth in own],
            "o-" if outcome.kind == "angle" else "s--",
            color=_JOINT_COLOURS[outcome.joint],
            markersize=3.5,
            label=f"{outcome.joint}, {outcome.kind}",
        )
    axes.axhline(1.0, color="#999999", linewidth=0.8)


def _map(axes: Axes, points: Sequence[Point]) -> None:
    """Sensor by outcome: what the error is of the whole suit's when the sensor is lost."""
    streams = list(dict.fromkeys(point.disturbance.stream for point in points))
    if not streams:
        axes.text(0.5, 0.5, "not asked for", ha="center", transform=axes.transAxes)
        return
    growth = {(point.disturbance.stream, point.outcome): point.growth for point in points}
    values = np.array([[growth[stream, outcome] for outcome in COLUMNS] for stream in streams])
    axes.imshow(np.log2(values), cmap="viridis", aspect="auto", vmin=0.0)
    names = [f"{one.joint}\n{one.kind}" for one in signals.OUTCOMES]
    axes.set_xticks(range(len(names)), names, fontsize=7)
    axes.set_yticks(range(len(streams)), streams, fontsize=7)
    axes.set_title("one sensor lost: RMSE / RMSE of the whole suit", fontsize=9)
    top = float(np.nanmax(np.log2(values)))
    for (i, j), value in np.ndenumerate(values):
        dark = np.log2(value) < 0.6 * top
        axes.text(
            j, i, f"{value:.1f}", ha="center", va="center", fontsize=7, color="white" if dark else "black"
        )
