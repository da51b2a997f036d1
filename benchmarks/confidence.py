"""What intervals and warnings cost a tick: `python benchmarks/confidence.py --bundle BUNDLE` (a calibrated one).

Both legs, on a virtual wearer who walks, one thread. `update` takes in each row, its steps spread over the ticks that
follow each tenth of a second; `half_widths` is asked for each frame told. Whether they are right is told by
`second-skin-lab confidence BUNDLE FOLDER`.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from jetson_runtime.inference import bundle
from jetson_runtime.inference.confidence import Confidence
from jetson_runtime.suit import signals
from jetson_runtime.timing.resample import resample_trial
from models.virtual_wearer.subject import Subject
from models.virtual_wearer.wearer import generate

_US = 1e-3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", type=Path, default=bundle.SHIPPED)
    parser.add_argument("--seconds", type=float, default=30.0)
    options = parser.parse_args()
    fitted = bundle.load(options.bundle).confidence()
    if fitted is None:
        parser.error(f"{options.bundle} is not calibrated; `second-skin-lab calibrate` does it")
    rows = resample_trial(generate(Subject.random(3), "W", options.seconds, seed=0), 0)
    confidence = Confidence(fitted, signals.SIDES, signals.CHANNEL_FILL)
    outcomes = np.zeros((len(signals.SIDES), len(signals.OUTCOMES)), np.float32)
    spent = np.array([_tick(confidence, row, outcomes) for row in rows]) * _US
    update, widths = spent.T
    for name, values in (("update", update), ("half_widths", widths), ("both", update + widths)):
        p50, p99 = np.percentile(values, [50, 99])
        print(
            f"{name:12} us: mean {values.mean():5.1f}  p50 {p50:5.1f}  p99 {p99:5.1f}  max {values.max():6.1f}"
        )


def _tick(confidence: Confidence, row: np.ndarray, outcomes: np.ndarray) -> tuple[int, int]:
    """ns of each."""
    start = time.perf_counter_ns()
    confidence.update(row)
    middle = time.perf_counter_ns()
    confidence.half_widths(outcomes)
    return middle - start, time.perf_counter_ns() - middle


if __name__ == "__main__":
    main()
