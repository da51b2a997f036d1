"""IMU data packets to samples in SI units; what cannot become one is counted. Pure."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from math import isfinite

from drivers.microstrain.codec import SYNC, split_fields
from drivers.microstrain.fields import ACCEL, FIELDS, GYRO, IMU_DATA, QUATERNION, TIME
from drivers.samples import ImuSample, Quaternion, Vector3
from drivers.units import STANDARD_GRAVITY

_MAX_TIME_S = 1e9
# The widest ranges a 3DM-GX5-25 can be bought with are 40 g and 1000 deg/s (17.5 rad/s), a unit quaternion's numbers
# end at 1: beyond these no reading is a motion, however finite it is and however right its checksum.
_MOST_G = 100.0
_MOST_RAD_S = 50.0
_MOST_QUATERNION = 1.5
_unpack_accel = FIELDS[IMU_DATA, ACCEL].layout.unpack_from
_unpack_gyro = FIELDS[IMU_DATA, GYRO].layout.unpack_from
_unpack_quaternion = FIELDS[IMU_DATA, QUATERNION].layout.unpack_from
_unpack_time = FIELDS[IMU_DATA, TIME].layout.unpack_from


class SampleDecoder:
    """For a device that was asked for `descriptors` in this order; a packet that differs is read field by field.

    without_time, without_data, not_finite, out_of_range: IMU packets that gave no sample, and why.
    """

    def __init__(self, descriptors: Sequence[int]) -> None:
        self.other_packets = 0
        self.without_time = 0
        self.without_data = 0
        self.not_finite = 0
        self.out_of_range = 0
        layout = _Layout(descriptors)
        self._size, self._unpack = layout.struct.size, layout.struct.unpack
        self._head_mask, self._heads = layout.head_mask, layout.heads
        self._accel, self._gyro = layout.numbers[ACCEL], layout.numbers[GYRO]
        self._quaternion = layout.numbers.get(QUATERNION)
        self._seconds = layout.numbers[TIME].start

    def sample(self, packet: bytes, receive_ns: int) -> ImuSample | None:
        """The sample in a packet that `MipParser.cut` handed on."""
        if len(packet) != self._size or int.from_bytes(packet, "big") & self._head_mask != self._heads:
            return self._sample_of_fields(packet, receive_ns)
        numbers = self._unpack(packet)
        quaternion = numbers[self._quaternion] if self._quaternion else None
        return self._checked(
            numbers[self._accel], numbers[self._gyro], quaternion, numbers[self._seconds], receive_ns
        )

    def _sample_of_fields(self, packet: bytes, receive_ns: int) -> ImuSample | None:
        """Each field as `fields.py` says: a longer one is read as far as its layout goes."""
        if packet[2] != IMU_DATA:
            self.other_packets += 1
            return None
        accel = gyro = quaternion = seconds = None
        for descriptor, data in split_fields(packet):
            size = len(data)
            if descriptor == ACCEL and size >= 12:
                accel = _unpack_accel(data)
            elif descriptor == GYRO and size >= 12:
                gyro = _unpack_gyro(data)
            elif descriptor == QUATERNION and size >= 16:
                quaternion = _unpack_quaternion(data)
            elif descriptor == TIME and size >= 12:
                seconds = _unpack_time(data)[0]
        return self._checked(accel, gyro, quaternion, seconds, receive_ns)

    def _checked(
        self,
        accel: Vector3 | None,
        gyro: Vector3 | None,
        quaternion: Quaternion | None,
        seconds: float | None,
        receive_ns: int,
    ) -> ImuSample | None:
        """`accel` in g; None where the packet has no such field."""
        if seconds is None or not 0.0 <= seconds < _MAX_TIME_S:
            self.without_time += 1
            return None
        if accel is None or gyro is None:
            self.without_data += 1
            return None
        if not _in_range(accel, gyro, quaternion):
            if isfinite(sum(accel) + sum(gyro) + sum(quaternion or ())):
                self.out_of_range += 1
            else:
                self.not_finite += 1
            return None
        x, y, z = accel
        acceleration = (x * STANDARD_GRAVITY, y * STANDARD_GRAVITY, z * STANDARD_GRAVITY)
        return ImuSample(round(seconds * 1e9), receive_ns, acceleration, gyro, quaternion)


class _Layout:
    """A packet of just these fields: how its numbers are unpacked at once, and the bits by which it is known.

    numbers: where each field's numbers are in what `struct` unpacks. A packet is of this layout where it has its size
    and its bits under `head_mask`, as one big-endian number, are `heads`.
    """

    def __init__(self, descriptors: Sequence[int]) -> None:
        self.numbers: dict[int, slice] = {}
        code, heads, known, count = ">4x", b"", b"", 0
        for descriptor in descriptors:
            layout = FIELDS[IMU_DATA, descriptor].layout
            code += "2x" + layout.format.removeprefix(">")
            heads += bytes((layout.size + 2, descriptor)) + bytes(layout.size)
            known += b"\xff\xff" + bytes(layout.size)
            size = len(layout.unpack(bytes(layout.size)))
            self.numbers[descriptor] = slice(count, count + size)
            count += size
        self.struct = struct.Struct(code + "2x")
        packet_head = SYNC + bytes((IMU_DATA, len(heads)))
        self.heads = int.from_bytes(packet_head + heads + b"\0\0", "big")
        self.head_mask = int.from_bytes(b"\xff" * len(packet_head) + known + b"\0\0", "big")


def _in_range(accel: Vector3, gyro: Vector3, quaternion: Quaternion | None) -> bool:
    """False for what is no number, too."""
    ax, ay, az = accel
    gx, gy, gz = gyro
    if not (
        -_MOST_G <= ax <= _MOST_G
        and -_MOST_G <= ay <= _MOST_G
        and -_MOST_G <= az <= _MOST_G
        and -_MOST_RAD_S <= gx <= _MOST_RAD_S
        and -_MOST_RAD_S <= gy <= _MOST_RAD_S
        and -_MOST_RAD_S <= gz <= _MOST_RAD_S
    ):
        return False
    if quaternion is None:
        return True
    qw, qx, qy, qz = quaternion
    return (
        -_MOST_QUATERNION <= qw <= _MOST_QUATERNION
        and -_MOST_QUATERNION <= qx <= _MOST_QUATERNION
        and -_MOST_QUATERNION <= qy <= _MOST_QUATERNION
        and -_MOST_QUATERNION <= qz <= _MOST_QUATERNION
    )
