"""What the gyroscopes on both sides of a joint say of its angle, against the labels.

About the axis to the wearer's right, thigh minus pelvis turns as the hip flexes, thigh minus shank as the knee does,
foot minus shank as the ankle, back minus pelvis as the lower back extends. A unit, a sign, an axis, a side or a time
that is wrong breaks this, and what mends it tells which it was.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from jetson_runtime.suit.signals import RATE_HZ, SIDES
from models.checks.sheet import Sheet

Doubles = npt.NDArray[np.float64]

# Labels are smooth, sensors are not: both rates are means over this many rows before and after.
_HALF = 4
# Slower joints say nothing; fewer rows neither.
MOVING_RAD_S, _ENOUGH_ROWS = 0.3, 60
# Real trials have 0.92 and more.
AGREES, DISAGREES = 0.8, 0.5


@dataclass(frozen=True)
class Joint:
    """label: the angle whose rate is that of sensor `plus` less that of `minus`."""

    label: str
    plus: str
    minus: str


_SENSORS = (
    ("hip_flexion", "thigh_{}", "pelvis"),
    ("knee_angle", "thigh_{}", "shank_{}"),
    ("ankle_angle", "foot_{}", "shank_{}"),
)
JOINTS = (
    *(
        Joint(f"{label}_{side}", plus.format(side), minus.format(side))
        for label, plus, minus in _SENSORS
        for side in SIDES
    ),
    Joint("lumbar_extension", "back", "pelvis"),
)


@dataclass(frozen=True)
class Fit:
    """correlation of label rate and gyro rate; slope: label rate for each unit of gyro rate."""

    correlation: float
    slope: float


@dataclass(frozen=True)
class Evidence:
    """angles: label -> its rate [rad/s]; rates: part -> its gyroscope about z; gyros: part -> (rows, 3)."""

    angles: dict[str, Doubles]
    rates: dict[str, Doubles]
    gyros: dict[str, Doubles]

    def fits(self, late: int = 0) -> dict[str, Fit]:
        """label -> fit of each joint that can be told, the labels taken `late` rows later."""
        out = {}
        for joint in JOINTS:
            if joint.label in self.angles and joint.plus in self.rates and joint.minus in self.rates:
                turning = self.rates[joint.plus] - self.rates[joint.minus]
                fit = _fit(np.roll(self.angles[joint.label], -late), turning, abs(late))
                if fit is not None:
                    out[joint.label] = fit
        return out

    def moving(self) -> Evidence:
        """Only the joints whose labels move enough to tell."""
        known = {name: rate for name, rate in self.angles.items() if np.isfinite(rate).any()}
        fast = {name: rate for name, rate in known.items() if float(np.nanstd(rate)) > MOVING_RAD_S}
        return Evidence(fast, self.rates, self.gyros)

    def scaled(self, angles: float, rates: float) -> Evidence:
        """All labels and all gyroscopes multiplied."""
        return Evidence(
            {name: rate * angles for name, rate in self.angles.items()},
            {part: rate * rates for part, rate in self.rates.items()},
            {part: gyro * rates for part, gyro in self.gyros.items()},
        )


def evidence(sheet: Sheet) -> Evidence:
    """What the file holds of labels and gyroscopes."""
    parts = dict.fromkeys(part for joint in JOINTS for part in (joint.plus, joint.minus))
    gyros = {part: gyro for part in parts if (gyro := sheet.vector(part, "gyro")) is not None}
    columns = {joint.label: sheet.stack(joint.label) for joint in JOINTS}
    angles = {name: _rate(np.radians(one[:, 0])) for name, one in columns.items() if one is not None}
    return Evidence(angles, {part: gyro[:, 2] for part, gyro in gyros.items()}, gyros)


def _rate(values: Doubles) -> Doubles:
    """(n,) change for each second over 2 _HALF rows, NaN at the ends."""
    out = np.full(len(values), np.nan)
    if len(values) > 2 * _HALF:
        out[_HALF:-_HALF] = (values[2 * _HALF :] - values[: -2 * _HALF]) * (RATE_HZ / (2 * _HALF))
    return out


def _fit(angle: Doubles, gyro: Doubles, margin: int) -> Fit | None:
    if len(angle) < _ENOUGH_ROWS:
        return None
    smooth = np.convolve(gyro, np.ones(2 * _HALF) / (2 * _HALF), "same")
    known = np.isfinite(angle) & np.isfinite(smooth)
    known[: margin + _HALF], known[len(known) - margin - _HALF :] = False, False
    a, g = angle[known], smooth[known]
    if len(a) < _ENOUGH_ROWS or np.ptp(a) == 0.0 or np.ptp(g) == 0.0:
        return None
    return Fit(float(np.corrcoef(a, g)[0, 1]), float(a @ g / (g @ g)))
