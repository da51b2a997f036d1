"""What the channels of the LSL stream of frames are, and the numbers of one sample. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jetson_runtime.suit.signals import CHANNELS, SIDES

# By the map of a frame that holds them: what is added to a coordinate's name, the type, the unit.
_JOINTS = {
    "angle": ("", "Angle", "deg"),
    "angle_imu": ("_imu", "Angle", "deg"),
    "velocity": ("_velocity", "AngularVelocity", "deg/s"),
    "moment": ("", "Moment", "Nm/kg"),
}
# The network's: NaN while the frame is not valid, also where the suit's config asks for best-effort values.
_VOUCHED_FOR = ("angle", "moment")
_GROUND = {
    "vgrf": "Force",
    "cop_ap": "CentreOfPressure",
    "cop_ml": "CentreOfPressure",
    "contact": "Contact",
}
# When a foot landed and left the ground: by the key in `ground`, the kind of its marker.
_STEPS = {"heel_strike_ns": "heel_strike", "toe_off_ns": "toe_off"}
_FLAGS = {"valid": "Validity", "moment_valid": "Validity"}
_FLAG_UNIT = "0 or 1"


@dataclass(frozen=True)
class LslChannel:
    """One channel: label, unit and type as XDF's metadata has them; path: its keys in a `frame`."""

    label: str
    unit: str
    type: str
    path: tuple[str, ...]
    positive: str = ""


def channels(frame: Mapping[str, Any], hello: Mapping[str, Any]) -> tuple[LslChannel, ...]:
    """All that a session's frames hold for LSL. positive: of an outcome, in words which way its number grows."""
    outcomes = {outcome["name"]: outcome for outcome in hello["outcomes"]}
    velocities = {velocity["name"]: velocity for velocity in hello.get("velocities", ())}
    found = []
    for group, (suffix, kind, unit) in _JOINTS.items():
        told = velocities if group == "velocity" else outcomes
        for name in frame.get(group) or {}:
            of_it = told.get(name, {})
            found.append(
                LslChannel(
                    name + suffix, of_it.get("unit", unit), kind, (group, name), of_it.get("positive", "")
                )
            )
    units = {channel.name: channel.unit for channel in CHANNELS}
    for side in SIDES:
        for key, kind in _GROUND.items():
            unit = units.get(f"insole_{side}_{key}", _FLAG_UNIT)
            found.append(LslChannel(f"{key}_{side}", unit, kind, ("ground", side, key)))
    found += [LslChannel(key, _FLAG_UNIT, kind, (key,)) for key, kind in _FLAGS.items() if key in frame]
    return tuple(found)


def sample(layout: Sequence[LslChannel], frame: Mapping[str, Any]) -> list[float]:
    """The numbers of a frame, in the order of `layout`; NaN for what it does not tell or does not vouch for."""
    valid = frame["valid"]
    return [
        math.nan if channel.path[0] in _VOUCHED_FOR and not valid else _number(frame, channel.path)
        for channel in layout
    ]


def nothing(layout: Sequence[LslChannel]) -> list[float]:
    """The sample of a tick of which no frame came: NaN, and not valid."""
    return [0.0 if channel.type == "Validity" else math.nan for channel in layout]


def steps(frame: Mapping[str, Any]) -> dict[tuple[str, str], int]:
    """By side and kind, when the foot last did it, ns of the service's clock; what it has not done is not there."""
    return {
        (side, kind): foot[key]
        for side, foot in frame["ground"].items()
        for key, kind in _STEPS.items()
        if foot.get(key) is not None
    }


def _number(frame: Mapping[str, Any], path: tuple[str, ...]) -> float:
    value: Any = frame
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return math.nan if value is None else float(value)
