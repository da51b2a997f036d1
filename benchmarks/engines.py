"""One tick of each streaming engine, hot (back to back) and paced (one call every 5 ms, as the service calls it).

.venv/bin/python benchmarks/engines.py [--bundle models/bundles/demo] [--ticks 2000]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from jetson_runtime.inference import bundle, engines
from jetson_runtime.suit.signals import CHANNELS, OUTCOMES, PERIOD_NS

SHIPPED = Path(__file__).resolve().parents[1] / "models" / "bundles" / "demo"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bundle", type=Path, default=SHIPPED)
    parser.add_argument("--ticks", type=int, default=2000)
    options = parser.parse_args()
    model = bundle.load(options.bundle)
    print(f"{'engine':12} {'legs':>4} {'hot p50':>8} {'paced p50':>10} {'paced p99':>10}   us a tick")
    for name in engines.NAMES:
        for legs in (1, 2):
            step = _stepper(engines.create(name, model, legs), legs)
            hot, paced = _hot(step, options.ticks), _paced(step, options.ticks)
            figures = (np.percentile(hot, 50), *np.percentile(paced, (50, 99)))
            print(f"{name:12} {legs:4} " + " ".join(f"{figure / 1e3:9.0f}" for figure in figures))


def _stepper(engine: engines.Engine, legs: int) -> Callable[[], None]:
    rows = np.random.default_rng(0).normal(size=(legs, len(CHANNELS))).astype(np.float32)
    out = np.empty((legs, len(OUTCOMES)), dtype=np.float32)
    return lambda: engine.step(rows, out)


def _timed(step: Callable[[], None]) -> int:
    start = time.perf_counter_ns()
    step()
    return time.perf_counter_ns() - start


def _hot(step: Callable[[], None], ticks: int) -> list[int]:
    return [_timed(step) for _ in range(ticks)]


def _paced(step: Callable[[], None], ticks: int) -> list[int]:
    took = []
    due = time.monotonic_ns()
    for _ in range(ticks):
        due += PERIOD_NS
        time.sleep(max(0, due - time.monotonic_ns()) / 1e9)
        took.append(_timed(step))
    return took


if __name__ == "__main__":
    main()
