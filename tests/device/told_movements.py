"""The movements of the fit check, as an emulated wearer does them: by the clock, from the moment they are told."""

from __future__ import annotations

import numpy as np
from person import Doubles

from drivers.emulator.motion import Nanoseconds
from jetson_runtime.fitting.protocol import LIFT_LEFT, LIFT_RIGHT, SQUAT, STAMP, Phase

# Degrees about z at the most: forward for a thigh, the other way for a shank and for a trunk that bends down.
_LIFT = {"thigh": 60.0, "shank": -30.0, "foot": -20.0}
_SQUAT = {"thigh": 80.0, "shank": -25.0, "pelvis": -35.0, "back": -45.0}
# A reaction time after the word, and the share of a phase that is left for coming back.
_REACTION_S, _RETURN_S = 0.4, 0.6
_RISE_S = 0.8
# A stamp as the foot and the shank feel it, and which.
_STAMPS_S = {"r": (1.5, 5.5), "l": (3.5,)}
_JOLT, _JOLT_S = 45.0, 0.06


class FitMovements:
    """begin_ns: when the first instruction is given, on CLOCK_MONOTONIC."""

    def __init__(self, begin_ns: int) -> None:
        self._begin_ns = begin_ns

    def pitch(self, part: str, host_ns: Nanoseconds) -> Doubles:
        """(n,) radians."""
        at_s = self._since(host_ns)
        segment, _, side = part.partition("_")
        degrees = _SQUAT.get(segment, 0.0) * _held(SQUAT, at_s)
        if side:
            degrees = degrees + _LIFT.get(segment, 0.0) * _held(_lift_of(side), at_s)
        return np.asarray(np.radians(degrees))

    def jolt(self, part: str, host_ns: Nanoseconds) -> Doubles:
        """(n,) m/s²."""
        into = self._since(host_ns) - STAMP.begin_s
        segment, _, side = part.partition("_")
        if segment not in ("foot", "shank"):
            return np.zeros_like(into)
        pulses = [np.clip(1.0 - np.abs(into - at) / _JOLT_S, 0.0, None) for at in _STAMPS_S[side]]
        return np.asarray(_JOLT * np.sum(pulses, axis=0))

    def load(self, side: str, host_ns: Nanoseconds) -> Doubles:
        """(n,): nothing under the lifted foot, twice its part under the other."""
        at_s = self._since(host_ns)
        other = "l" if side == "r" else "r"
        return 1.0 - _held(_lift_of(side), at_s) + _held(_lift_of(other), at_s)

    def _since(self, host_ns: Nanoseconds) -> Doubles:
        return np.asarray((host_ns - self._begin_ns) * 1e-9)


def _lift_of(side: str) -> Phase:
    return LIFT_RIGHT if side == "r" else LIFT_LEFT


def _held(phase: Phase, at_s: Doubles) -> Doubles:
    """(n,) 0 to 1: up after the word, held, and back before the next one."""
    up = (at_s - phase.begin_s - _REACTION_S) / _RISE_S
    down = (phase.end_s - _RETURN_S + _RISE_S - at_s) / _RISE_S
    share = np.clip(np.minimum(up, down), 0.0, 1.0)
    return np.asarray(0.5 - 0.5 * np.cos(np.pi * share))
