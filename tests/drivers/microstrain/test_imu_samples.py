"""From streamed bytes to samples: units, times, and what is counted instead of handed on."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drivers.microstrain.codec import build_packet
from drivers.microstrain.decode import SampleDecoder
from drivers.microstrain.imu import BaseRates, Imu, ImuInfo
from drivers.microstrain.plan import plan_stream
from drivers.microstrain.reader import ImuReader
from drivers.samples import ImuSample
from drivers.serial_port import SerialPort

if TYPE_CHECKING:
    from conftest import Pty

ACCEL = (0x04, struct.pack(">3f", 0.5, 0.25, -1.0))
GYRO = (0x05, struct.pack(">3f", 0.125, -2.0, 3.0))
QUATERNION = (0x0A, struct.pack(">4f", 0.5, -0.5, 0.5, 0.5))


def time_field(seconds: float) -> tuple[int, bytes]:
    return 0x12, struct.pack(">dHH", seconds, 0, 6)


@pytest.fixture
def imu(pty: Pty) -> Iterator[Imu]:
    port = SerialPort(pty.name)
    info = ImuInfo(1153, "3DM-GX5-25", "6253-4220", "6253.12345", "", "")
    plan = plan_stream(1000, 200, quaternion=True, baud=None)
    yield Imu(port, info, BaseRates(1000, 500), ImuReader(1000 / plan.decimation, plan.descriptors), ())
    port.close()


def test_one_sample_with_all_its_values(imu: Imu) -> None:
    data = build_packet(0x80, [ACCEL, GYRO, QUATERNION, time_field(12.345)])
    assert imu.feed(data[:30], 1) == []
    assert imu.feed(data[30:], 77) == [
        ImuSample(
            device_ns=12_345_000_000,
            receive_ns=77,
            accel=(0.5 * 9.80665, 0.25 * 9.80665, -9.80665),
            gyro=(0.125, -2.0, 3.0),
            quaternion=(0.5, -0.5, 0.5, 0.5),
        )
    ]


def test_any_order_unknown_fields_and_no_quaternion(imu: Imu) -> None:
    data = build_packet(0x80, [time_field(1.0), (0x7F, b"abc"), GYRO, ACCEL])
    (sample,) = imu.feed(data, 1)
    assert sample.quaternion is None
    assert (sample.device_ns, sample.gyro) == (1_000_000_000, (0.125, -2.0, 3.0))


def test_device_time_keeps_its_microseconds_after_a_week(imu: Imu) -> None:
    (sample,) = imu.feed(build_packet(0x80, [ACCEL, GYRO, time_field(604_799.995)]), 1)
    assert abs(sample.device_ns - 604_799_995_000_000) < 1000


NOT_HANDED_ON = {
    "without_time": [ACCEL, GYRO],
    "without_data": [ACCEL, time_field(1.0)],
    "not_finite": [(0x04, struct.pack(">3f", 0, math.nan, 0)), GYRO, time_field(1.0)],
}


@pytest.mark.parametrize("name", list(NOT_HANDED_ON))
def test_packets_that_give_no_sample_are_counted(imu: Imu, name: str) -> None:
    good = build_packet(0x80, [ACCEL, GYRO, time_field(1.0)])
    assert len(imu.feed(good + build_packet(0x80, NOT_HANDED_ON[name]) + good, 1)) == 2
    counters = imu.counters()
    assert {key: counters[key] for key in NOT_HANDED_ON} == {key: int(key == name) for key in NOT_HANDED_ON}
    assert counters["packets"] == 3


@pytest.mark.parametrize("seconds", [math.nan, math.inf, -1.0, 1e300])
def test_an_impossible_time_is_no_time(imu: Imu, seconds: float) -> None:
    assert imu.feed(build_packet(0x80, [ACCEL, GYRO, time_field(seconds)]), 1) == []
    assert imu.counters()["without_time"] == 1


@pytest.mark.parametrize(
    "field",
    [
        (0x04, struct.pack(">3f", math.inf, -math.inf, 0)),
        (0x05, struct.pack(">3f", 0, 0, math.inf)),
        (0x0A, struct.pack(">4f", math.nan, 0, 0, 0)),
    ],
)
def test_not_a_number_anywhere_is_not_handed_on(imu: Imu, field: tuple[int, bytes]) -> None:
    fields = dict([ACCEL, GYRO, QUATERNION, time_field(1.0), field])
    assert imu.feed(build_packet(0x80, fields.items()), 1) == []
    assert imu.counters()["not_finite"] == 1


@pytest.mark.parametrize(
    "field",
    [
        (0x04, struct.pack(">3f", 0, -1e30, 0)),
        (0x04, struct.pack(">3f", 101, 0, 0)),
        (0x05, struct.pack(">3f", 0, 0, -51)),
        (0x0A, struct.pack(">4f", 0, 0, 3e38, 0)),
    ],
)
def test_what_no_sensor_can_measure_is_not_handed_on(imu: Imu, field: tuple[int, bytes]) -> None:
    fields = dict([ACCEL, GYRO, QUATERNION, time_field(1.0), field])
    assert imu.feed(build_packet(0x80, fields.items()), 1) == []
    assert imu.counters()["out_of_range"] == 1


def test_the_widest_range_of_the_sensor_is_handed_on(imu: Imu) -> None:
    """40 g and 1000 deg/s, and the little more that calibration adds."""
    accel, gyro = struct.pack(">3f", 40.5, -40.5, 0), struct.pack(">3f", -17.6, 0, 17.6)
    assert len(imu.feed(build_packet(0x80, [(0x04, accel), (0x05, gyro), time_field(1.0)]), 1)) == 1


def test_short_fields_give_no_value(imu: Imu) -> None:
    assert imu.feed(build_packet(0x80, [(0x04, ACCEL[1][:8]), GYRO, time_field(1.0)]), 1) == []
    assert imu.counters()["without_data"] == 1


def test_a_field_that_has_grown_is_read_as_far_as_it_is_known(imu: Imu) -> None:
    wanted = imu.feed(build_packet(0x80, [ACCEL, GYRO, QUATERNION, time_field(1.0)]), 1)
    grown = [
        (descriptor, data + b"\x01\x02") for descriptor, data in (ACCEL, GYRO, QUATERNION, time_field(1.0))
    ]
    assert imu.feed(build_packet(0x80, grown), 1) == wanted


def test_other_packets_and_damage_are_counted_apart(imu: Imu) -> None:
    good = build_packet(0x80, [ACCEL, GYRO, time_field(1.0)])
    filtered = build_packet(0x82, [(0x03, bytes(18))])
    acknowledged = build_packet(0x0C, [(0xF1, b"\x11\x00")])
    damaged = good[:20] + bytes((good[20] ^ 1,)) + good[21:]
    assert len(imu.feed(good + filtered + acknowledged + damaged + good, 1)) == 2
    counters = imu.counters()
    assert (counters["packets"], counters["other_packets"]) == (4, 2)
    assert (counters["bad_checksums"], counters["discarded_bytes"]) == (1, len(damaged))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.sampled_from([0x80, 0x80, 0x82, 0x0C]),
            st.lists(
                st.tuples(
                    st.sampled_from([0x04, 0x05, 0x0A, 0x12, 0xF1]),
                    st.binary(min_size=12, max_size=12)
                    | st.binary(min_size=16, max_size=16)
                    | st.binary(max_size=20),
                ),
                max_size=5,
            ),
        ),
        max_size=5,
    )
)
def test_whatever_fields_come_every_packet_is_a_sample_or_counted(
    imu: Imu, stream: list[tuple[int, list[tuple[int, bytes]]]]
) -> None:
    before = imu.counters()
    samples = imu.feed(b"".join(build_packet(*packet) for packet in stream), 1)
    counted = {name: value - before[name] for name, value in imu.counters().items()}
    unused = sum(
        counted[name]
        for name in ("other_packets", "without_time", "without_data", "not_finite", "out_of_range")
    )
    assert counted["packets"] == len(samples) + unused
    for sample in samples:
        values = (*sample.accel, *sample.gyro, *(sample.quaternion or ()))
        assert all(abs(value) <= 100 * 9.80665 for value in values)
        assert 0 <= sample.device_ns <= 10**18


numbers = st.floats(width=32) | st.floats(-2.0, 2.0, width=32)
seconds = st.floats(0.0, 1e6) | st.floats()


@settings(max_examples=200, deadline=None)
@given(st.tuples(*[numbers] * 10), seconds, st.booleans())
def test_a_packet_read_at_once_says_what_its_fields_say(
    values: tuple[float, ...], at: float, with_quaternion: bool
) -> None:
    """In the order asked for a packet is unpacked as a whole, in any other field by field."""
    fields = [(0x04, struct.pack(">3f", *values[:3])), (0x05, struct.pack(">3f", *values[3:6]))]
    fields += [(0x0A, struct.pack(">4f", *values[6:]))] if with_quaternion else []
    fields.append(time_field(at))
    at_once, by_fields = (SampleDecoder([d for d, _ in fields]) for _ in range(2))
    sample = at_once.sample(build_packet(0x80, fields), 5)
    assert sample == by_fields.sample(build_packet(0x80, fields[::-1]), 5)
    assert sample is None or (sample.quaternion is not None) == with_quaternion
    counters = ("other_packets", "without_time", "without_data", "not_finite", "out_of_range")
    told = [[getattr(decoder, name) for name in counters] for decoder in (at_once, by_fields)]
    assert told[0] == told[1]
    assert sum(told[0]) == (sample is None)
