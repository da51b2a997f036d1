"""A reader made from another's facts reads the bytes to come as that one does, wherever the stream was cut."""

from __future__ import annotations

import msgpack
import pytest

from drivers.microstrain.codec import build_packet
from drivers.microstrain.fields import ACCEL, FIELDS, GYRO, IMU_DATA, TIME
from drivers.microstrain.reader import ImuReader
from drivers.xsensor import codec
from drivers.xsensor.pressure import LoadSwitch
from drivers.xsensor.reader import InsoleReader

DESCRIPTORS = (ACCEL, GYRO, TIME)
INFO = codec.Info("X4", "X4.1", 2, 2, 5000, 8000, (True, True, True, False))


def _imu_packet(number: int) -> bytes:
    values = {ACCEL: (0.0, 0.0, -1.0), GYRO: (0.1, number, 0.2), TIME: (number * 0.005, 0, 1)}
    fields = [(d, FIELDS[IMU_DATA, d].layout.pack(*values[d])) for d in DESCRIPTORS]
    return build_packet(IMU_DATA, fields)


def _insole_frame(number: int, force_n: int) -> bytes:
    zeros = (0, 0, 0)
    sample = codec.Sample(zeros, zeros, (1, 0, 0, 0), force_n * codec.FORCE_PER_N, 150, 150, 3700, 250, b"")
    body = codec.encode_sample(sample)
    return codec.build_frame(
        codec.SAMPLE, codec.RIGHT, body, flags=1, sequence=number, device_us=number * 12_500
    )


IMU_BYTES = b"".join(_imu_packet(number) for number in range(3)) + b"\x75\x65\x80" + _imu_packet(3)
# Loaded, then between the two thresholds: what it means depends on what came before.
INSOLE_BYTES = b"".join(_insole_frame(i, force_n) for i, force_n in enumerate((100, 30, 30, 10, 30)))


def _through_the_wire(facts: dict[str, object]) -> dict[str, object]:
    return dict(msgpack.unpackb(msgpack.packb(facts)))


@pytest.mark.parametrize("cut", range(0, len(IMU_BYTES), 7))
def test_an_imu_reader_goes_on_from_its_facts(cut: int) -> None:
    whole, first = ImuReader(200.0, DESCRIPTORS), ImuReader(200.0, DESCRIPTORS)
    expected = whole.feed(IMU_BYTES[:cut], 1) + whole.feed(IMU_BYTES[cut:], 2)
    begun = first.feed(IMU_BYTES[:cut], 1)
    second = ImuReader.from_facts(_through_the_wire(first.facts()))
    assert begun + second.feed(IMU_BYTES[cut:], 2) == expected
    assert len(expected) == 4


@pytest.mark.parametrize("cut", range(0, len(INSOLE_BYTES), 11))
def test_an_insole_reader_goes_on_from_its_facts(cut: int) -> None:
    whole = InsoleReader(codec.RIGHT, INFO, LoadSwitch(35.0, 21.0))
    first = InsoleReader(codec.RIGHT, INFO, LoadSwitch(35.0, 21.0))
    expected = whole.feed(INSOLE_BYTES[:cut], 1) + whole.feed(INSOLE_BYTES[cut:], 2)
    begun = first.feed(INSOLE_BYTES[:cut], 1)
    second = InsoleReader.from_facts(_through_the_wire(first.facts()))
    assert repr(begun + second.feed(INSOLE_BYTES[cut:], 2)) == repr(expected)
    defined = [sample.cop_ap_m == sample.cop_ap_m for sample in expected]
    assert defined == [True, True, True, False, False]


def test_an_insole_that_became_unusable_stays_so() -> None:
    reader = InsoleReader(codec.RIGHT, INFO, LoadSwitch(35.0, 21.0))
    other = codec.build_frame(codec.INFO, codec.RIGHT, codec.encode_info(INFO._replace(serial="X4.2")))
    reader.feed(other, 1)
    again = InsoleReader.from_facts(_through_the_wire(reader.facts()))
    assert again.feed(_insole_frame(0, 100), 2) == []
    assert again.counters()["refused"] == 1
