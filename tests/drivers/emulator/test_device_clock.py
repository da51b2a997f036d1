from __future__ import annotations

import numpy as np
import pytest

from drivers.emulator.clock import DeviceClock

POWERED_NS = 5_000_000_000_000


@pytest.mark.parametrize("seed", range(8))
def test_host_and_device_time_are_inverse_to_a_microsecond(seed: int) -> None:
    clock = DeviceClock.seeded(seed, POWERED_NS)
    device_s = np.linspace(0, 3600, 50)
    back = [clock.device_s(host_ns) for host_ns in clock.host_ns(device_s).tolist()]
    assert np.abs(np.asarray(back) - device_s).max() < 1e-6


def test_a_slow_device_has_a_positive_skew() -> None:
    clock = DeviceClock(POWERED_NS, skew_ppm=80.0)
    assert clock.host_ns(np.asarray([0.0, 1000.0])).tolist() == [POWERED_NS, POWERED_NS + 1_000_080_000_000]


def test_the_drift_is_a_slow_wander_of_the_rate_by_a_few_ppm() -> None:
    clock = DeviceClock(POWERED_NS, skew_ppm=10.0, drift_ppm=3.0, drift_period_s=240.0)
    device_s = np.arange(0, 481.0)
    rate_ppm = np.diff(clock.host_ns(device_s)) / 1e3 - 1e6
    assert rate_ppm.min() == pytest.approx(7.0, abs=0.1)
    assert rate_ppm.max() == pytest.approx(13.0, abs=0.1)
    assert rate_ppm.mean() == pytest.approx(10.0, abs=0.01)


def test_seeds_give_different_clocks_within_what_crystals_do() -> None:
    clocks = [DeviceClock.seeded(seed, POWERED_NS) for seed in range(100)]
    assert len({clock.powered_ns for clock in clocks}) == 100
    assert all(abs(clock.skew_ppm) <= 80 and 1 <= clock.drift_ppm <= 3 for clock in clocks)
    assert all(5e9 <= POWERED_NS - clock.powered_ns <= 500e9 for clock in clocks)
    assert clocks[3] == DeviceClock.seeded(3, POWERED_NS)


def test_a_restart_counts_from_zero_with_the_same_oscillator() -> None:
    clock = DeviceClock.seeded(1, POWERED_NS).restarted(POWERED_NS + 7)
    assert clock.device_s(POWERED_NS + 7) == 0.0
    assert clock.skew_ppm == DeviceClock.seeded(1, POWERED_NS).skew_ppm
