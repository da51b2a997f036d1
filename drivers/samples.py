"""What a driver hands out: one sample of one device, in SI units, in the sensor's own axes."""

from __future__ import annotations

import math
from typing import NamedTuple

Vector3 = tuple[float, float, float]
Quaternion = tuple[float, float, float, float]

# `InsoleSample.flags`, with the bits that the open insole link gives them.
FLAG_IMU_VALID = 1
FLAG_ZEROED = 2
FLAG_SATURATED = 4
FLAG_OVERRUN = 8
FLAG_CLOCK_STEPPED = 16
FLAG_SIMULATED = 128


class ClockFacts(NamedTuple):
    """What a device's time stamps are.

    stamp_resolution_ns: their step; None where the link says finer than the device may count, so that it is to be
    seen from the stamps. rollover_ns: where its counter starts again at zero, None where it does not.
    """

    stamp_resolution_ns: int | None = 1
    rollover_ns: int | None = None


class FullScale(NamedTuple):
    """Where a device's readings end: accel in m/s², gyro in rad/s; infinite where it does not tell."""

    accel: float = math.inf
    gyro: float = math.inf


class ImuSample(NamedTuple):
    """One reading of an inertial measurement unit.

    device_ns: the device's own clock, ns since its power-up. receive_ns: CLOCK_MONOTONIC of the read that
    completed the packet. accel: specific force, m/s². gyro: rad/s. quaternion: w, x, y, z, or None where the
    message format leaves it out.
    """

    device_ns: int
    receive_ns: int
    accel: Vector3
    gyro: Vector3
    quaternion: Quaternion | None


class CellGrid(NamedTuple):
    """Where an insole's cells are. live: of each place, row-major from the toes, whether there is a cell.

    Column 1 is the leftmost seen from above, on both feet. pitch_m: from one cell to the next.
    """

    rows: int
    columns: int
    pitch_m: float
    live: tuple[bool, ...]


class InsoleSample(NamedTuple):
    """One reading of an insole with its foot IMU.

    flags: FLAG_* of this module, as sent; after FLAG_CLOCK_STEPPED device_ns has another origin than before.
    force_n: vertical force, N. cop_ap_m, cop_ml_m: centre of pressure from the centre of the sensor grid, m,
    positive towards the toes and towards the lateral edge; NaN while the foot is unloaded. accel, gyro,
    quaternion: the foot IMU, None while the device says it is not valid. cells: the pressure map as sent, to be read
    by `drivers.xsensor.pressure.pressures_kpa`; empty where the device sends only force and centre. grid: of the cells.
    """

    device_ns: int
    receive_ns: int
    sequence: int
    flags: int
    force_n: float
    cop_ap_m: float
    cop_ml_m: float
    accel: Vector3 | None
    gyro: Vector3 | None
    quaternion: Quaternion | None
    cells: bytes
    battery_mv: int
    temperature_c: float
    grid: CellGrid | None = None
