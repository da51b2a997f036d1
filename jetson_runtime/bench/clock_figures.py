"""What is measured of a clock estimator: its error, ms, after an unobservable constant."""

from __future__ import annotations

import time
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from jetson_runtime.bench.clock_traces import SECOND, Trace, coarse, ending, restarted, stalled, stepped
from jetson_runtime.bench.clock_ways import Way
from jetson_runtime.timing.timebase import ClockEstimator

Doubles = npt.NDArray[np.float64]

ROLLOVER_NS = (1 << 32) * 1000
STAMP_NS = 1_000_000
EVENT_S = 250.4
STEP_NS = 3_000_000
# A step is followed when the map is this close to where it has to go, and stays there.
_FOLLOWED_MS, _WATCHED_S = 1.0, 30.0


class Run(NamedTuple):
    """Errors of all samples, ms, constant included; us of processor time for an update."""

    errors_ms: Doubles
    us: float


class Bare:
    """What a method call costs that does nothing."""

    def update(self, device_ns: int, receive_ns: int) -> int:
        return receive_ns


def play(way: Way, trace: Trace) -> Run:
    """Tells the estimator every sample."""
    pairs = list(zip(trace.device_ns.tolist(), trace.receive_ns.tolist(), strict=True))
    update = way.update
    begin = time.thread_time()
    mapped = [update(device, receive) for device, receive in pairs]
    us = (time.thread_time() - begin) * 1e6 / len(pairs)
    return Run((np.array(mapped, np.int64) - trace.host_ns) / 1e6, us)


def p99_ms(errors_ms: Doubles, trace: Trace, from_s: float = 60.0, to_s: float = np.inf) -> float:
    """99th percentile of the absolute error in that time; the constant is the median error after 60 s."""
    since = trace.since_s()
    constant = np.median(errors_ms[since > 60.0])
    window = (since > from_s) & (since < to_s)
    return float(np.percentile(np.abs(errors_ms[window] - constant), 99))


def stall_moves_ms(trace: Trace, seconds: float) -> float:
    """How far a stall moves the error, at most: of the samples that waited, and of those of the second after it."""
    trace = trace.until(EVENT_S + seconds + 2.0)
    errors = play(ClockEstimator(), stalled(trace, EVENT_S, seconds)).errors_ms
    since = trace.since_s()
    before = errors[since < EVENT_S - 0.02][-1]
    touched = (since >= EVENT_S - 0.02) & (since < EVENT_S + seconds + 1.0)
    return float(np.max(np.abs(errors[touched] - before)))


def restart_ms(trace: Trace) -> float:
    """p99 from 2 to 12 s after the device's restart."""
    again = restarted(trace, EVENT_S)
    errors = play(ClockEstimator(), again).errors_ms
    since = again.since_s()
    begin = float(since[since > EVENT_S][0])
    return p99_ms(errors, again, begin + 2.0, begin + 12.0)


def follow_s(trace: Trace, step_ns: int) -> float:
    """How long it takes until a step of the link's delay is followed for good."""
    trace = trace.until(EVENT_S + _WATCHED_S)
    calm = play(ClockEstimator(), trace).errors_ms
    errors = play(ClockEstimator(), stepped(trace, EVENT_S, step_ns)).errors_ms
    since = trace.since_s()
    astray = (since > EVENT_S) & (np.abs(errors - calm - step_ns / 1e6) > _FOLLOWED_MS)
    return float(since[astray][-1] - EVENT_S) if astray.any() else 0.0


def rollover_costs_ms(trace: Trace) -> float:
    """Largest difference that a wrap of a counter of microseconds in 32 bits makes."""
    trace = ending(trace.until(EVENT_S + 60.0), ROLLOVER_NS, EVENT_S)
    wrapped = trace._replace(device_ns=trace.device_ns % ROLLOVER_NS)
    apart = (
        play(ClockEstimator(rollover_ns=ROLLOVER_NS), wrapped).errors_ms
        - play(ClockEstimator(), trace).errors_ms
    )
    return float(np.max(np.abs(apart)))


def insole_p99_ms(trace: Trace, rate_hz: float) -> float:
    """p99 after 60 s with stamps of 1 ms, smoothed."""
    clock = ClockEstimator(round(SECOND / rate_hz), STAMP_NS)
    return p99_ms(play(clock, coarse(trace, STAMP_NS)).errors_ms, trace)
