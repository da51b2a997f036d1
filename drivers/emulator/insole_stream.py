"""Sample bodies of an emulated insole, a block at a time: pressures, force, centre of pressure, foot IMU."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from drivers.emulator.motion import Floats, FootLoad, Motion
from drivers.emulator.pressure_map import COLUMNS, RIGHT, ROWS, PressureMap
from drivers.samples import FLAG_IMU_VALID, FLAG_SATURATED
from drivers.units import STANDARD_GRAVITY
from drivers.xsensor import codec

Integers = npt.NDArray[np.int64]

_MAX_U16 = 0xFFFF
_MAX_I16 = 0x7FFF
_MAX_PRESSURE = 65_000  # what a crowded cell may carry; a little below what the wire can say
_BATTERY_MV = 3900
_SKIN_C = 31.0


class SampleBody(NamedTuple):
    """A SAMPLE's body and the header flags that belong to it."""

    flags: int
    body: bytes


class SampleEncoder:
    """Turns foot loads into sample bodies.

    maps: with pressures, or force and centre alone. Counts samples whose centre no map of this foot can have
    (the nearest is sent) and those whose force is more than all cells together can say.
    """

    def __init__(self, side: int, pitch_um: int, *, maps: bool) -> None:
        self.unreachable_samples = 0
        self.saturated_samples = 0
        self.map = PressureMap(side)
        self._outwards = 1.0 if side == RIGHT else -1.0
        self._pitch_m = pitch_um * 1e-6
        self._wire_per_n = 1e-3 / self._pitch_m**2 * codec.PRESSURE_PER_KPA
        self._maps = maps

    def encode(self, load: FootLoad) -> list[SampleBody]:
        """One body for each of the n instants of `load`."""
        n = len(load.force_n)
        limit = _MAX_PRESSURE / np.maximum(load.force_n * self._wire_per_n, 1.0)
        saturated = limit * self.map.cells < 1
        self.saturated_samples += int(np.count_nonzero(saturated))
        shares = self.map.shares_below(np.where(saturated, 1.0, limit), *self._centre(load))
        cells = self._cells(load.force_n, shares)
        column, row = self.map.centre_of(shares)
        cop = np.rint(np.stack([column, row], axis=1) * codec.COP_PER_CELL).astype(np.int64)
        cop[~load.cop_known | (load.force_n <= 0)] = codec.COP_UNDEFINED
        force = np.rint(load.force_n * codec.FORCE_PER_N).astype(np.int64).tolist()
        imu = _imu_integers(load.imu, n)
        imu_flag = FLAG_IMU_VALID if load.imu is not None else 0
        bodies = []
        for i, (v, at) in enumerate(zip(imu, cop.tolist(), strict=True)):
            sample = codec.Sample(
                (v[0], v[1], v[2]), (v[3], v[4], v[5]), (v[6], v[7], v[8], v[9]), force[i], at[0], at[1],
                _BATTERY_MV, round(_SKIN_C * codec.TEMPERATURE_PER_C), cells[i],
            )  # fmt: skip
            flags = imu_flag | (FLAG_SATURATED if saturated[i] else 0)
            bodies.append(SampleBody(flags, codec.encode_sample(sample)))
        return bodies

    def _centre(self, load: FootLoad) -> tuple[Floats, Floats]:
        """Column and row of the centre of pressure, 1-based, within this foot's reach."""
        anywhere = np.isnan(load.cop_ap_m) | np.isnan(load.cop_ml_m)
        at_rest = self.map.resting_centre()
        column = np.where(
            anywhere, at_rest[0], (COLUMNS + 1) / 2 + self._outwards * load.cop_ml_m / self._pitch_m
        )
        row = np.where(anywhere, at_rest[1], (ROWS + 1) / 2 - load.cop_ap_m / self._pitch_m)
        inside = self.map.reachable(column, row)
        moved = np.hypot(inside[0] - column, inside[1] - row) > 1e-6
        self.unreachable_samples += int(np.count_nonzero(moved & load.cop_known & (load.force_n > 0)))
        return inside

    def _cells(self, force_n: Floats, shares: Floats) -> list[bytes]:
        """Each sample's pressures as the wire has them."""
        if not self._maps:
            return [b""] * len(force_n)
        wire = np.rint(shares * (force_n * self._wire_per_n)[:, None])
        return [cells.tobytes() for cells in np.minimum(wire, _MAX_U16).astype("<u2")]


def _imu_integers(motion: Motion | None, n: int) -> list[list[int]]:
    """Acceleration, angular rate and quaternion in the wire's units, 10 integers a sample; zeros without an IMU."""
    if motion is None:
        return [[0] * 10] * n
    wire = np.concatenate(
        [
            motion.accel * (codec.ACCEL_PER_G / STANDARD_GRAVITY),
            motion.gyro * (codec.GYRO_PER_DEG_S * 180 / math.pi),
            motion.quaternion * codec.QUATERNION_PER_UNIT,
        ],
        axis=1,
    )
    integers: list[list[int]] = np.rint(np.clip(wire, -_MAX_I16, _MAX_I16)).astype(np.int64).tolist()
    return integers
