"""THE table of MIP data fields: name, layout, unit; and their decoding to SI.

A field longer than its layout is read as far as the layout goes; a shorter one gives no value.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from drivers.microstrain.codec import MipField
from drivers.units import STANDARD_GRAVITY

IMU_DATA = 0x80
FILTER_DATA = 0x82

ACCEL = 0x04
GYRO = 0x05
QUATERNION = 0x0A
EULER = 0x0C
INTERNAL_TIME = 0x0E
TIME = 0x12


class FieldLayout(NamedTuple):
    """How one data field is laid out. `si`: what its numbers are multiplied by; `unit`: theirs after that."""

    name: str
    layout: struct.Struct
    unit: str
    si: float = 1.0

    @property
    def wire_bytes(self) -> int:
        """Total length in a packet, the two header bytes included."""
        return self.layout.size + 2


FIELDS: dict[tuple[int, int], FieldLayout] = {
    (IMU_DATA, ACCEL): FieldLayout("scaled accel", struct.Struct(">3f"), "m/s²", STANDARD_GRAVITY),
    (IMU_DATA, GYRO): FieldLayout("scaled gyro", struct.Struct(">3f"), "rad/s"),
    (IMU_DATA, QUATERNION): FieldLayout("quaternion w x y z", struct.Struct(">4f"), "1"),
    (IMU_DATA, EULER): FieldLayout("roll pitch yaw", struct.Struct(">3f"), "rad"),
    (IMU_DATA, INTERNAL_TIME): FieldLayout("internal timestamp", struct.Struct(">I"), "counts"),
    (IMU_DATA, TIME): FieldLayout("GPS correlation timestamp, week, flags", struct.Struct(">dHH"), "s"),
    (FILTER_DATA, 0x03): FieldLayout("quaternion w x y z, flags", struct.Struct(">4fH"), "1"),
    (FILTER_DATA, 0x05): FieldLayout("roll pitch yaw, flags", struct.Struct(">3fH"), "rad"),
    (FILTER_DATA, 0x0D): FieldLayout("linear accel, flags", struct.Struct(">3fH"), "m/s²"),
    (FILTER_DATA, 0x10): FieldLayout("filter state, dynamics, flags", struct.Struct(">3H"), ""),
    (FILTER_DATA, 0x11): FieldLayout("filter timestamp, week, flags", struct.Struct(">dHH"), "s"),
}


def decode(descriptor_set: int, field: MipField) -> tuple[float, ...] | None:
    """The field's numbers in SI, in the table's order; None where the table has no such field or it is too short."""
    layout = FIELDS.get((descriptor_set, field.descriptor))
    if layout is None or len(field.data) < layout.layout.size:
        return None
    numbers = layout.layout.unpack_from(field.data)
    return tuple(number * layout.si for number in numbers) if layout.si != 1.0 else numbers


def packet_bytes(descriptors: tuple[int, ...]) -> int:
    """Length of an IMU data packet that carries these fields, framing included."""
    return 6 + sum(FIELDS[IMU_DATA, descriptor].wire_bytes for descriptor in descriptors)
