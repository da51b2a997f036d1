"""The start-up self-timing behind `engine = "auto"`: which engine is the fastest on this machine, today."""

from __future__ import annotations

import logging
import time

import numpy as np

from jetson_runtime.inference import engines
from jetson_runtime.inference.bundle import Bundle
from jetson_runtime.inference.engines.base import Engine, EngineOptions
from jetson_runtime.suit.errors import BundleError

# In the order of preference where two are equally fast; a GPU is taken only where the config names it.
CANDIDATES = ("native", "onnxruntime", "numpy")
_TICKS = 40
# Between two timed ticks: long enough for the caches to be used by others, as between two ticks of the service.
_PAUSE_S = 0.001
# A later candidate must be faster by this much: a difference below it is the machine's noise.
_CLEARLY = 0.9

_log = logging.getLogger("second-skin")


def fastest(bundle: Bundle, batch: int, options: EngineOptions) -> Engine:
    """The fastest of CANDIDATES that can be made here; BundleError of the last one where none can.

    What each took, or why it was left out, is told in one line of the log.
    """
    best: Engine | None = None
    best_ns = np.inf
    refused: BundleError | None = None
    told = []
    for name in CANDIDATES:
        try:
            engine = engines.create(name, bundle, batch, options)
        except BundleError as error:
            refused = error
            told.append(f"{name} not here ({error})")
            continue
        tick_ns = median_tick_ns(engine, bundle)
        told.append(f"{name} {tick_ns * 1e-3:.0f} us")
        if tick_ns < best_ns * (_CLEARLY if best else 1.0):
            best, best_ns = engine, tick_ns
    _log.info("engines timed: %s", "; ".join(told))
    if best is None:
        assert refused is not None
        raise refused
    return best


def median_tick_ns(engine: Engine, bundle: Bundle, ticks: int = _TICKS) -> float:
    """How long a tick of `engine` takes when it is called now and then, ns; leaves it reset."""
    rows, _ = bundle.golden()
    out = np.empty((engine.batch, len(bundle.manifest.outcomes)), np.float32)
    taken = []
    for row in rows[:ticks, : engine.batch]:
        time.sleep(_PAUSE_S)
        start_ns = time.perf_counter_ns()
        engine.step(row, out)
        taken.append(time.perf_counter_ns() - start_ns)
    engine.reset()
    return float(np.median(taken))
