"""02: each 3DM-GX5-25 answers, is configured, and streams at the chosen rate with clean packets."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest

from drivers.microstrain import imu
from drivers.samples import ImuSample
from drivers.serial_port import SerialPort
from jetson_runtime.suit.config import SuitConfig
from jetson_runtime.suit.mounting import MOUNTINGS
from jetson_runtime.suit.signals import STANDARD_GRAVITY, STREAMS

IMUS = tuple(stream.name for stream in STREAMS if stream.kind == "imu")
SECONDS = 5.0


def _listen(device: imu.Imu, seconds: float) -> list[ImuSample]:
    end = time.monotonic() + seconds
    samples: list[ImuSample] = []
    while time.monotonic() < end:
        if device.port.wait(0.1):
            samples += device.feed(*device.port.read())
    return samples


@pytest.mark.parametrize("name", IMUS)
def test_imu_identifies_and_streams(
    name: str, suit: SuitConfig, open_port: Callable[[str], SerialPort]
) -> None:
    device = imu.bring_up(open_port(name), serial=suit.streams[name].serial, log=print)
    print(f"{name}: {device.info} base {device.base_rate_hz} Hz, runs at {device.rate_hz} Hz; {device.notes}")
    samples = _listen(device, SECONDS)
    assert abs(len(samples) / SECONDS / device.rate_hz - 1) < 0.02
    counters = device.counters()
    assert counters["bad_checksums"] == counters["bad_lengths"] == 0
    stamps = np.diff([sample.device_ns for sample in samples])
    print(f"{name}: device period {np.median(stamps) / 1e6:.3f} ms, spread {np.ptp(stamps) / 1e6:.3f} ms")
    assert np.all(stamps > 0)


@pytest.mark.parametrize("name", IMUS)
def test_mounting_standing_still(name: str, suit: SuitConfig, open_port: Callable[[str], SerialPort]) -> None:
    """By hand: the wearer stands upright and still. In segment axes gravity is on +y; 20 degrees are allowed."""
    device = imu.bring_up(open_port(name), serial=suit.streams[name].serial, log=print)
    mean = np.mean([sample.accel for sample in _listen(device, 2.0)], axis=0)
    segment = MOUNTINGS[suit.streams[name].mounting] @ mean
    print(f"{name}: standing, segment axes {np.round(segment, 2)} m/s2")
    assert abs(np.linalg.norm(segment) - STANDARD_GRAVITY) < 0.3
    assert segment[1] > STANDARD_GRAVITY * np.cos(np.radians(20))
