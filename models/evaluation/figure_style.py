"""What the figures have in common: colours that colour-blind eyes tell apart, names, captions, files."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.figure import Figure

from jetson_runtime.suit import signals
from models.data.folds import is_virtual
from models.data.tasks import KINDS
from models.evaluation.scores import OVERALL

# Okabe & Ito 2008; red and blue as in the paper's figure 3.
RIGHT, LEFT, TRUTH, MIDDLE = "#D55E00", "#0072B2", "#000000", "#333333"
ESTIMATORS: dict[str, tuple[str, str, str]] = {  # name -> in words, colour, hatch
    "tcn": ("TCN, as the suit's runtime sends it", "#0072B2", ""),
    "analytical": ("analytical", "#E69F00", "///"),
    "analytical_centred": ("analytical, offset removed", "#CC79A7", "\\\\\\"),
    "relative": ("relative orientation", "#F0E442", "xxx"),
    "ridge": ("ridge regression", "#56B4E9", "..."),
    "constant": ("constant", "#999999", "+++"),
}
INSOLE = "#009E73"
JOINTS = ("lower back", "hip", "knee", "ankle")
VIRTUAL = "Virtual wearers: this shows software and method, not accuracy on people."


def outcome(joint: str, kind: str) -> signals.Outcome:
    """The outcome of `joint`, `angle` or `moment`."""
    return next(one for one in signals.OUTCOMES if one.joint == joint and one.kind == kind)


def estimator(name: str) -> tuple[str, str, str]:
    """In words, colour and hatch; one that has none of its own is told by its name in grey."""
    return ESTIMATORS.get(name, (name, "#777777", ""))


def group_name(group: str) -> str:
    """In words: a kind of task, or the group itself."""
    if group in KINDS:
        return KINDS[group].name
    return "all tasks" if group == OVERALL else group


def people(subjects: Collection[str]) -> str:
    """`n = 10 participants`, or virtual wearers where all of them are."""
    return f"n = {len(subjects)} {'virtual wearers' if are_virtual(subjects) else 'participants'}"


def are_virtual(subjects: Collection[str]) -> bool:
    """By their names."""
    return bool(subjects) and all(map(is_virtual, subjects))


def caption(figure: Figure, text: str, subjects: Collection[str]) -> None:
    """`text` under the figure, with what virtual wearers can prove where the people are such."""
    whole = f"{text} {VIRTUAL}" if are_virtual(subjects) else text
    figure.supxlabel(whole, fontsize=8, x=0.01, ha="left")


def panel(axes: Axes, letter: str) -> None:
    """The letter of a panel at its upper left."""
    axes.annotate(
        f"({letter})", (0, 1), (-34, 14), xycoords="axes fraction", textcoords="offset points", weight="bold"
    )


def write(figure: Figure, stem: Path) -> list[Path]:
    """`figure` as PNG and PDF, each whole or not at all."""
    figure.set_dpi(150)
    png, pdf = (stem.with_name(f"{stem.name}.{ending}") for ending in ("png", "pdf"))
    canvas: Any = FigureCanvasAgg(figure)
    canvas.print_png(_fresh(png))
    figure.set_layout_engine("none")  # it is laid out now, and doing it again takes as long as drawing
    canvas = FigureCanvasPdf(figure)
    canvas.print_pdf(_fresh(pdf))
    for path in (png, pdf):
        _fresh(path).replace(path)
    return [png, pdf]


def _fresh(path: Path) -> Path:
    return path.with_name(f"{path.name}.new")
