"""A bundle's errors under what goes wrong with the suit, as rows and as tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from models.evaluation.disturbances import ALL, UNITS, Disturbance
from models.evaluation.markdown import digits_of, number, table
from models.evaluation.series import COLUMNS

HEAD = ("kind", "stream", "axis", "amount", "unit", "outcome", "rmse", "rmse_raw", "growth")


@dataclass(frozen=True)
class Point:
    """RMSE of one outcome under one disturbance, filtered and as sent; growth: RMSE / that of the undisturbed suit."""

    disturbance: Disturbance
    outcome: str
    rmse: float
    rmse_raw: float
    growth: float


def markdown(points: Sequence[Point]) -> str:
    """A table for each kind: of lost sensors each one, of the rest the worst stream (and axis) at each amount."""
    parts = [
        "RMSE after the paper's 6 Hz filter over all points, in brackets divided by that of the undisturbed suit."
        " Angles in deg, moments in Nm/kg.",
        _lines("nothing wrong", _with(points, "none"), lambda d: "-"),
        _lines(
            "all sensors lose samples",
            [p for p in _with(points, "dropped") if p.disturbance.stream == ALL],
            _amount,
        ),
        _lines("one sensor is lost", _with(points, "lost"), lambda d: d.stream),
        *(
            _lines(f"{title}, the worst sensor of each outcome", worst(_with(points, kind)), _amount)
            for kind, title in (
                ("dropped", "one sensor loses samples"),
                ("clock", "one sensor's samples are stamped late by a constant time (-: early)"),
                ("turned", "one sensor is turned about one of its axes"),
            )
        ),
    ]
    return "\n\n".join(part for part in parts if part)


def worst(points: Sequence[Point]) -> list[Point]:
    """Of each amount and outcome the point with the greatest error, those of all streams at once apart."""
    top: dict[tuple[float, str], Point] = {}
    for point in points:
        key = point.disturbance.amount, point.outcome
        if point.disturbance.stream != ALL and not (key in top and top[key].rmse >= point.rmse):
            top[key] = point
    return list(top.values())


def cells(point: Point) -> list[object]:
    """The values under `HEAD`."""
    of = point.disturbance
    return [
        of.kind,
        of.stream,
        of.axis,
        of.amount,
        UNITS[of.kind],
        point.outcome,
        point.rmse,
        point.rmse_raw,
        point.growth,
    ]


def _lines(title: str, points: Sequence[Point], row_of: Callable[[Disturbance], str]) -> str:
    by_row: dict[str, dict[str, Point]] = {}
    for point in points:
        by_row.setdefault(row_of(point.disturbance), {})[point.outcome] = point
    rows = [[name, *(_cell(of[outcome]) for outcome in COLUMNS)] for name, of in by_row.items()]
    return table([title, *COLUMNS], rows) if rows else ""


def _cell(point: Point) -> str:
    return f"{number(point.rmse, digits_of(point.outcome))} ({number(point.growth, 2)})"


def _amount(disturbance: Disturbance) -> str:
    if disturbance.kind == "dropped":
        return f"{100 * disturbance.amount:g} %"
    if disturbance.kind == "clock":
        return f"{disturbance.amount:+g} {UNITS[disturbance.kind]}"
    return f"{disturbance.amount:g} {UNITS[disturbance.kind]}"


def _with(points: Sequence[Point], kind: str) -> list[Point]:
    return [point for point in points if point.disturbance.kind == kind]
