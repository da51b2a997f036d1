"""Field decoding against the values that the vendor's own extractors gave for the same bytes."""

from __future__ import annotations

import json
import math
import struct
from pathlib import Path
from typing import Any

import pytest

from drivers.microstrain.codec import MipField
from drivers.microstrain.fields import ACCEL, FIELDS, GYRO, IMU_DATA, QUATERNION, TIME, decode, packet_bytes


@pytest.fixture(scope="module")
def decoded_fields(shared: Path) -> list[tuple[int, MipField, dict[str, Any]]]:
    """Every field of our table that the vendor's extractors decoded."""
    vectors = json.loads((shared / "protocol" / "mip_vectors.json").read_text())
    return [
        (
            int(packet["descriptor_set"], 16),
            MipField(int(field["descriptor"], 16), bytes.fromhex(field["hex"])),
            field["decoded"],
        )
        for packet in vectors
        for field in packet["fields"]
        if field["decoded"] and (int(packet["descriptor_set"], 16), int(field["descriptor"], 16)) in FIELDS
    ]


def vendor_numbers(decoded: dict[str, Any]) -> list[float]:
    numbers: list[float] = []
    for key, value in decoded.items():
        if key != "type":
            numbers += [float(number) for number in (value if isinstance(value, list) else [value])]
    return numbers


def test_values_are_the_vendor_s_in_si(decoded_fields: list[tuple[int, MipField, dict[str, Any]]]) -> None:
    seen = set()
    for descriptor_set, field, vendor in decoded_fields:
        layout = FIELDS[descriptor_set, field.descriptor]
        if len(field.data) < layout.layout.size:
            continue
        ours = decode(descriptor_set, field)
        assert ours is not None
        expected = [number * layout.si for number in vendor_numbers(vendor)]
        assert ours == pytest.approx(expected, rel=1e-9, nan_ok=True), vendor
        seen.add((descriptor_set, field.descriptor))
    assert seen == set(FIELDS)


def test_gravity_reads_in_metres_per_second_squared() -> None:
    assert decode(IMU_DATA, MipField(ACCEL, struct.pack(">3f", 0, 0, -1))) == (0.0, 0.0, -9.80665)


@pytest.mark.parametrize("key", list(FIELDS))
def test_short_fields_give_no_value_and_longer_ones_do(key: tuple[int, int]) -> None:
    descriptor_set, descriptor = key
    size = FIELDS[key].layout.size
    assert decode(descriptor_set, MipField(descriptor, bytes(size - 1))) is None
    assert decode(descriptor_set, MipField(descriptor, bytes(size + 2))) == decode(
        descriptor_set, MipField(descriptor, bytes(size))
    )


def test_unknown_fields_give_no_value() -> None:
    assert decode(IMU_DATA, MipField(0x7F, bytes(64))) is None
    assert decode(0x81, MipField(ACCEL, bytes(12))) is None


def test_not_a_number_is_handed_on_as_it_is() -> None:
    value = decode(IMU_DATA, MipField(GYRO, struct.pack(">3f", math.nan, math.inf, 0)))
    assert value is not None
    assert math.isnan(value[0])
    assert math.isinf(value[1])


def test_packet_lengths_of_the_protocol_page() -> None:
    assert packet_bytes((ACCEL, GYRO, TIME)) == 48
    assert packet_bytes((ACCEL, GYRO, QUATERNION, TIME)) == 66
