"""Data packets of an emulated MIP device, a block at a time: a thousand packets a second must cost next to nothing.

The framing is written a second time here, with arrays; a test holds it against the codec's `build_packet`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from drivers.emulator.motion import Floats, Motion
from drivers.units import STANDARD_GRAVITY

Bytes2D = npt.NDArray[np.uint8]

IMU_DATA = 0x80
FILTER_DATA = 0x82
_INTERNAL_COUNTS_PER_S = 62_500
_TIME_INITIALISED_AND_VALID = 4 | 8
_FILTER_RUNNING = (3, 1, 0)  # state, dynamics mode, status flags


class Readings(NamedTuple):
    """n instants to be sent: the motion, and the device's own time in seconds (n,)."""

    motion: Motion
    device_s: Floats


def data_packets(descriptor_set: int, descriptors: Sequence[int], readings: Readings) -> list[bytes]:
    """One packet for each instant, with the fields `descriptors` in that order."""
    n = len(readings.device_s)
    parts = []
    for descriptor in descriptors:
        data = FIELDS[descriptor_set, descriptor](readings)
        parts += [_constant(n, data.shape[1] + 2, descriptor), data]
    payload = np.concatenate(parts, axis=1) if parts else np.zeros((n, 0), np.uint8)
    body = np.concatenate([_constant(n, 0x75, 0x65, descriptor_set, payload.shape[1]), payload], axis=1)
    packets = np.concatenate([body, _checksums(body)], axis=1)
    size = packets.shape[1]
    whole = packets.tobytes()
    return [whole[i * size : (i + 1) * size] for i in range(n)]


def _checksums(body: Bytes2D) -> Bytes2D:
    wide = body.astype(np.uint32)
    weights = np.arange(body.shape[1], 0, -1, dtype=np.uint32)
    return np.stack([wide.sum(axis=1), wide @ weights], axis=1).astype(np.uint8)


def _constant(n: int, *values: int) -> Bytes2D:
    return np.tile(np.asarray(values, np.uint8), (n, 1))


def _big_endian(values: npt.NDArray[np.generic], kind: str) -> Bytes2D:
    wire = np.ascontiguousarray(values.astype(kind))
    return wire.view(np.uint8).reshape(len(wire), -1)


def _floats(values: Floats) -> Bytes2D:
    return _big_endian(values, ">f4")


def _halves(readings: Readings, *values: int) -> Bytes2D:
    return _big_endian(np.tile(np.asarray(values, np.uint16), (len(readings.device_s), 1)), ">u2")


def _timestamp(readings: Readings, flags: int) -> Bytes2D:
    return np.concatenate([_big_endian(readings.device_s, ">f8"), _halves(readings, 0, flags)], axis=1)


def _with_flags(values: Floats, readings: Readings) -> Bytes2D:
    return np.concatenate([_floats(values), _halves(readings, 1)], axis=1)


def _internal_counts(readings: Readings) -> Bytes2D:
    return _big_endian((readings.device_s * _INTERNAL_COUNTS_PER_S).astype(np.uint64), ">u4")


def _euler(quaternion: Floats) -> Floats:
    w, x, y, z = quaternion.T
    roll = np.arctan2(2 * (w * x + y * z), 1 - 2 * (x * x + y * y))
    pitch = np.arcsin(np.clip(2 * (w * y - z * x), -1, 1))
    yaw = np.arctan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))
    return np.stack([roll, pitch, yaw], axis=1)


def _linear_accel(motion: Motion) -> Floats:
    """Specific force without gravity, sensor frame: f + g, where g points down, turned into the sensor."""
    w, x, y, z = motion.quaternion.T
    down = np.stack([2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)], axis=1)
    return np.asarray(motion.accel + STANDARD_GRAVITY * down)


FIELDS: dict[tuple[int, int], Callable[[Readings], Bytes2D]] = {
    (IMU_DATA, 0x04): lambda r: _floats(r.motion.accel / STANDARD_GRAVITY),
    (IMU_DATA, 0x05): lambda r: _floats(r.motion.gyro),
    (IMU_DATA, 0x0A): lambda r: _floats(r.motion.quaternion),
    (IMU_DATA, 0x0C): lambda r: _floats(_euler(r.motion.quaternion)),
    (IMU_DATA, 0x0E): _internal_counts,
    (IMU_DATA, 0x12): lambda r: _timestamp(r, _TIME_INITIALISED_AND_VALID),
    (FILTER_DATA, 0x03): lambda r: _with_flags(r.motion.quaternion, r),
    (FILTER_DATA, 0x05): lambda r: _with_flags(_euler(r.motion.quaternion), r),
    (FILTER_DATA, 0x0D): lambda r: _with_flags(_linear_accel(r.motion), r),
    (FILTER_DATA, 0x10): lambda r: _halves(r, *_FILTER_RUNNING),
    (FILTER_DATA, 0x11): lambda r: _timestamp(r, 1),
}
