"""How an engine's tick grows with outcomes, legs and channels: `python -m jetson_runtime.bench.scale_networks ROUNDS`.

The networks have the paper's shape and random weights. They are timed in turns, and a figure is the median of its
rounds. Prints JSON. A process of its own, so that BLAS can be kept to one thread.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jetson_runtime.bench.worker import hot, paced
from jetson_runtime.inference import engines, layout
from jetson_runtime.inference.bundle import Bundle, Manifest
from jetson_runtime.inference.layout import Network
from jetson_runtime.suit.errors import BundleError
from jetson_runtime.suit.signals import CHANNELS, OUTCOMES

ENGINES = ("native", "numpy")
_HOT_S, _PACED_S = 0.05, 0.2
_TICKS = 50
_NETWORK = Network(kernel=5, dilations=(1, 2, 4, 8, 16), filters=80)


class Shape(NamedTuple):
    """How many networks, for how many legs, of how many inputs."""

    outcomes: int = len(OUTCOMES)
    legs: int = 1
    channels: int = len(CHANNELS)


SHAPES = (
    *(Shape(outcomes=n) for n in (1, 2, 4, 8, 16)),
    Shape(legs=2),
    Shape(channels=27),
    Shape(channels=108),
)


def random_bundle(shape: Shape) -> Bundle:
    """A bundle in memory alone; weights of the size at which what passes a layer neither dies nor grows."""
    random = np.random.default_rng(0)
    tensors = {}
    for name, size in layout.shapes(_NETWORK, shape.channels, shape.outcomes).items():
        scale = np.sqrt(2.0 / size[1]) if name.endswith("weight") else 0.1
        tensors[name] = (scale * random.standard_normal(size)).astype(np.float32)
    tensors["input_scale"][...] = tensors["output_sd"][...] = 1.0
    manifest = Manifest.model_construct(
        name="random",
        channels=tuple(f"channel{i}" for i in range(shape.channels)),
        outcomes=tuple(f"outcome{i}" for i in range(shape.outcomes)),
        outcome_sd=(1.0,) * shape.outcomes,
        fill=(0.0,) * shape.channels,
        history=layout.history(_NETWORK),
        network=_NETWORK,
    )
    return Bundle(Path(), manifest, tensors)


def measure(rounds: int) -> list[dict[str, Any]]:
    """hot_us and paced_us by engine and shape; without the engines that cannot be made here."""
    steps: dict[tuple[str, Shape], Callable[[], None]] = {}
    for shape in SHAPES:
        for name in ENGINES:
            try:
                steps[name, shape] = _stepper(name, shape)
            except BundleError as error:
                sys.stderr.write(f"{error}\n")
    taken: dict[tuple[str, Shape], list[tuple[float, float]]] = {key: [] for key in steps}
    for _ in range(rounds):
        for key, step in steps.items():
            taken[key].append((float(np.median(hot(step, _HOT_S))), float(np.median(paced(step, _PACED_S)))))
    return [
        {
            "engine": name,
            **shape._asdict(),
            "hot_us": statistics.median(one for one, _ in taken[name, shape]) * 1e-3,
            "paced_us": statistics.median(one for _, one in taken[name, shape]) * 1e-3,
        }
        for name, shape in steps
    ]


def _stepper(name: str, shape: Shape) -> Callable[[], None]:
    engine = engines.create(name, random_bundle(shape), shape.legs)
    rows = np.random.default_rng(1).standard_normal((_TICKS, shape.legs, shape.channels)).astype(np.float32)
    out = np.empty((shape.legs, shape.outcomes), np.float32)
    ticks = cycle(list(rows))
    return lambda: engine.step(next(ticks), out)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure(int(sys.argv[1]))) + "\n")
