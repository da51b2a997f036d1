"""Rows 10 to 13: sensors that are stuck, saturated, out of range, no number, slow, or repeat themselves."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from broken_suit import BrokenSuit, Start, frames_of, until
from worn_suit import ServiceProcess, upright

from drivers.emulator.motion import FootLoad, Motion, Nanoseconds, standing
from jetson_runtime.client import ReceivedFrame

SILENT, RATE, STUCK, SATURATED = 8, 11, 17, 18
BENEATH = ("imu_back", "imu_thigh_r", "insole_r", "insole_l")


def _numbers(service: ServiceProcess, stream: str) -> set[int]:
    return {f["number"] for f in service.status.get("faults", []) if f["stream"] == stream}


def _worn(suit: BrokenSuit, service: ServiceProcess) -> bool:
    return all(service.stream(name).get("valid") for name in suit.devices)


def _no_number_is_called_valid(frames: list[ReceivedFrame]) -> bool:
    values = [
        value
        for frame in frames
        if frame.valid
        for value in (
            *frame.angle.values(),
            *frame.moment.values(),
            frame.ground["r"].vgrf,
            frame.ground["l"].vgrf,
        )
    ]
    return all(map(math.isfinite, values))


def test_row_10_a_stuck_imu_is_named_and_its_frames_are_not_valid(start: Start) -> None:
    suit, service = start()
    assert until(lambda: service.state() == "running"), service.log
    suit.outlets["imu_shank_l"].stick()
    assert until(lambda: STUCK in _numbers(service, "imu_shank_l")), service.status
    assert "to the last bit" in service.stream("imu_shank_l")["detail"]
    assert all(
        stream["stuck"] == (name == "imu_shank_l") for name, stream in service.status["streams"].items()
    )
    frames = frames_of(service, 50)
    assert not any(frame.valid for frame in frames)
    assert all("imu_shank_l" in frame.missing for frame in frames)
    suit.outlets["imu_shank_l"].release()
    assert until(lambda: service.state() == "running"), service.log
    assert until(lambda: not _numbers(service, "imu_shank_l"))


def test_row_10_a_stuck_foot_imu_is_named_and_a_foot_in_the_air_is_not(start: Start) -> None:
    """An insole in swing rightly repeats zeros; its motion never does."""
    suit, service = start(BENEATH)
    assert until(lambda: _worn(suit, service)), service.log

    def in_the_air(host_ns: Nanoseconds) -> FootLoad:
        return standing(0.0)(host_ns)

    suit.outlets["insole_l"].feel(in_the_air)
    suit.outlets["insole_r"].stick()
    assert until(lambda: STUCK in _numbers(service, "insole_r")), service.status
    assert not service.stream("insole_l")["stuck"]
    assert service.stream("insole_l")["valid"]


def test_row_11_readings_that_are_no_numbers_are_counted_and_never_sent_as_valid(start: Start) -> None:
    suit, service = start()
    assert until(lambda: service.state() == "running"), service.log

    def no_number(host_ns: Nanoseconds) -> Motion:
        motion = upright(host_ns)
        return motion._replace(gyro=np.full_like(motion.gyro, np.nan))

    suit.outlets["imu_pelvis"].feel(no_number)
    frames = frames_of(service, 40)
    assert until(lambda: SILENT in _numbers(service, "imu_pelvis")), service.status
    assert "not finite" in service.stream("imu_pelvis")["detail"]
    frames += frames_of(service, 40)
    assert _no_number_is_called_valid(frames)
    assert not frames[-1].valid
    suit.outlets["imu_pelvis"].feel(upright)
    assert until(lambda: service.state() == "running"), service.log


def test_row_11_readings_that_no_sensor_can_have_are_refused(start: Start) -> None:
    """In one packet of seven: bridged, counted, and frames stay valid."""
    suit, service = start()
    assert until(lambda: service.state() == "running"), service.log
    suit.bench.do(lambda: setattr(suit.devices["imu_back"], "_full_scale", (math.inf, math.inf)))

    def impossible(host_ns: Nanoseconds) -> Motion:
        motion = upright(host_ns)
        motion.accel[np.arange(len(host_ns)) % 7 == 3] = 1e6
        return motion

    suit.outlets["imu_back"].feel(impossible)
    assert until(lambda: service.stream("imu_back")["counters"].get("out_of_range", 0) > 20), service.status
    assert until(lambda: service.state() == "running")
    frames = frames_of(service, 100)
    assert _no_number_is_called_valid(frames)
    assert max(abs(value) for frame in frames if frame.valid for value in frame.angle.values()) < 360.0


def test_row_11_a_saturated_sensor_is_named(start: Start) -> None:
    """An IMU that turns faster than its range, and an insole that says so itself."""
    suit, service = start(BENEATH)
    assert until(lambda: _worn(suit, service)), service.log

    def too_fast(host_ns: Nanoseconds) -> Motion:
        motion = upright(host_ns)
        return motion._replace(gyro=motion.gyro + np.array([0.0, 40.0, 0.0]))

    suit.outlets["imu_thigh_r"].feel(too_fast)
    suit.outlets["insole_l"].feel(standing(18_000.0))
    for name in ("imu_thigh_r", "insole_l"):
        assert until(lambda name=name: SATURATED in _numbers(service, name)), service.status
        assert service.stream(name)["saturated"] > 0
    assert service.stream("imu_back")["saturated"] == 0
    assert not _numbers(service, "imu_back")


def test_row_12_a_device_that_grows_slow_is_named(start: Start) -> None:
    suit, service = start(BENEATH)
    assert until(lambda: _worn(suit, service)), service.log
    suit.outlets["imu_back"].damage(lose_every=4)
    assert until(lambda: RATE in _numbers(service, "imu_back")), service.status
    assert "instead of 200.0" in service.stream("imu_back")["detail"]
    suit.outlets["imu_back"].damage(lose_every=0)
    assert until(lambda: not _numbers(service, "imu_back")), service.status


def test_row_13_packets_that_come_twice_change_nothing(start: Start) -> None:
    suit, service = start()
    assert until(lambda: service.state() == "running"), service.log
    before = service.stream("imu_back")["drops"]
    for outlet in suit.outlets.values():
        outlet.damage(repeat_every=2)
    assert until(lambda: service.status["t"] > 0 and service.stream("imu_back")["counters"]["packets"] > 400)
    frames = frames_of(service, 200)
    assert sum(frame.valid for frame in frames) > 100
    assert not any(stream["stuck"] for stream in service.status["streams"].values())
    assert service.stream("imu_back")["drops"] <= before + 2


def test_row_13_packets_that_change_places_are_put_in_order_or_counted(start: Start) -> None:
    """Every twentieth comes after its successor: no grid time goes back, no clock starts anew, frames stay valid."""
    suit, service = start()
    assert until(lambda: service.state() == "running"), service.log
    before = {name: service.stream(name) for name in suit.devices}
    for outlet in suit.outlets.values():
        outlet.damage(swap_every=20)

    frames = frames_of(service, 600)
    for earlier, later in pairwise(frames):
        assert later.t_ns - earlier.t_ns == (later.seq - earlier.seq) * 5_000_000
    assert sum(frame.valid for frame in frames) > 500

    clean = [name for name in suit.devices if _is_bounded_by_what_was_overtaken(suit, service, name)]
    assert len(clean) == len(suit.devices), (clean, service.status)
    for name in suit.devices:
        now = service.stream(name)
        assert now["clock"]["restarts"] == before[name]["clock"]["restarts"]
        assert not now["stuck"]


# What the drivers count where bytes are damaged; a packet that was overtaken is whole.
DAMAGE = ("bad_cobs", "bad_crc", "bad_checksums", "bad_lengths", "discarded_bytes")
STRETCHES = 12


def _is_bounded_by_what_was_overtaken(suit: BrokenSuit, service: ServiceProcess, name: str) -> bool:
    """Whether a stretch of 8 overtaken packets counted hardly more as lost, however bytes were lost before.

    Bytes that a busy machine's pseudo-terminal could not take, as its other end counts them and the driver sees them,
    spoil a stretch: what was lost with them is no matter of order. Another is then looked at.
    """

    def told() -> tuple[dict[str, int], int]:
        stream = service.stream(name)
        counters = stream["counters"]
        spoilt = suit.ports[name].dropped_bytes + sum(counters.get(key, 0) for key in DAMAGE)
        lost = {"drops": stream["drops"], "lost": counters.get("lost", 0)}
        return {**lost, "overtaken": stream["out_of_order"]}, spoilt

    seen = []
    for _ in range(STRETCHES):
        then, spoilt = told()
        assert until(lambda then=then: told()[0]["overtaken"] >= then["overtaken"] + 8), (
            name,
            service.status,
        )
        now, spoilt_since = told()
        counted = {key: now[key] - then[key] for key in then}
        if spoilt_since == spoilt:
            most = 1.5 * counted["overtaken"] + 3
            assert max(counted["drops"], counted["lost"]) <= most, (name, counted)
            return True
        seen.append((counted, spoilt_since - spoilt))
    raise AssertionError(f"{name}: bytes were lost in each of {STRETCHES} stretches: {seen}")
