from __future__ import annotations

import struct

import numpy as np
import pytest
from emulated import SECOND, START_NS, ask, packets_of, run

from drivers.emulator.clock import DeviceClock
from drivers.emulator.microstrain import EmulatedImu
from drivers.emulator.mip_stream import FIELDS, Readings, data_packets
from drivers.emulator.motion import Motion, SensorNoise, at_rest
from drivers.emulator.transport import TRANSPORTS, TransportName, make_transport
from drivers.microstrain.codec import MipPacket, build_packet
from drivers.units import STANDARD_GRAVITY

MS = 1_000_000
CLOCK = DeviceClock(START_NS - 20 * SECOND, skew_ppm=60.0, drift_ppm=2.0)
IDLE = (0x01, (0x02, b""))


def wave(host_ns: np.ndarray) -> Motion:
    """A content that tells the host time of every sample: accel x counts seconds since START_NS."""
    n = len(host_ns)
    seconds = (host_ns - START_NS) * 1e-9
    accel = np.stack([seconds * STANDARD_GRAVITY, np.zeros(n), np.full(n, -STANDARD_GRAVITY)], axis=1)
    gyro = np.stack([np.sin(seconds), np.cos(seconds), seconds], axis=1)
    return Motion(accel, gyro, np.tile([1.0, 0.0, 0.0, 0.0], (n, 1)))


def stream(imu: EmulatedImu, pairs: tuple[tuple[int, int], ...], seconds: float = 2.0) -> list[MipPacket]:
    """The data packets of `seconds` after the format was written."""
    body = b"\x01" + bytes([len(pairs)]) + b"".join(struct.pack(">BH", *pair) for pair in pairs)
    imu.feed(build_packet(0x0C, [(0x08, body)]), START_NS)
    packets = packets_of(run(imu, START_NS, START_NS + round(seconds * SECOND)))
    return [packet for packet in packets if packet.descriptor_set == 0x80]


def value(packet: MipPacket, descriptor: int, layout: str) -> tuple[float, ...]:
    (data,) = [field.data for field in packet.fields if field.descriptor == descriptor]
    return struct.unpack(layout, data)


def make_imu(transport: TransportName = "none", **options: object) -> EmulatedImu:
    return EmulatedImu(wave, CLOCK, make_transport(transport, 3), **options)  # type: ignore[arg-type]


def test_the_block_framing_is_the_codecs() -> None:
    host_ns = START_NS + np.arange(3) * 5 * MS
    readings = Readings(wave(host_ns), np.asarray([1.0, 2.5, 400.125]))
    for descriptor_set in (0x80, 0x82):
        descriptors = [descriptor for data_set, descriptor in FIELDS if data_set == descriptor_set]
        for data in data_packets(descriptor_set, descriptors, readings):
            (packet,) = packets_of([(0, data)])
            assert [field.descriptor for field in packet.fields] == descriptors
            assert build_packet(descriptor_set, packet.fields) == data


def test_it_streams_from_power_up_with_its_saved_format() -> None:
    packets = packets_of(run(make_imu(), START_NS, START_NS + SECOND))
    assert {tuple(field.descriptor for field in packet.fields) for packet in packets} == {(0x04, 0x05)}
    assert 99 <= len(packets) <= 101


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_the_time_stamp_is_the_devices_reading_of_the_true_sampling_instant(transport: TransportName) -> None:
    packets = stream(make_imu(transport), ((0x04, 5), (0x05, 5), (0x12, 5)))
    device_s = np.asarray([value(packet, 0x12, ">dHH")[0] for packet in packets])
    sampled_ns = START_NS + np.asarray([value(packet, 0x04, ">3f")[0] for packet in packets]) * 1e9
    assert np.abs(CLOCK.host_ns(device_s) - sampled_ns).max() < 200  # a 32-bit float's step at 2 s
    assert np.abs(np.diff(device_s) - 0.005).max() < 1e-9
    assert (np.asarray([packet.receive_ns for packet in packets]) >= sampled_ns - 200).all()


@pytest.mark.parametrize(("base_hz", "decimation", "rate_hz"), [(1000, 5, 200), (500, 2, 250), (500, 5, 100)])
def test_rates_are_the_base_rate_over_the_decimation(base_hz: int, decimation: int, rate_hz: int) -> None:
    packets = stream(make_imu(base_rate_hz=base_hz), ((0x04, decimation),), seconds=3.0)
    assert len(packets) == pytest.approx(3 * rate_hz, abs=1)


def test_fields_with_decimations_of_their_own() -> None:
    packets = stream(make_imu(), ((0x04, 5), (0x12, 10)), seconds=1.0)
    kinds = [tuple(field.descriptor for field in packet.fields) for packet in packets]
    assert kinds.count((0x04,)) == pytest.approx(100, abs=1)
    assert kinds.count((0x04, 0x12)) == pytest.approx(100, abs=1)


def test_units_on_the_wire_are_g_and_rad_s() -> None:
    packet = stream(
        EmulatedImu(at_rest, CLOCK, make_transport("none", 0)), ((0x04, 5), (0x05, 5), (0x0A, 5))
    )[0]
    assert value(packet, 0x04, ">3f") == (0.0, 0.0, -1.0)
    assert value(packet, 0x05, ">3f") == (0.0, 0.0, 0.0)
    assert value(packet, 0x0A, ">4f") == (1.0, 0.0, 0.0, 0.0)


def test_the_filters_stream_is_the_other_data_set() -> None:
    imu = make_imu()
    ask(imu, 0x0C, (0x0A, bytes.fromhex("010311000510000503 0005".replace(" ", ""))))
    ask(imu, 0x0C, (0x11, b"\x01\x03\x01"), at_ns=START_NS + SECOND // 2)
    packets = packets_of(run(imu, START_NS + SECOND, START_NS + 2 * SECOND))
    filtered = [packet for packet in packets if packet.descriptor_set == 0x82]
    assert len(filtered) == pytest.approx(100, abs=1)
    assert [field.descriptor for field in filtered[0].fields] == [0x11, 0x10, 0x03]
    assert value(filtered[0], 0x03, ">4fH")[4] == 1


def test_idle_ends_the_stream_and_resume_and_enable_start_it() -> None:
    imu = make_imu()
    at_ns = START_NS
    for command in ((0x01, (0x06, b"")), (0x0C, (0x11, b"\x01\x01\x01"))):
        assert ask(imu, *IDLE, at_ns=at_ns)
        assert run(imu, at_ns + SECOND, at_ns + 2 * SECOND) == []
        ask(imu, *command, at_ns=at_ns + 5 * SECOND // 2)
        assert len(run(imu, at_ns + 3 * SECOND, at_ns + 4 * SECOND)) == pytest.approx(100, abs=1)
        at_ns += 4 * SECOND
    ask(imu, 0x0C, (0x11, b"\x01\x01\x00"), at_ns=at_ns)
    assert run(imu, at_ns + SECOND, at_ns + 2 * SECOND) == []


def test_a_streaming_device_may_miss_the_first_idle() -> None:
    imu = make_imu(idle_misses=1)
    assert ask(imu, *IDLE) == []
    assert imu.streaming
    assert len(ask(imu, *IDLE, at_ns=START_NS + SECOND)) == 1
    assert not imu.streaming


def test_noise_has_the_data_sheets_density_and_never_repeats() -> None:
    imu = EmulatedImu(at_rest, CLOCK, make_transport("none", 0), noise=SensorNoise(7))
    packets = stream(imu, ((0x04, 5), (0x05, 5)), seconds=10.0)
    accel = np.asarray([value(packet, 0x04, ">3f") for packet in packets])
    gyro = np.asarray([value(packet, 0x05, ">3f") for packet in packets])
    assert accel.std(axis=0) == pytest.approx(np.full(3, 25e-6 * 10), rel=0.1)  # 100 Hz of bandwidth
    assert np.degrees(gyro.std(axis=0)) == pytest.approx(np.full(3, 0.005 * 10), rel=0.1)
    assert (np.diff(accel, axis=0) != 0).any(axis=1).all()
    again = EmulatedImu(at_rest, CLOCK, make_transport("none", 0), noise=SensorNoise(7))
    assert packets == stream(again, ((0x04, 5), (0x05, 5)), seconds=10.0)


def test_a_held_device_repeats_itself_to_the_last_bit_but_its_clock_goes_on() -> None:
    imu = EmulatedImu(wave, CLOCK, make_transport("none", 0), noise=SensorNoise(7))
    stream(imu, ((0x04, 5), (0x05, 5), (0x12, 5)), seconds=1.0)
    imu.hold(START_NS + SECOND)
    held = packets_of(run(imu, START_NS + SECOND, START_NS + 2 * SECOND))
    assert len(held) == pytest.approx(200, abs=1)
    assert len({packet.fields[:2] for packet in held}) == 1
    assert len({packet.fields[2] for packet in held}) == len(held)
    imu.release()
    after = packets_of(run(imu, START_NS + 2 * SECOND, START_NS + 3 * SECOND))
    assert len({packet.fields[:2] for packet in after}) == len(after)


def test_a_reset_starts_the_clock_at_zero_and_forgets_what_was_not_saved() -> None:
    imu = make_imu()
    stream(imu, ((0x04, 5), (0x12, 5)), seconds=0.1)
    at_ns = START_NS + SECOND
    (reply,) = ask(imu, 0x01, (0x7E, b""), at_ns=at_ns)
    assert reply.data == b"\x7e\x00"
    assert imu.clock.powered_ns == at_ns
    packets = packets_of(run(imu, at_ns + SECOND // 2, at_ns + SECOND))
    assert {tuple(field.descriptor for field in packet.fields) for packet in packets} == {(0x04, 0x05)}


def test_a_new_format_acts_at_once() -> None:
    imu = make_imu("cdc")
    stream(imu, ((0x04, 5), (0x05, 5)), seconds=0.3)
    at_ns = START_NS + 3 * SECOND // 10
    imu.feed(build_packet(0x0C, [(0x08, bytes.fromhex("0101120005"))]), at_ns)
    packets = [p for p in packets_of(run(imu, at_ns, at_ns + SECOND)) if p.descriptor_set == 0x80]
    assert {tuple(field.descriptor for field in packet.fields) for packet in packets} == {(0x12,)}
    assert packets[0].receive_ns - at_ns < 10 * MS
