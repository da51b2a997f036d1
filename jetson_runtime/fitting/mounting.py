"""Sensors that do not sit as the config says: gravity shows what points up, bends what points to the right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

from jetson_runtime.fitting.measured import Measured
from jetson_runtime.suit.mounting import MOUNTINGS
from jetson_runtime.suit.signals import AXES, PARTS, STANDARD_GRAVITY, STREAMS

Doubles = npt.NDArray[np.float64]
Told = tuple[str, str, str, str]

# A badly strapped sensor leans by 20 degrees, one that is mounted otherwise by 90 or 180.
_LEAN_DEG = 45.0
_TURNED_DEG = 50.0
# What turns less shows no axis.
_BEND_DEG = 6.0
# Which way each part turns about z on the way down: thighs forward, shanks and trunk the other way.
_DOWN = {"back": -1, "pelvis": -1, "thigh_r": 1, "thigh_l": 1, "shank_r": -1, "shank_l": -1}
_SHAKEN = 0.25
_STREAM_OF = {stream.part: stream.name for stream in STREAMS}


def by_gravity(measured: Measured, mountings: Mapping[str, str]) -> Iterator[Told]:
    """Parts in which up is not y while the wearer stands."""
    for part, mean in zip(PARTS, measured.standing, strict=True):
        size = float(np.linalg.norm(mean))
        if abs(size / STANDARD_GRAVITY - 1.0) > _SHAKEN:
            text = f"felt {size:.1f} m/s² in the stance, where gravity is {STANDARD_GRAVITY:.1f}"
            yield (
                "stance",
                _STREAM_OF[part],
                text,
                "stand still and check again; if it stays, replace the sensor",
            )
            continue
        up = mean / size
        lean = float(np.degrees(np.arccos(np.clip(up[1], -1.0, 1.0))))
        if lean <= _LEAN_DEG:
            continue
        axis = int(np.argmax(np.abs(up)))
        sign = "+" if up[axis] > 0 else "-"
        if axis == 1:
            yield (
                "upside_down",
                _STREAM_OF[part],
                "is mounted upside down",
                _remedy(part, up, None, mountings),
            )
        else:
            text = f"is mounted rotated by {lean:.0f} degrees: its segment's {sign}{AXES[axis]} points up"
            yield "rotated", _STREAM_OF[part], text, _remedy(part, up, None, mountings)


def by_bends(measured: Measured, known: set[str], mountings: Mapping[str, str]) -> Iterator[Told]:
    """Parts that bend about another axis than the one across the body, though up is y. known: streams to leave out."""
    for part, sign in _DOWN.items():
        stream = _STREAM_OF[part]
        turned = measured.bent(part)
        across = np.hypot(turned[0], turned[2])
        if stream in known:
            continue
        if across < _BEND_DEG:
            text = f"turned by {across:.0f} degrees in all, which shows not how it is mounted"
            yield (
                "no_bend",
                stream,
                text,
                "check again and squat deeper, bending forward as to a box on the floor",
            )
            continue
        # Where the wearer's right lies in the segment's axes as the config has them.
        right = sign * np.array([turned[0], 0.0, turned[2]]) / across
        off = float(np.degrees(np.arctan2(right[0], right[2])))
        if abs(off) <= _TURNED_DEG:
            continue
        if abs(off) > 180.0 - _TURNED_DEG:
            text = "is mounted back to front: it bends the wrong way"
        else:
            text = f"is mounted rotated by {abs(off):.0f} degrees about its long axis"
        yield "rotated", stream, text, _remedy(part, np.array([0.0, 1.0, 0.0]), right, mountings)


def _remedy(part: str, up: Doubles, right: Doubles | None, mountings: Mapping[str, str]) -> str:
    """The mounting that would explain it, where up and right are known in the axes that the config's mounting gives."""
    stream = _STREAM_OF[part]
    if part.startswith("foot"):
        return "the insole link fixes its axes: look how the insole lies in the shoe"
    told = mountings.get(stream)
    if told is None or right is None:
        return f"mount it as mounting in [streams.{stream}] of suit.toml says, or correct that"
    sensor_up, sensor_right = MOUNTINGS[told].T @ up, MOUNTINGS[told].T @ right
    best = max(MOUNTINGS, key=lambda name: _fit(MOUNTINGS[name], sensor_up, sensor_right))
    return f'mount it as {told}, or write mounting = "{best}" in [streams.{stream}] of suit.toml'


def _fit(rotation: Doubles, up: Doubles, right: Doubles) -> float:
    """How well up becomes y and right z."""
    return float((rotation @ up)[1] + (rotation @ right)[2])
