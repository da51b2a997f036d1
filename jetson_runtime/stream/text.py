"""Frames and status as text for a terminal and as JSON for a pipe."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from jetson_runtime.client import ReceivedFrame
from jetson_runtime.stream import glance
from jetson_runtime.suit.languages import DEFAULT_LANGUAGE, texts
from jetson_runtime.suit.signals import OUTCOMES, SIDES, STREAM_NAMES, Outcome

WHAT_TO_DO = {
    "waiting": "no device is live: plug the suit in, switch it on, and compare its ports with the config",
    "degraded": "a part of the suit is missing: see below",
    "settling": "nothing to do: the suit is complete, the network's history fills",
    "running": "nothing to do",
}
UNUSUAL = "unlike what the model was trained on; check how it is worn, or trust the outcomes less"
_TABLE = (
    ("stream", "{:<11}"),
    ("state", "{:<7}"),
    ("rate Hz", "{:>7}"),
    ("age ms", "{:>6}"),
    ("drops", "{:>5}"),
    ("bad B", "{:>5}"),
    ("clock s", "{:>9}"),
    ("ppm", "{:>6}"),
    ("± ms", "{:>5}"),
    ("port", " {}"),
)


def to_json(value: Any) -> str:
    """One line of JSON; NaN and infinities, which JSON does not have, are null."""
    return json.dumps(_without_nan(value), allow_nan=False, ensure_ascii=False)


def summary(values: Sequence[float]) -> dict[str, float]:
    """p50, p99 (nearest rank) and max; NaN of nothing."""
    if not values:
        return dict.fromkeys(("p50", "p99", "max"), math.nan)
    ordered = sorted(values)
    last = len(ordered) - 1
    return {"p50": ordered[round(0.5 * last)], "p99": ordered[round(0.99 * last)], "max": ordered[last]}


def printable(line: str) -> str:
    """`line` as a terminal may be given it: nothing in it but what is read."""
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in line)


def number(value: float | None, decimals: int = 1) -> str:
    """`value` rounded, or a dash where there is none."""
    return "-" if value is None or not math.isfinite(value) else f"{value:.{decimals}f}"


def what_to_do(state: str, faults: int) -> str:
    """About a state of frames. One that is no trouble in itself does not hide the faults, which are told below it."""
    if not faults or state in ("waiting", "degraded"):
        return WHAT_TO_DO.get(state, "")
    return f"{faults} {'fault' if faults == 1 else 'faults'}: see below"


def frame_line(frame: ReceivedFrame) -> str:
    """seq, state, age, then each joint's angle and moment with the sides asked for, then force on the ground."""
    verdict = "valid" if frame.valid else f"not valid, {frame.settling_ms:.0f} ms to go"
    if frame.missing:
        verdict = f"missing {' '.join(frame.missing)}"
    if frame.unusual:
        verdict += f"  unusual {' '.join(frame.unusual)}"
    values = "  ".join(
        f"{outcome.joint} {_sides(frame, outcome)} {outcome.unit}"
        for outcome in OUTCOMES
        if any(outcome.published(side) in _values(frame, outcome) for side in SIDES)
    )
    force = "/".join(number(frame.ground[side].vgrf, 2) for side in SIDES)
    return f"{frame.seq:>8} {frame.state:<8} {frame.age_ms:5.1f} ms  {values}  vgrf {force}  {verdict}"


def status_text(status: Mapping[str, Any], *, bold: bool, language: str | None = None) -> str:
    """The state in one word and what to do, the faults with their remedies, and a row for each stream.

    language: of the faults, one of LANGUAGES; None: the service's.
    """
    state = printable(str(status.get("state")))
    faults = status.get("faults", [])
    word = f"\033[1;7m {state.upper()} \033[0m" if bold else state.upper()
    lateness = status.get("lateness_ms", {})
    facts = (
        f"session {status.get('session')}  up {number(status.get('uptime_s'), 0)} s  "
        f"{number(status.get('rate_hz'))} frames/s  engine {status.get('engine')}  model {status.get('model')}",
        f"ticks missed {status.get('missed_ticks')}  late {status.get('late_ticks')}  lateness ms "
        + "  ".join(f"{name} {number(lateness.get(name), 2)}" for name in ("p50", "p99", "max")),
    )
    lines = (
        *facts,
        *glance.lines(status),
        *_unusual_lines(status.get("unusual", ())),
        *_fault_lines(faults, status.get("language", DEFAULT_LANGUAGE), language),
        "",
        _row([title for title, _ in _TABLE]),
        *_stream_lines(status.get("streams", {})),
    )
    return "\n".join([f"{word}  {what_to_do(state, len(faults))}", *map(printable, lines)])


def _unusual_lines(names: Sequence[str]) -> list[str]:
    return [f"unusual {' '.join(names)}: {UNUSUAL}"] if names else []


def _fault_lines(faults: Sequence[Mapping[str, Any]], told: str, wanted: str | None) -> list[str]:
    """told: the service's language; wanted: the reader's, None for the same."""
    return [
        f"fault {fault.get('number')}  {fault.get('stream') or 'service'}: {_fault_text(fault, told, wanted or told)}"
        for fault in faults
    ]


def _fault_text(fault: Mapping[str, Any], told: str, wanted: str) -> str:
    """In English the particulars alone, which say all; in another language its own words, and these behind them.

    A number that this version does not know is told as the service told it.
    """
    what, remedy = fault.get("what"), fault.get("remedy")
    if wanted != told and (words := texts(wanted).faults.get(fault.get("number", 0))):
        what, remedy = words.what, words.remedy.format(stream=fault.get("stream"))
    if wanted == DEFAULT_LANGUAGE or what is None:
        return f"{fault.get('text')}; {remedy}"
    return f"{what} ({fault.get('text')}); {remedy}"


def _stream_lines(streams: Mapping[str, Mapping[str, Any]]) -> list[str]:
    rows = []
    for name in STREAM_NAMES:
        stream = streams.get(name, {})
        clock = stream.get("clock", {})
        offset_ms = clock.get("offset_ms")
        cells = (
            name,
            _stream_state(stream),
            number(stream.get("rate_hz")),
            number(stream.get("age_ms")),
            str(stream.get("drops", "-")),
            str(stream.get("bad_bytes", "-")),
            number(None if offset_ms is None else offset_ms / 1000, 3),
            number(clock.get("skew_ppm")),
            number(clock.get("uncertainty_ms"), 2),
            " ".join([stream.get("port", ""), stream.get("model", ""), stream.get("serial", "")]).strip(),
        )
        rows.append(_row(cells))
        rows += [f"{'':<12}note: {note}" for note in stream.get("notes", [])]
    return rows


def _row(cells: Sequence[str]) -> str:
    """With a blank between columns, however large a number is."""
    return " ".join(layout.format(cell) for (_, layout), cell in zip(_TABLE, cells, strict=True)).rstrip()


def _stream_state(stream: Mapping[str, Any]) -> str:
    if not stream.get("alive"):
        return "missing"
    if not stream.get("valid"):
        return "stale"
    return "ok" if stream.get("rate_ok") else "rate"


def _values(frame: ReceivedFrame, outcome: Outcome) -> dict[str, float]:
    return frame.angle if outcome.kind == "angle" else frame.moment


def _sides(frame: ReceivedFrame, outcome: Outcome) -> str:
    values = _values(frame, outcome)
    names = dict.fromkeys(outcome.published(side) for side in SIDES)
    decimals = 1 if outcome.kind == "angle" else 2
    return "/".join(number(values[name], decimals) for name in names if name in values)


def _without_nan(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    return value
