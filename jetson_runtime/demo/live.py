"""The demo in a terminal: a view that lives while frames come, and the table at the end."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from jetson_runtime.client import FrameClient, ReceivedFrame
from jetson_runtime.stream.text import WHAT_TO_DO, number
from jetson_runtime.suit.signals import OUTCOMES, SIDES, STREAM_NAMES, Outcome, published_outcomes

_REFRESH_S = 0.25
_SPARKS = "▁▂▃▄▅▆▇█"
# Points of a sparkline, one a refresh: 10 s.
_POINTS = 40
_STYLE = {"running": "bold black on green", "settling": "bold black on yellow"}
_ALARM = "bold white on red"
_DECIMALS = {"deg": 2, "Nm/kg": 3}
_SIDE_IN_WORDS = {"r": "right", "l": "left"}


class View:
    """State, rates, ages and outcomes, redrawn four times a second; draws nothing where there is no terminal."""

    def __init__(self, console: Console, client: FrameClient) -> None:
        self._console = console
        self._client = client
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._history: dict[str, deque[float]] = {}
        self._due_s = -math.inf

    def __enter__(self) -> View:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def show(self, frame: ReceivedFrame, now_s: float) -> None:
        """Draws `frame` if the time for it has come."""
        if not self._console.is_terminal or now_s < self._due_s:
            return
        self._due_s = now_s + _REFRESH_S
        for name, value in {**frame.angle, **frame.moment}.items():
            self._history.setdefault(name, deque(maxlen=_POINTS)).append(value)
        status = self._client.status or {}
        self._live.update(
            Group(self._head(frame), _faults(status), self._outcomes(frame), _streams(status)), refresh=True
        )

    def _head(self, frame: ReceivedFrame) -> RenderableType:
        advice = (
            f"{frame.settling_ms / 1e3:.1f} s to go" if frame.state == "settling" else WHAT_TO_DO[frame.state]
        )
        return Text.assemble(
            (f" {frame.state.upper()} ", _STYLE.get(frame.state, _ALARM)),
            f" {'valid' if frame.valid else 'not valid'}  {number(self._client.rate_hz)} Hz  "
            f"age {number(frame.age_ms)} ms  missed {self._client.missed}  {advice}",
            (f"  unusual {' '.join(frame.unusual)}" if frame.unusual else "", "bold yellow"),
        )

    def _outcomes(self, frame: ReceivedFrame) -> Table:
        table = Table("outcome", "unit", box=None, padding=(0, 1))
        for side in SIDES:
            table.add_column(_SIDE_IN_WORDS[side], justify="right")
            table.add_column("", width=_POINTS, no_wrap=True)
        for outcome in OUTCOMES:
            table.add_row(f"{outcome.joint} {outcome.kind}", outcome.unit, *self._cells(frame, outcome))
        return table

    def _cells(self, frame: ReceivedFrame, outcome: Outcome) -> list[str]:
        values = frame.angle if outcome.kind == "angle" else frame.moment
        names = dict.fromkeys(outcome.published(side) for side in SIDES)
        decimals = 1 if outcome.kind == "angle" else 2
        cells: list[str] = []
        for name in names:
            cells += [number(values.get(name), decimals), sparkline(self._history.get(name, ()))]
        return cells


def sparkline(values: deque[float] | tuple[float, ...]) -> str:
    """`values` between their own least and greatest; a blank for what is NaN."""
    known = [value for value in values if math.isfinite(value)]
    if not known:
        return ""
    low, span = min(known), max(known) - min(known)
    top = len(_SPARKS) - 1
    return "".join(
        _SPARKS[round((value - low) / span * top) if span > 0 else 0] if math.isfinite(value) else " "
        for value in values
    )


def result_table(result: Mapping[str, Any]) -> RenderableType:
    """The stream's figures, and a row of errors for each outcome."""
    age, share = result["age_ms"], result["valid_fraction"]
    figures = (
        f"{result['frames']} frames in {number(result['seconds'])} s: {number(result['rate_hz'], 2)} Hz, "
        f"{result['missed_ticks']} ticks missed",
        f"valid {number(100 * share, 2)} % from the first valid frame on",
        f"age {number(age['p50'])} ms at the median, {number(age['p99'])} at the 99th percentile, "
        f"{number(age['max'])} at worst",
        f"start to first frame {number(result['start_to_first_frame_s'], 2)} s, "
        f"to first valid {number(result['start_to_first_valid_s'], 2)} s; engine {result['engine']}",
    )
    table = Table("outcome", "unit", box=None, padding=(0, 1))
    for title in ("RMSE", "R2", "skill over\nconstant", "skill over\nridge"):
        table.add_column(title, justify="right")
    skill = result["skill"]
    for item in published_outcomes(SIDES):
        table.add_row(
            item.name,
            item.outcome.unit,
            number(result["rmse"].get(item.name), _DECIMALS[item.outcome.unit]),
            number(result["r2"].get(item.name), 3),
            number(skill["constant"].get(item.name), 3),
            number(skill["ridge"].get(item.name), 3),
        )
    return Group(*figures, table)


def _faults(status: Mapping[str, Any]) -> Text:
    lines = [
        f"{fault.get('stream') or 'service'}: {fault.get('text')}; {fault.get('remedy')}"
        for fault in status.get("faults", [])
    ]
    return Text("\n".join(lines), style="red")


def _streams(status: Mapping[str, Any]) -> Table:
    table = Table("stream", box=None, padding=(0, 1))
    for title in ("rate Hz", "age ms", "drops", "bad bytes"):
        table.add_column(title, justify="right")
    streams = status.get("streams", {})
    for name in STREAM_NAMES:
        stream = streams.get(name, {})
        table.add_row(
            name,
            number(stream.get("rate_hz")),
            number(stream.get("age_ms")),
            str(stream.get("drops", "-")),
            str(stream.get("bad_bytes", "-")),
            style="" if stream.get("valid") else "red",
        )
    return table
