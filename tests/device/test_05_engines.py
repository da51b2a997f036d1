"""05: every engine loads the bundle, passes its self-test, and fits in a tick when paced like the service."""

from __future__ import annotations

import time

import numpy as np
import pytest

from jetson_runtime.inference import bundle, engines
from jetson_runtime.suit.config import SuitConfig
from jetson_runtime.suit.signals import PERIOD_NS

TICKS = 2000


@pytest.mark.parametrize("name", engines.NAMES)
def test_engine_fits_in_a_tick(name: str, suit: SuitConfig) -> None:
    model = bundle.load(suit.model.bundle)
    engine = engines.create(name, model, len(suit.sides))
    print(f"{name}: worst golden error {model.self_test(engine):.2g} outcome SDs")
    rows = np.zeros((len(suit.sides), 54), dtype=np.float32)
    out = np.empty((len(suit.sides), 8), dtype=np.float32)
    took = np.empty(TICKS)
    due = time.monotonic_ns()
    for i in range(TICKS):
        due += PERIOD_NS
        time.sleep(max(0, due - time.monotonic_ns()) / 1e9)
        start = time.perf_counter_ns()
        engine.step(rows, out)
        took[i] = time.perf_counter_ns() - start
    p50, p99, worst = np.percentile(took, (50, 99, 100)) / 1e3
    print(f"{name}: paced p50 {p50:.0f} us, p99 {p99:.0f} us, worst {worst:.0f} us")
    assert p99 < PERIOD_NS / 1e3 / 2
