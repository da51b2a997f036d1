"""Mistakes in how a suit is worn, planted into the rows of one that is worn well."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from jetson_runtime.suit.signals import CHANNEL_INDEX, SIDES

Rows = npt.NDArray[np.float64]
Mistake = Callable[[Rows], Rows]

_HALF_TURN = {"x": (1.0, -1.0, -1.0), "y": (-1.0, 1.0, -1.0), "z": (-1.0, -1.0, 1.0)}
_NEXT = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}


def half_turn(part: str, axis: str) -> Mistake:
    """The part's IMU turned by 180 degrees about its segment's axis: upside down by x or z, back to front by y."""
    return lambda rows: _on(rows, part, lambda values: values * np.tile(_HALF_TURN[axis], 2))


def quarter_turn(part: str, axis: str, sign: int) -> Mistake:
    """The part's IMU turned by 90 degrees."""
    j, k = _NEXT[axis]

    def turn(values: Rows) -> Rows:
        out = values.copy()
        for first in (0, 3):
            out[:, first + j], out[:, first + k] = -sign * values[:, first + k], sign * values[:, first + j]
        return out

    return lambda rows: _on(rows, part, turn)


def exchanged(one: str, other: str, *, mirrored: bool) -> Mistake:
    """Two IMUs on each other's part. mirrored: they face away from the body, as on the outer sides of both legs."""
    turn = np.tile(_HALF_TURN["y"] if mirrored else (1.0, 1.0, 1.0), 2)

    def exchange(rows: Rows) -> Rows:
        out = rows.copy()
        out[:, _imu(one)], out[:, _imu(other)] = rows[:, _imu(other)] * turn, rows[:, _imu(one)] * turn
        return out

    return exchange


def insoles_exchanged(rows: Rows) -> Rows:
    """Left insole in the right shoe and the other way round."""
    out = rows.copy()
    for one, other in ("rl", "lr"):
        out[:, _imu(f"foot_{one}")], out[:, _load(one)] = (
            rows[:, _imu(f"foot_{other}")],
            rows[:, _load(other)],
        )
    return out


def of_mass(factor: float) -> Mistake:
    """A wearer of so many times the mass that was set."""

    def weigh(rows: Rows) -> Rows:
        out = rows.copy()
        for side in SIDES:
            out[:, _load(side).start] *= factor
        return out

    return weigh


def not_zeroed(side: str, bodyweights: float) -> Mistake:
    """An insole that reads so much under nobody."""

    def load(rows: Rows) -> Rows:
        out = rows.copy()
        out[:, _load(side).start] += bodyweights
        return out

    return load


def insole_late(side: str, ticks: int) -> Mistake:
    """An insole whose link has another delay than the config says."""

    def delay(rows: Rows) -> Rows:
        out = rows.copy()
        for columns in (_imu(f"foot_{side}"), _load(side)):
            out[:, columns] = np.roll(rows[:, columns], ticks, axis=0)
        return out

    return delay


def missing(part: str) -> Mistake:
    """The part's IMU gave nothing for a third of the check."""

    def lose(rows: Rows) -> Rows:
        out = rows.copy()
        out[: len(rows) // 3, _imu(part)] = np.nan
        return out

    return lose


def _on(rows: Rows, part: str, turn: Mistake) -> Rows:
    out = rows.copy()
    out[:, _imu(part)] = turn(rows[:, _imu(part)])
    return out


def _imu(part: str) -> slice:
    first = CHANNEL_INDEX[f"{part}_accel_x"]
    return slice(first, first + 6)


def _load(side: str) -> slice:
    first = CHANNEL_INDEX[f"insole_{side}_vgrf"]
    return slice(first, first + 3)
