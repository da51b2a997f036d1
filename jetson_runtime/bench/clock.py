"""`second-skin bench clock`: how exactly a device's clock is followed, ours beside four other ways, on the same traces.

Errors are after an unobservable constant (the median error after 60 s), means over the seeds. Every trace is ten
minutes of one device; see `clock_traces.py`, `clock_ways.py`, `clock_figures.py`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from jetson_runtime.bench import clock_figures as figures
from jetson_runtime.bench import clock_traces, machine, report
from jetson_runtime.bench.clock_traces import LINES, Trace
from jetson_runtime.bench.clock_ways import ArrivalTime, KlipperClockSync, LslDejitter, MovingAverage, Way
from jetson_runtime.suit.signals import PERIOD_NS
from jetson_runtime.timing.timebase import ClockEstimator

_SEEDS = 3
_FIRST_SEED = 900
_INSOLE_HZ, _INSOLE_BYTES = 75.13, 524
_OURS = "ours"

WAYS: dict[str, Callable[[], Way]] = {
    "arrival time as it is": ArrivalTime,
    "moving average of the offset, 0.99": MovingAverage,
    "recursive least squares (LSL's dejitter)": lambda: LslDejitter(PERIOD_NS),
    "decayed regression (Klipper's, one-way)": KlipperClockSync,
    _OURS: ClockEstimator,
}


class Figure(NamedTuple):
    """What else is asked of ours: its mean over the seeds is not to be above `limit`."""

    unit: str
    limit: float
    measure: Callable[[int, Trace], float]


FIGURES: dict[str, Figure] = {
    "a stall of 20 ms moves the mapping": Figure("ms", 0.13, lambda _, t: figures.stall_moves_ms(t, 0.02)),
    "a stall of 500 ms moves it": Figure("ms", 0.13, lambda _, t: figures.stall_moves_ms(t, 0.5)),
    "a stall of 10 s moves it": Figure("ms", 0.05, lambda _, t: figures.stall_moves_ms(t, 10.0)),
    "restarted device, p99 from 2 to 12 s": Figure("ms", 0.32, lambda _, t: figures.restart_ms(t)),
    "a step of +3 ms is followed in": Figure("s", 11.0, lambda _, t: figures.follow_s(t, figures.STEP_NS)),
    "a step of -3 ms is followed in": Figure("s", 2.0, lambda _, t: figures.follow_s(t, -figures.STEP_NS)),
    "a rollover of 32 bits costs": Figure("ms", 1e-6, lambda _, t: figures.rollover_costs_ms(t)),
    "insole, stamps of 1 ms, p99 after 60 s": Figure("ms", 0.15, lambda seed, _: _insole(seed)),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `second-skin bench clock`."""
    add = parser.add_argument
    add("--seeds", type=report.count, default=_SEEDS, metavar="N", help=f"traces of each kind ({_SEEDS})")
    report.add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Measures, prints, and returns 0."""
    about = machine.Machine()
    seeds = range(_FIRST_SEED, _FIRST_SEED + options.seeds)
    report.say(f"{len(seeds)} seeds, {len(LINES)} links: ten minutes of a device's clock each")
    result = {"seeds": list(seeds), **measure(seeds), "machine": about.facts()}
    report.put(result, _ways_table(result), _figures_table(result), as_json=options.json)
    return 0


def measure(seeds: range, seconds: float = 600.0) -> dict[str, Any]:
    """`p99_ms` and `us` by way (and link), of ours `p99_after_10_s_ms` by link and `figures`."""
    p99: dict[str, dict[str, list[float]]] = {name: {line: [] for line in LINES} for name in WAYS}
    early: dict[str, list[float]] = {line: [] for line in LINES}
    us: dict[str, list[float]] = {name: [] for name in (*WAYS, "bare call")}
    told: dict[str, list[float]] = {name: [] for name in FIGURES}
    for seed in seeds:
        for line in LINES:
            trace = clock_traces.make(line, seed, seconds=seconds)
            us["bare call"].append(figures.play(figures.Bare(), trace).us)
            for name, make in WAYS.items():
                errors, cost = figures.play(make(), trace)
                p99[name][line].append(figures.p99_ms(errors, trace))
                us[name].append(cost)
                if name == _OURS:
                    early[line].append(figures.p99_ms(errors, trace, 10.0, 60.0))
        trace = clock_traces.make("USB CDC", seed, seconds=seconds)
        for name, figure in FIGURES.items():
            told[name].append(figure.measure(seed, trace))
    return {
        "p99_ms": {
            name: {line: float(np.mean(v)) for line, v in lines.items()} for name, lines in p99.items()
        },
        "p99_after_10_s_ms": {line: float(np.mean(values)) for line, values in early.items()},
        "us": {name: min(values) for name, values in us.items()},
        "figures": {
            name: {"value": float(np.mean(told[name])), "limit": figure.limit, "unit": figure.unit}
            for name, figure in FIGURES.items()
        },
    }


def _insole(seed: int) -> float:
    trace = clock_traces.make("USB CDC", seed, rate_hz=_INSOLE_HZ, packet_bytes=_INSOLE_BYTES)
    return figures.insole_p99_ms(trace, _INSOLE_HZ)


def _ways_table(result: dict[str, Any]) -> str:
    rows = [
        (name, *(f"{result['p99_ms'][name][line]:.2f}" for line in LINES), f"{result['us'][name]:.2f}")
        for name in WAYS
    ]
    rows.append(("ours after 10 s", *(f"{result['p99_after_10_s_ms'][line]:.2f}" for line in LINES), ""))
    rows.append(("a method call that does nothing", *("" for _ in LINES), f"{result['us']['bare call']:.2f}"))
    return report.table(("p99 of the error after 60 s, ms", *LINES, "us an update"), rows)


def _figures_table(result: dict[str, Any]) -> str:
    rows = [
        (name, f"{told['value']:.3f} {told['unit']}", f"{told['limit']:g} {told['unit']}")
        for name, told in result["figures"].items()
    ]
    return report.table(("ours, 200 Hz on USB CDC", "mean", "at most"), rows)
