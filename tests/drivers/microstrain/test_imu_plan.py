"""Which rate and fields an IMU is asked for."""

from __future__ import annotations

import pytest

from drivers.microstrain.fields import ACCEL, GYRO, QUATERNION, TIME, packet_bytes
from drivers.microstrain.plan import plan_stream


@pytest.mark.parametrize(
    ("base", "wanted", "decimation", "note"),
    [
        (1000, 200, 5, None),
        (200, 200, 1, None),
        (500, 200, 2, "rate 250 Hz: 200 does not divide the base rate of 500 Hz"),
        (1000, 300, 3, "rate 333.333 Hz: 300 does not divide"),
        (100, 200, 1, "rate 100 Hz instead of 200: the base rate is 100 Hz"),
    ],
)
def test_the_rate_is_the_next_at_or_above_that_divides(
    base: int, wanted: int, decimation: int, note: str | None
) -> None:
    plan = plan_stream(base, wanted, quaternion=True, baud=None)
    assert plan.decimation == decimation
    assert plan.descriptors == (ACCEL, GYRO, QUATERNION, TIME)
    assert len(plan.notes) == (note is not None)
    assert all(text.startswith(note or "") for text in plan.notes)


def test_a_line_too_slow_for_the_quaternion_leaves_it_out_and_says_so() -> None:
    plan = plan_stream(1000, 200, quaternion=True, baud=115200)
    assert plan.descriptors == (ACCEL, GYRO, TIME)
    assert plan.decimation == 5
    assert len(plan.notes) == 1
    assert "115200" in plan.notes[0]
    assert "230400" in plan.notes[0]
    assert plan_stream(1000, 200, quaternion=True, baud=230400).notes == ()


def test_a_line_too_slow_for_the_rate_lowers_it() -> None:
    plan = plan_stream(500, 200, quaternion=True, baud=115200)
    assert plan.descriptors == (ACCEL, GYRO, TIME)
    assert 500 / plan.decimation < 200
    assert any("115200 baud cannot carry more" in note for note in plan.notes)


def test_a_device_without_quaternion() -> None:
    plan = plan_stream(1000, 200, quaternion=False, baud=None)
    assert plan.descriptors == (ACCEL, GYRO, TIME)
    assert plan.notes == ("no quaternion: the device has none",)


@pytest.mark.parametrize("baud", [115200, 230400, 460800, 921600])
@pytest.mark.parametrize("base", [100, 250, 500, 1000, 4000])
def test_no_plan_exceeds_the_line(base: int, baud: int) -> None:
    for wanted in (100, 200, 500, 1000):
        plan = plan_stream(base, wanted, quaternion=True, baud=baud)
        assert packet_bytes(plan.descriptors) * 10 * base / plan.decimation < baud
