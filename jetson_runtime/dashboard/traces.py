"""Frames thinned to what a screen shows: points at 50 Hz, a gap where a frame or its moments were not valid. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from jetson_runtime.client import ReceivedFrame

# Frames for each point.
EVERY = 4
SECONDS = 10
_DECIMALS = {"angle": 1, "moment": 3}

# The instant in s, and a value for each outcome, None for a gap.
Point = tuple[float, tuple[float | None, ...]]


def charts(outcomes: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What is drawn into which chart: `outcomes` as hello tells them, both sides of a joint in one.

    index: of the outcome in a point's values.
    """
    table: dict[tuple[str, str], dict[str, Any]] = {}
    for index, outcome in enumerate(outcomes):
        joint, kind, name = outcome["joint"], outcome["kind"], outcome["name"]
        chart = table.setdefault(
            (joint, kind),
            {
                "joint": joint,
                "kind": kind,
                "unit": outcome["unit"],
                "positive": outcome["positive"],
                "lines": [],
            },
        )
        chart["lines"].append({"index": index, "name": name, "side": _side(name)})
    return list(table.values())


class Thinner:
    """Frames in, in order; points out. names: of the outcomes, in hello's order, with their kinds."""

    def __init__(self, names: Iterable[tuple[str, str]]) -> None:
        self._names = tuple(names)
        self._nothing = (None,) * len(self._names)
        self._group: int | None = None
        self._sound = self._carried = True
        self._newest: ReceivedFrame | None = None

    def points(self, frames: Iterable[ReceivedFrame]) -> list[Point]:
        """Of the groups that `frames` complete. One frame of a group that was not valid makes the group a gap.

        One while the feet did not carry the person makes its moments a gap.
        """
        done = []
        for frame in frames:
            group = frame.seq // EVERY
            if self._group is not None and group != self._group:
                done.append(self._point())
                self._sound = self._carried = True
            self._group, self._newest = group, frame
            self._sound = self._sound and frame.valid
            self._carried = self._carried and frame.moment_valid
        return done

    def _point(self) -> Point:
        frame = self._newest
        assert frame is not None
        if not self._sound:
            return round(frame.t, 3), self._nothing
        values = {"angle": frame.angle, "moment": frame.moment if self._carried else {}}
        return round(frame.t, 3), tuple(
            _number(values[kind].get(name), _DECIMALS[kind]) for name, kind in self._names
        )


def _number(value: float | None, decimals: int) -> float | None:
    return None if value is None or not math.isfinite(value) else round(value, decimals)


def _side(name: str) -> str:
    stem = name.removesuffix("_moment")
    return stem[-1] if stem.endswith(("_r", "_l")) else ""
