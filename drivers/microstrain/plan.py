"""What an IMU is asked to stream, given its base rate and what its line carries. Pure."""

from __future__ import annotations

from typing import NamedTuple

from drivers.microstrain.fields import ACCEL, GYRO, QUATERNION, TIME, packet_bytes

_LINE_SHARE = 0.95  # of a UART's capacity that a stream may take
_BITS_PER_BYTE = 10  # with start and stop bit


class StreamPlan(NamedTuple):
    """What the device is asked to stream, and what about it is not as wished."""

    descriptors: tuple[int, ...]
    decimation: int
    notes: tuple[str, ...]


def plan_stream(base_rate_hz: int, rate_hz: int, *, quaternion: bool, baud: int | None) -> StreamPlan:
    """The rate at or above `rate_hz` that divides the base, and the fields that fit on the line.

    `baud`: None where the port carries bytes at no baud rate. A line too slow loses the quaternion first, then rate.
    """
    needed = (ACCEL, GYRO, TIME)
    wished = (ACCEL, GYRO, QUATERNION, TIME) if quaternion else needed
    decimation = max(1, base_rate_hz // rate_hz)
    notes = []
    if not quaternion:
        notes.append("no quaternion: the device has none")
    elif not _fits(wished, base_rate_hz / decimation, baud):
        wished = needed
        notes.append(
            f"no quaternion: {baud} baud cannot carry it at {base_rate_hz / decimation:g} Hz; use 230400 or more"
        )
    while not _fits(wished, base_rate_hz / decimation, baud):
        decimation += 1
    chosen = base_rate_hz / decimation
    if chosen > rate_hz:
        notes.append(f"rate {chosen:g} Hz: {rate_hz} does not divide the base rate of {base_rate_hz} Hz")
    elif chosen < rate_hz:
        why = f"the base rate is {base_rate_hz} Hz" if decimation == 1 else f"{baud} baud cannot carry more"
        notes.append(f"rate {chosen:g} Hz instead of {rate_hz}: {why}")
    return StreamPlan(wished, decimation, tuple(notes))


def _fits(descriptors: tuple[int, ...], rate_hz: float, baud: int | None) -> bool:
    bits_per_s = packet_bytes(descriptors) * _BITS_PER_BYTE * rate_hz
    return baud is None or bits_per_s <= _LINE_SHARE * baud
