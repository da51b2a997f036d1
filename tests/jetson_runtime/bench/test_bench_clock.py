"""How exactly a device's clock is followed: the numbers we hold ourselves to, on our traces and on the shared ones.

The devices' skews are given: one whose clock runs within about 15 ppm of the USB frames' keeps one place in its frame
for a minute or longer, and no estimate from times alone can see where.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from jetson_runtime.bench import clock, clock_traces
from jetson_runtime.bench import clock_figures as figures
from jetson_runtime.bench.clock_traces import LINES, Trace
from jetson_runtime.timing.timebase import ClockEstimator

# Seed: skew, ppm.
DEVICES = {901: -70.0, 902: 60.0}
SEEDS = tuple(DEVICES)
LIMIT_MS = {
    "USB CDC": 0.13,
    "FTDI 1 ms": 0.45,
    "FTDI 16 ms": 0.16,
    "RS-232": 0.08,
    "CDC, stalls, losses": 0.13,
}
AFTER_10_S_MS = 0.55
MOST_BARE_CALLS = 80
SHARED_NAMES = dict(zip(LINES, ("cdc", "ftdi1", "ftdi16", "rs232", "heavy"), strict=True))


@cache
def _ours(line: str, seed: int) -> Trace:
    return clock_traces.make(line, seed, skew_ppm=DEVICES[seed])


@pytest.fixture(scope="module")
def shared_trace(shared: Path) -> Callable[[str, int], Trace]:
    """Traces of ../shared/tools/clock_traces.py."""
    sys.path.insert(0, str(shared / "tools"))
    try:
        import clock_traces as theirs  # type: ignore[import-not-found]
    finally:
        sys.path.pop(0)

    def make(line: str, seed: int) -> Trace:
        trace = theirs.make(SHARED_NAMES[line], seed, skew=DEVICES[seed])
        start = 10**12
        host, device, receive = (np.rint(x * 1e9).astype(np.int64) for x in (trace.T, trace.dev, trace.rx))
        return Trace(host + start, device, receive + start)

    return make


def _errors_ms(line: str, make: Callable[[str, int], Trace]) -> tuple[float, float]:
    """p99 after 60 s, and from 10 to 60 s, means over the devices; every map must run forward."""
    late, early = [], []
    for seed in SEEDS:
        trace = make(line, seed)
        run = figures.play(ClockEstimator(), trace)
        assert np.all(np.diff(run.errors_ms * 1e6 + trace.host_ns) > 0), "host time ran back"
        late.append(figures.p99_ms(run.errors_ms, trace))
        early.append(figures.p99_ms(run.errors_ms, trace, 10.0, 60.0))
    return statistics.mean(late), statistics.mean(early)


@pytest.mark.parametrize("line", LINES)
def test_errors_on_our_traces(line: str) -> None:
    late, early = _errors_ms(line, _ours)
    assert late <= LIMIT_MS[line]
    assert early <= AFTER_10_S_MS


@pytest.mark.parametrize("line", LINES)
def test_errors_on_the_shared_traces(line: str, shared_trace: Callable[[str, int], Trace]) -> None:
    late, early = _errors_ms(line, shared_trace)
    assert late <= LIMIT_MS[line]
    assert early <= AFTER_10_S_MS


@pytest.mark.parametrize("name", clock.FIGURES)
def test_stalls_restarts_steps_and_rollovers(name: str) -> None:
    figure = clock.FIGURES[name]
    told = [figure.measure(seed, _ours("USB CDC", seed)) for seed in SEEDS]
    assert statistics.mean(told) <= figure.limit


def test_the_map_moves_slowly_once_there_is_a_line() -> None:
    trace = _ours("CDC, stalls, losses", SEEDS[0])
    offset = figures.play(ClockEstimator(), trace).errors_ms * 1e6 + trace.host_ns - trace.device_ns
    rate = np.abs(np.diff(offset)) / np.diff(trace.device_ns)
    assert np.max(rate[trace.since_s()[1:] > 3.0]) < 2.5e-3


def test_duplicates_and_late_packets_change_nothing() -> None:
    trace = _ours("USB CDC", SEEDS[0]).until(30.0)
    calm, shaken = ClockEstimator(), ClockEstimator()
    pairs = list(zip(trace.device_ns.tolist(), trace.receive_ns.tolist(), strict=True))
    for i, (device, receive) in enumerate(pairs):
        expected = calm.update(device, receive)
        assert shaken.update(device, receive) == expected
        if i % 7 == 0:
            assert shaken.update(device, receive + 1000) == expected
            shaken.update(pairs[max(0, i - 2)][0], receive + 1000)
    assert shaken.restarts == 0


@pytest.mark.parametrize("told_hz", [75.13, 80.0])
def test_smoothing_learns_the_period(told_hz: float) -> None:
    trace = clock_traces.make("USB CDC", 5, rate_hz=75.13, seconds=200.0, packet_bytes=524)
    coarse = clock_traces.coarse(trace, figures.STAMP_NS)
    smoothed = figures.play(ClockEstimator(round(1e9 / told_hz), figures.STAMP_NS), coarse).errors_ms
    assert (
        figures.p99_ms(smoothed, coarse)
        < 0.15
        < figures.p99_ms(figures.play(ClockEstimator(), coarse).errors_ms, coarse)
    )


def test_an_update_costs_about_as_much_as_a_few_method_calls() -> None:
    trace = _ours("USB CDC", SEEDS[0]).until(60.0)
    ratios = []
    for _ in range(5):
        bare = figures.play(figures.Bare(), trace).us
        ratios.append(figures.play(ClockEstimator(), trace).us / bare)
    assert min(ratios) < MOST_BARE_CALLS


def test_the_benchmark_tells_every_way_and_figure(capsys: pytest.CaptureFixture[str]) -> None:
    said = clock.measure(range(7, 8), seconds=320.0)
    assert set(said["p99_ms"]) == set(said["us"]) - {"bare call"} == set(clock.WAYS)
    assert said["p99_ms"]["ours"]["CDC, stalls, losses"] < 0.5 * min(
        said["p99_ms"]["arrival time as it is"]["CDC, stalls, losses"],
        said["p99_ms"]["moving average of the offset, 0.99"]["CDC, stalls, losses"],
    )
    assert json.loads(json.dumps(said))["figures"].keys() == clock.FIGURES.keys()
    for table in (clock._ways_table(said), clock._figures_table(said)):
        assert "ours" in table
