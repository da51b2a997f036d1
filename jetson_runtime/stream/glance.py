"""What a technician wants to know of a `status` before anything else, a line each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jetson_runtime.suit.labels import LABELS
from jetson_runtime.suit.signals import STREAM_NAMES

_FIT = {
    "passed": "passed",
    "refused": "REFUSED: {found}; mend it, then `second-skin fit`",
    "outdated": "REQUIRED: wearer or mounting have changed since; `second-skin fit`",
    "never": "never made; `second-skin fit`",
}


def lines(status: Mapping[str, Any]) -> list[str]:
    """`facts` for a terminal."""
    return [f"{name:<9}{text}" for name, text in facts(status).items()]


def facts(status: Mapping[str, Any]) -> dict[str, str]:
    """Devices, tare, fit, wearer, clients, supply, recorder and how the service started; unknown keys are dashes."""
    told = {
        "devices": _devices(status.get("streams") or {}),
        "tare": _tare(status.get("tare")),
        "fit": _fit(status.get("fit") or {}),
        "wearer": _wearer(status.get("wearer")),
        "clients": _clients(status.get("clients") or {}),
        "supply": _supply(status),
        "recorder": _recorder(status.get("recording"), status.get("record")),
    }
    if status.get("start"):
        told["start"] = str(status["start"].get("text"))
    return told


def age(seconds: float | None) -> str:
    """As one says it: 40 s, 12 min, 5 h, 3 days."""
    if seconds is None:
        return "of unknown age"
    for limit, unit, name in ((120.0, 1.0, "s"), (7200.0, 60.0, "min"), (172_800.0, 3600.0, "h")):
        if seconds < limit:
            return f"{seconds / unit:.0f} {name} old"
    return f"{seconds / 86_400.0:.0f} days old"


def _devices(streams: Mapping[str, Mapping[str, Any]]) -> str:
    well = [n for n in STREAM_NAMES if streams.get(n, {}).get("valid") and streams[n].get("rate_ok")]
    others = [name for name in STREAM_NAMES if name not in well]
    return f"{len(well)} of {len(STREAM_NAMES)} well" + (f"; not {' '.join(others)}" if others else "")


def _tare(tare: Mapping[str, Any] | None) -> str:
    if tare is None:
        return "none; stand neutral, then `second-skin tare`"
    notes = [age(tare.get("age_s"))]
    notes += ["the one before the last"] if tare.get("stale") else []
    for key, text in (("without_heading", "no heading"), ("other_device", "another device")):
        if tare.get(key):
            notes.append(f"{text} at {' '.join(tare[key])}")
    return "; ".join(notes)


def _fit(fit: Mapping[str, Any]) -> str:
    verdict = str(fit.get("verdict", "-"))
    text = _FIT.get(verdict, verdict).format(found="; ".join(map(str, fit.get("found", ()))))
    return f"{text}, {age(fit['age_s'])}" if verdict == "passed" else text


def _wearer(wearer: Mapping[str, Any] | None) -> str:
    if wearer is None:
        return "none: no frame is valid; `second-skin wearer set`"
    mass, length, width = (wearer.get(key) for key in ("mass_kg", "foot_length_m", "foot_width_m"))
    if not (mass and length and width):
        return "-"
    return f"{round(mass, 1):g} kg, foot {round(100 * length, 1):g} x {round(100 * width, 1):g} cm"


def _clients(clients: Mapping[str, int]) -> str:
    away = [f"{count} {name.replace('_', ' ')}" for name, count in clients.items() if name != "connected"]
    return f"{clients.get('connected', '-')} connected; turned away since the start: {', '.join(away) or '-'}"


def _supply(status: Mapping[str, Any]) -> str:
    supply, rail = status.get("supply") or {}, status.get("power") or {}
    facts = []
    if supply.get("low"):
        facts.append("LOW")
    if rail.get("rail_v") is not None:
        facts.append(f"{rail['rail_v']:.1f} V")
    if rail.get("watts") is not None:
        facts.append(f"{rail['watts']:.1f} W")
    if supply.get("percent") is not None:
        facts.append(f"battery {supply['percent']:.0f} %")
    if supply.get("minutes") is not None:
        facts.append(f"{supply['minutes']:.0f} min left ({supply.get('minutes_from')})")
    heat = [value for value in (status.get("temperature") or {}).values() if isinstance(value, int | float)]
    facts += [f"{max(heat):.0f} °C"] if heat else []
    facts += [f"power mode {supply['mode']}"] if supply.get("mode") else []
    facts += [f"slowed down: {' '.join(map(str, supply['throttled']))}"] if supply.get("throttled") else []
    return ", ".join(facts) or "this machine tells nothing of it"


def wish(record: Mapping[str, Any]) -> str:
    """What was asked of the recorder last: start or stop, of what, how long ago."""
    labels = [str(record[name]) for name in LABELS if record.get(name)]
    return " ".join(["start" if record.get("wanted") else "stop", *labels, f"({age(record.get('age_s'))})"])


def _recorder(report: Mapping[str, Any] | None, record: Mapping[str, Any] | None) -> str:
    told = "none has told of itself"
    if report is not None:
        state, file, why = (str(report.get(key) or "") for key in ("state", "file", "why"))
        told = " ".join(part for part in (state, file and f"to {file}", why and f"({why})") if part)
    return f"{told}; asked to {wish(record)}" if record else told
