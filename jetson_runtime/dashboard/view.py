"""What the page says in words and numbers, out of the messages of the stream. Pure: no browser, no socket, no clock.

Nothing that is not alive or not valid is told as if it were: it is a dash, and its row says why.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from jetson_runtime.client import ReceivedFrame
from jetson_runtime.stream import glance, messages, text
from jetson_runtime.suit.signals import STREAM_NAMES

# Without a frame for so long nothing is heard.
SILENCE_S = 0.6
# Of nothing that can be told: what a technician sees there.
DASH = "–"
_LABELS = {
    "imu_back": "back",
    "imu_pelvis": "pelvis",
    "imu_thigh_r": "right thigh",
    "imu_thigh_l": "left thigh",
    "imu_shank_r": "right shank",
    "imu_shank_l": "left shank",
    "insole_r": "right insole",
    "insole_l": "left insole",
}

Tone = Literal["good", "wait", "bad", "none"]
Messages = Mapping[str, Any]


class Headline(NamedTuple):
    """The big word and what to do about it."""

    word: str
    tone: Tone
    todo: str


class Row(NamedTuple):
    """One fact."""

    name: str
    value: str
    tone: Tone = "none"


def headline(frame: ReceivedFrame | None, status: Messages | None, silent_s: float | None) -> Headline:
    """silent_s: how long nothing has been heard; None while frames come."""
    if frame is None and silent_s is not None and silent_s < SILENCE_S:
        return Headline("LISTENING", "none", "")
    if silent_s is not None or frame is None:
        return Headline(
            "SILENT",
            "bad",
            "is the service running? systemctl status second-skin; it is found again by itself",
        )
    faults = len((status or {}).get("faults", ()))
    todo = text.what_to_do(frame.state, faults)
    if frame.valid:
        return Headline(frame.state.upper(), "wait" if faults else "good", todo)
    if frame.state == "settling":
        return Headline("SETTLING", "wait", f"{todo}; {frame.settling_ms / 1000:.1f} s to go")
    if frame.state == "running":
        return Headline("NOT VALID", "bad", todo if faults else text.WHAT_TO_DO["settling"])
    return Headline(frame.state.upper(), "bad", todo)


def sensors(status: Messages | None) -> list[dict[str, Any]]:
    """The eight, in the suit's order, of plain types: what is shown on the body and in the table."""
    streams = (status or {}).get("streams") or {}
    return [_sensor(name, streams.get(name)) for name in STREAM_NAMES]


def faults(status: Messages | None) -> list[dict[str, str]]:
    """What is wrong now: number, whose it is, what, particulars, and what to do, in the service's language."""
    return [
        {
            "number": str(fault.get("number", "?")),
            "who": _LABELS.get(fault.get("stream") or "", fault.get("stream") or "suit"),
            "what": str(fault.get("what") or fault.get("text", "")),
            "text": str(fault.get("text", "")),
            "remedy": str(fault.get("remedy", "")),
        }
        for fault in (status or {}).get("faults", ())
    ]


def warnings(status: Messages | None, frame: ReceivedFrame | None) -> list[str]:
    """What is no fault and still to be looked at. frame: the newest, None while nothing is heard."""
    status = status or {}
    told = []
    if status.get("unusual"):
        told.append(f"{', '.join(_label(name) for name in status['unusual'])}: {text.UNUSUAL}")
    if frame is not None and frame.valid and not frame.moment_valid:
        told.append("the feet do not carry the person: no moments")
    return told


def supply(status: Messages | None) -> list[Row]:
    """Battery, heat, power mode."""
    status = status or {}
    power, told = status.get("power") or {}, status.get("supply") or {}
    heat = {zone: c for zone, c in (status.get("temperature") or {}).items() if _is_number(c)}
    hottest = max(heat, key=lambda zone: heat[zone], default=None)
    low: Tone = "bad" if told.get("low") else "none"
    slowed = [str(name) for name in told.get("throttled") or ()]
    return [
        Row("Input", _join(_of(power, "rail_v", "{:.1f} V"), _of(power, "watts", "{:.1f} W")), low),
        Row("Battery", _join(_of(told, "percent", "{:.0f} %"), _minutes(told)), low),
        Row(
            "Hottest",
            f"{heat[hottest]:.0f} °C ({hottest})" if hottest else DASH,
            "bad" if told.get("hot") else "none",
        ),
        Row("Power mode", str(told.get("mode") or DASH)),
        Row("Slowed down", ", ".join(slowed) or ("no" if told else DASH), "bad" if slowed else "none"),
    ]


def timing(status: Messages | None) -> list[Row]:
    """Whether ticks are in time."""
    status = status or {}
    late = status.get("lateness_ms") or {}
    missed = [fault for fault in status.get("faults", ()) if fault.get("number") == 22]
    return [
        Row("Frames", _of(status, "rate_hz", "{:.1f} a second")),
        Row(
            "Lateness",
            " / ".join(text.number(late.get(name), 2) for name in ("p50", "p99", "max")) + " ms"
            if late
            else DASH,
        ),
        Row("Missed ticks", str(status.get("missed_ticks", DASH)), "bad" if missed else "none"),
        Row("Up", _of(status, "uptime_s", "{:.0f} s")),
    ]


def model(hello: Messages | None, status: Messages | None) -> list[Row]:
    """What computes the outcomes."""
    told = (hello or {}).get("model") or {}
    engine = _join((hello or {}).get("engine"), (hello or {}).get("precision"))
    coverage = (hello or {}).get("coverage")
    told_coverage = f"{100 * coverage:.0f} % of the time" if coverage is not None else DASH
    start = (status or {}).get("start")
    return [
        Row("Model", str(told.get("name", DASH))),
        Row("Hash", str(told.get("sha256", DASH))[:16]),
        Row("Engine", engine),
        Row("Intervals hold", told_coverage),
        *([Row("Start", str(start.get("text")))] if start else []),
    ]


def worn(status: Messages | None) -> list[Row]:
    """How it is worn: tare, fit check, wearer."""
    told = glance.facts(status or {})
    tare = (status or {}).get("tare") or {}
    fit = ((status or {}).get("fit") or {}).get("verdict")
    doubtful = tare.get("stale") or tare.get("other_device") or not tare
    return [
        Row("Tare", told["tare"], "wait" if doubtful else "good"),
        Row("Fit check", told["fit"], "good" if fit == "passed" else "wait"),
        Row("Wearer", told["wearer"], "none" if (status or {}).get("wearer") else "bad"),
    ]


def clients(status: Messages | None) -> list[Row]:
    """Who listens, and who was turned away since the start."""
    counts = dict((status or {}).get("clients") or {})
    connected = counts.pop("connected", None)
    rows = [Row("Connected", DASH if connected is None else str(connected))]
    names = {"over_limit": "too many"}
    return rows + [
        Row(f"Turned away: {names.get(name, name)}", str(n), "wait" if n else "none")
        for name, n in counts.items()
    ]


def recorder(status: Messages | None, hours: float | None) -> list[Row]:
    """hours: how long the disk will last, None where nobody knows."""
    report, wish = ((status or {}).get(key) for key in ("recording", "record"))
    state = str((report or {}).get("state", "none has told of itself"))
    tone: Tone = "good" if state == "recording" else "wait"
    lost = {name: (report or {}).get(name) for name in ("missed", "dropped")}
    rows = [Row("Recorder", _join(state, (report or {}).get("why")), tone)]
    if report:
        rows.append(Row("File", str(report.get("file") or DASH).rpartition("/")[2]))
        is_lossy = any(lost.values())
        rows.append(
            Row("Lost messages", str(sum(n or 0 for n in lost.values())), "bad" if is_lossy else "none")
        )
    if wish:
        rows.append(Row("Asked to", glance.wish(wish)))
    return [*rows, Row("Room for", DASH if hours is None else f"about {hours:.0f} h")]


def plain(rows: Sequence[Row]) -> list[dict[str, str]]:
    """Rows as plain types."""
    return [row._asdict() for row in rows]


def event(message: Messages) -> str:
    """One line of the list of what happened."""
    kind = str(message.get("kind", "?"))
    if kind == messages.RECORD:
        kind = "recording start" if message.get("wanted") else "recording stop"
    keys = (
        "phase",
        "subject",
        "task",
        "trial",
        "repetition",
        "text",
        "tare_id",
        "sides",
        "edge",
        "why",
        "found",
    )
    told = [f"{message[key]}" for key in keys if message.get(key) not in (None, "", [], {})]
    return " ".join([kind.replace("_", " "), *told])


def _sensor(name: str, stream: Messages | None) -> dict[str, Any]:
    stream = stream or {}
    alive, clock = bool(stream.get("alive")), stream.get("clock") or {}
    word, tone = _condition(stream)
    return {
        "name": name,
        "label": _LABELS[name],
        "word": word,
        "tone": tone,
        "rate": _of(stream, "rate_hz", "{:.1f}") if alive else DASH,
        "age": _of(stream, "age_ms", "{:.0f}") if alive else DASH,
        "drops": str(stream.get("drops", DASH)),
        "bad": str(stream.get("bad_bytes", DASH)),
        "offset": _seconds(clock.get("offset_ms")) if alive else DASH,
        "uncertainty": _of(clock, "uncertainty_ms", "{:.2f}") if alive else DASH,
        "skew": _of(clock, "skew_ppm", "{:.1f}") if alive else DASH,
        "device": " ".join(str(stream.get(key) or "") for key in ("model", "serial", "port")).strip() or DASH,
        "detail": _detail(stream),
    }


def _condition(stream: Messages) -> tuple[str, Tone]:
    if not stream:
        return "not known", "none"
    if not stream.get("alive"):
        return "missing", "bad"
    if not stream.get("valid"):
        return "stale", "bad"
    if stream.get("detail") or not stream.get("rate_ok"):
        return "doubtful", "wait"
    return "well", "good"


def _detail(stream: Messages) -> str:
    since_s = stream.get("missing_since_s")
    missing = [f"missing for {since_s:.0f} s"] if _is_number(since_s) else []
    return "; ".join([*filter(None, [stream.get("detail")]), *missing, *stream.get("notes", ())])


def _seconds(offset_ms: object) -> str:
    """A device counts from when it was switched on: hours, of which milliseconds matter."""
    return f"{offset_ms / 1000:.3f}" if isinstance(offset_ms, int | float) and _is_number(offset_ms) else DASH


def _label(name: str) -> str:
    return _LABELS.get(name, name)


def _minutes(told: Messages) -> str:
    if not _is_number(told.get("minutes")):
        return DASH
    return f"{told['minutes']:.0f} min left by {told.get('minutes_from')}"


def _of(table: Messages, key: str, layout: str) -> str:
    value = table.get(key)
    return layout.format(value) if _is_number(value) else DASH


def _join(*parts: object) -> str:
    return ", ".join(str(part) for part in parts if part not in (None, "", DASH)) or DASH


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
