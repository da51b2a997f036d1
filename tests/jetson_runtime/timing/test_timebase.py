"""Device time to host time, on seeded clocks with known truth."""

from __future__ import annotations

import numpy as np
import pytest

from jetson_runtime.timing.timebase import ClockEstimator

RATE, SECONDS = 200, 60


def _trace(seed: int, skew_ppm: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """True host ns, device ns and receive ns: 1 ms USB frames, a wake-up of 50-150 us, rarely 3 ms more."""
    random = np.random.default_rng(seed)
    device = np.arange(RATE * SECONDS) / RATE + 123.0
    host = 1000.0 + (device - 123.0) * (1 + skew_ppm * 1e-6)
    receive = np.ceil((host + 3e-4) / 1e-3) * 1e-3 + random.uniform(5e-5, 1.5e-4, len(host))
    receive += (random.random(len(host)) < 2e-3) * 3e-3
    return tuple(np.round(x * 1e9).astype(np.int64) for x in (host, device, np.maximum.accumulate(receive)))  # type: ignore[return-value]


def _errors_ms(
    clock: ClockEstimator, host: np.ndarray, device: np.ndarray, receive: np.ndarray
) -> np.ndarray:
    mapped = [clock.update(d, r) for d, r in zip(device.tolist(), receive.tolist(), strict=True)]
    assert np.all(np.diff(mapped) > 0), "host time ran back"
    return (np.array(mapped) - host) / 1e6


@pytest.mark.parametrize("skew_ppm", [-70.0, 0.0, 55.0])
def test_closer_to_the_truth_than_the_arrival_times(skew_ppm: float) -> None:
    host, device, receive = _trace(3, skew_ppm)
    clock = ClockEstimator()
    errors = _errors_ms(clock, host, device, receive)
    late = slice(RATE * 30, None)
    ours = np.percentile(np.abs(errors[late] - np.median(errors[late])), 99)
    arrival = (receive - host)[late] / 1e6
    assert ours < 0.6 * np.percentile(np.abs(arrival - np.median(arrival)), 99)
    assert abs(clock.skew_ppm - skew_ppm) < 20


def test_a_stall_of_the_host_does_not_move_the_clock() -> None:
    host, device, receive = _trace(4, 20.0)
    stall = (receive > receive[6000]) & (receive < receive[6000] + 500_000_000)
    stalled = receive.copy()
    stalled[stall] = receive[6000] + 500_000_000 + np.arange(stall.sum()) * 30_000
    calm = _errors_ms(ClockEstimator(), host, device, receive)
    shaken = _errors_ms(ClockEstimator(), host, device, stalled)
    assert np.max(np.abs(shaken - calm)) < 0.3


def test_a_restarted_device_is_noticed_and_followed() -> None:
    host, device, receive = _trace(5, 40.0)
    device[4000:] -= device[4000] - 350_000_000
    clock = ClockEstimator()
    errors = _errors_ms(clock, host, device, receive)
    assert clock.restarts == 1
    assert abs(np.median(errors[4400:]) - np.median(errors[2000:4000])) < 0.5


def test_a_rollover_costs_nothing() -> None:
    host, device, receive = _trace(6, -30.0)
    wrap = 1 << 32
    plain = _errors_ms(ClockEstimator(), host, device, receive)
    clock = ClockEstimator(rollover_ns=wrap)
    wrapped = _errors_ms(clock, host, device % wrap, receive)
    assert clock.restarts == 0
    assert np.max(np.abs(wrapped - plain)) < 0.01


def test_coarse_stamps_of_a_periodic_device_are_smoothed() -> None:
    host, device, receive = _trace(7, 10.0)
    coarse = device // 1_000_000 * 1_000_000
    late = slice(RATE * 10, None)
    spread = [
        float(np.std(_errors_ms(ClockEstimator(5_001_000, resolution), host, coarse, receive)[late]))
        for resolution in (1, 1_000_000)
    ]
    assert spread[1] <= spread[0]


def test_late_first_samples_are_forgotten_within_the_first_seconds() -> None:
    host, device, receive = _trace(8, 15.0)
    receive[:3] += np.array([10, 15, 19]) * 1_000_000
    clock = ClockEstimator()
    errors = _errors_ms(clock, host, device, np.maximum.accumulate(receive))
    late = slice(RATE, 5 * RATE)
    assert np.max(errors[late]) < np.median(errors) + 1.0


@pytest.mark.parametrize("step_ms", [300, 5_000, 60_000])
def test_a_clock_set_forward_never_stamps_a_sample_after_its_receipt(step_ms: int) -> None:
    host, device, receive = _trace(9, 15.0)
    device[3000:] += step_ms * 1_000_000
    clock = ClockEstimator()
    errors = _errors_ms(clock, host, device, receive)
    assert clock.restarts == 1
    assert np.max(host / 1e6 + errors - receive / 1e6) < 20
