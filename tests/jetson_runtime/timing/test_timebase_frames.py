"""Devices that keep their place in the USB frame: their offsets run along the frames' clock, not their own."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from jetson_runtime.timing.timebase import ClockEstimator

RATE, FRAME_S = 200, 1e-3
NS = 1_000_000_000
Trace = tuple[np.ndarray, np.ndarray, np.ndarray]


def _trace(
    seconds: int, skew_ppm: float, phase: float, in_frames: Callable[[np.ndarray], np.ndarray] | None = None
) -> Trace:
    """True host ns, device ns and receive ns. phase: where in the frame the first sample falls, 0 to 1."""
    random = np.random.default_rng(11)
    device = np.arange(RATE * seconds) / RATE
    host = 1000.0 + phase * FRAME_S + device * (1 + skew_ppm * 1e-6)
    read = (in_frames or _framed)(host + random.uniform(0, 5e-5, len(host)))
    receive = np.maximum.accumulate(read + np.exp(random.normal(np.log(5e-5), 0.5, len(host))))
    return tuple(np.round(x * NS).astype(np.int64) for x in (host, device + 55.0, receive))  # type: ignore[return-value]


def _framed(ready: np.ndarray) -> np.ndarray:
    return np.ceil(ready / FRAME_S) * FRAME_S


def _errors_ms(clock: ClockEstimator, trace: Trace) -> np.ndarray:
    host, device, receive = trace
    mapped = np.array([clock.update(d, r) for d, r in zip(device.tolist(), receive.tolist(), strict=True)])
    assert np.all(np.diff(mapped) > 0), "host time ran back"
    return (mapped - host) / 1e6


@pytest.mark.parametrize("skew_ppm", [-8.0, 12.0])
def test_after_two_jumps_the_device_is_followed_and_not_the_frames(skew_ppm: float) -> None:
    errors = _errors_ms(ClockEstimator(), _trace(400, skew_ppm, 0.4))
    later = errors[RATE * 260 :]
    assert np.ptp(later) < 0.35, "a sawtooth of 1 ms passed"


def test_uncertainty_grows_between_jumps_and_falls_with_them() -> None:
    clock = ClockEstimator()
    _, device, receive = _trace(260, 10.0, 0.5)
    told = []
    for d, r in zip(device.tolist(), receive.tolist(), strict=True):
        clock.update(d, r)
        told.append(clock.uncertainty_ns)
    # Jumps at 50, 150 and 250 s.
    soon, before_second, after_second = (told[RATE * second] for second in (60, 145, 160))
    assert before_second > 2 * soon
    assert after_second < before_second / 2


def test_a_quiet_link_has_no_frames() -> None:
    trace = _trace(200, 30.0, 0.0, in_frames=lambda ready: ready)
    errors = _errors_ms(ClockEstimator(), trace)
    assert np.ptp(errors[RATE * 60 :]) < 0.1


@pytest.mark.parametrize("step_ms", [-1.4, 1.4])
def test_a_small_step_of_the_delay_contradicts_the_frames_and_is_followed(step_ms: float) -> None:
    host, device, receive = _trace(300, 40.0, 0.3)
    calm = _errors_ms(ClockEstimator(), (host, device, receive))
    receive = receive + np.where(np.arange(len(host)) > RATE * 150, round(step_ms * 1e6), 0)
    errors = _errors_ms(ClockEstimator(), (host, device, np.maximum.accumulate(receive)))
    moved = errors[RATE * 270 :] - calm[RATE * 270 :]
    assert np.all(np.abs(moved - step_ms) < 0.5)


def test_clocks_that_begin_in_one_tick_take_their_looks_in_others() -> None:
    looks = set()
    for place in range(8):
        clock = ClockEstimator()
        for k in range(400):
            before = clock.skew_ppm
            clock.update(k * 5_000_000, NS + 20_000 * place + k * 5_000_100)
            if clock.skew_ppm != before:
                looks.add(k)
                break
    assert len(looks) >= 4
