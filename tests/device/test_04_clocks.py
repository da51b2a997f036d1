"""04: the eight device clocks against the host's: skew within what oscillators do, mapping steady."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from drivers.microstrain import imu
from drivers.serial_port import SerialPort
from jetson_runtime.suit.signals import STREAMS
from jetson_runtime.timing.timebase import ClockEstimator

SECONDS = 30.0


@pytest.mark.parametrize("name", [stream.name for stream in STREAMS if stream.kind == "imu"])
def test_imu_clock_is_followed(
    name: str, open_port: Callable[[str], SerialPort], pytestconfig: pytest.Config
) -> None:
    device = imu.bring_up(open_port(name), log=print)
    clock = ClockEstimator(period_ns=round(1e9 / device.rate_hz))
    end = time.monotonic() + SECONDS * min(1.0, pytestconfig.getoption("--minutes"))
    while time.monotonic() < end:
        if device.port.wait(0.1):
            for sample in device.feed(*device.port.read()):
                clock.update(sample.device_ns, sample.receive_ns)
    print(f"{name}: skew {clock.skew_ppm:.1f} ppm, uncertainty {clock.uncertainty_ns / 1e6:.3f} ms")
    assert clock.restarts == 0
    assert abs(clock.skew_ppm) < 200
    assert clock.uncertainty_ns < 1e6
