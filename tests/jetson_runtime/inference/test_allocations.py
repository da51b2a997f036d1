"""A tick makes no array: memory is taken at the start, and what a tick leaves behind is its frame."""

from __future__ import annotations

import gc
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import array_counter
import numpy as np
import pytest

from drivers.samples import ImuSample, InsoleSample
from jetson_runtime.inference import engines
from jetson_runtime.inference.bundle import SHIPPED, load
from jetson_runtime.inference.engines.base import Engine
from jetson_runtime.inference.frame import Frame
from jetson_runtime.inference.pipeline import Pipeline
from jetson_runtime.suit.config import ModelTable, StreamConfig, SuitConfig, Wearer
from jetson_runtime.suit.signals import CHANNEL_FILL, OUTCOMES, PERIOD_NS, RATE_HZ, SIDES, STREAMS
from jetson_runtime.timing.ring import CAPACITY

INSOLE_PERIOD_NS = 12_500_000
# Each stream's clock draws a new line once a second, in arrays of its own.
LINES = len(STREAMS)
# A scalar out of an array is one of 8 bytes for a moment.
SCALAR_BYTES = 16


class Model:
    """What a pipeline asks of a bundle."""

    history = 248
    fill = CHANNEL_FILL


class Nothing:
    """An engine that computes nothing."""

    name = "nothing"
    batch = len(SIDES)

    def step(self, rows: np.ndarray, out: np.ndarray) -> None:
        np.copyto(out, rows[:, :8])

    def reset(self) -> None:
        """Nothing is remembered."""


class Walking:
    """Eight devices, the feet in the air now and then; `tick` feeds what came since the last one and steps."""

    def __init__(self, engine: Engine) -> None:
        config = SuitConfig(
            wearer=Wearer(mass_kg=70.0, foot_length_m=0.27, foot_width_m=0.10),
            model=ModelTable(bundle=Path("x")),
            streams={stream.name: StreamConfig(port=f"/dev/{stream.name}") for stream in STREAMS},
        )
        self.pipeline = Pipeline(config, Model(), engine)
        self._ticks = 1000
        self._sampled_ns = [0] * len(STREAMS)
        for index, stream in enumerate(STREAMS):
            self.pipeline.attach(index, period_ns=PERIOD_NS if stream.kind == "imu" else INSOLE_PERIOD_NS)
        for _ in range(3 * CAPACITY + 2 * Model.history):  # an insole samples at every third tick
            self.tick()

    def samples(self) -> list[tuple[int, list[ImuSample] | list[InsoleSample]]]:
        """Made apart from the tick: they are the drivers' to make."""
        self._ticks += 1
        at = self._ticks * PERIOD_NS
        made: list[tuple[int, list[ImuSample] | list[InsoleSample]]] = []
        for index, stream in enumerate(STREAMS):
            sway = np.sin(at * 1e-9 + index).item()
            if stream.kind == "imu":
                sample = ImuSample(at, at + 900_000, (sway, 9.8, 0.0), (0.1, sway, 0.0), None)
                made.append((index, [sample]))
            elif at - self._sampled_ns[index] >= INSOLE_PERIOD_NS:
                self._sampled_ns[index] = at
                made.append((index, [_foot(at, 400.0 * max(0.0, sway), sway)]))
        return made

    def tick(self) -> Frame | None:
        for index, samples in self.samples():
            self.pipeline.feed(index, samples)
        return self.pipeline.step(self._ticks * PERIOD_NS + 3_000_000)


def _foot(at: int, force_n: float, sway: float) -> InsoleSample:
    centre = (0.02, 0.01) if force_n > 35.0 else (float("nan"), float("nan"))
    moving = (sway, 9.8, 0.0)
    return InsoleSample(at, at + 6_400_000, 0, 1, force_n, *centre, moving, moving, None, b"", 4000, 30.0)


@pytest.fixture(scope="module")
def walking() -> Walking:
    walking = Walking(Nothing())
    frame = walking.tick()
    assert frame is not None
    assert frame.valid
    return walking


def _each_tick(walking: Walking, ticks: int, look: Callable[[], int]) -> list[int]:
    """What `look` says after each tick, the making of the samples left out."""
    seen = []
    for _ in range(ticks):
        made = walking.samples()
        look()
        for index, samples in made:
            walking.pipeline.feed(index, samples)
        frame = walking.pipeline.step(walking._ticks * PERIOD_NS + 3_000_000)
        seen.append(look())
        assert frame is not None
    return seen


def test_the_counter_sees_every_array() -> None:
    numbers = np.ones(54)
    with array_counter.counted() as sizes:
        np.add(numbers, numbers, out=numbers)
        assert sizes == []
        _ = numbers + numbers
        np.zeros(3)
        numbers[:5].astype(np.float32)
        assert sizes == [54 * 8, 3 * 8, 5 * 4]


def test_a_tick_makes_no_array(walking: Walking) -> None:
    ticks = 5 * RATE_HZ
    with array_counter.counted() as sizes:

        def arrays() -> int:
            made = sum(size > SCALAR_BYTES for size in sizes)
            sizes.clear()
            return made

        made = _each_tick(walking, ticks, arrays)
    assert sum(count > 0 for count in made) <= ticks / RATE_HZ * LINES


@pytest.mark.parametrize("name", ["numpy", "onnxruntime"])
def test_an_engine_makes_no_array(name: str) -> None:
    engine = engines.create(name, load(SHIPPED), len(SIDES))
    rows = np.zeros((len(SIDES), len(CHANNEL_FILL)), np.float32)
    out = np.empty((len(SIDES), len(OUTCOMES)), np.float32)
    with array_counter.counted() as sizes:
        for _ in range(300):
            engine.step(rows, out)
    assert [size for size in sizes if size > SCALAR_BYTES] == []


def test_a_tick_leaves_nothing_behind(walking: Walking) -> None:
    """Blocks of the interpreter's own: a leak of one object a tick would be 2,000."""
    gc.collect()
    before = sys.getallocatedblocks()
    for _ in range(2000):
        walking.tick()
    gc.collect()
    assert sys.getallocatedblocks() - before < 500


def test_a_tick_takes_little_memory_for_a_moment(walking: Walking) -> None:
    """The frame, its floats and what is on its way from the samples to it."""
    walking.tick()
    tracemalloc.start()
    try:

        def peak() -> int:
            now, most = tracemalloc.get_traced_memory()
            nonlocal start
            taken, start = most - start, now
            tracemalloc.reset_peak()
            return taken

        start = tracemalloc.get_traced_memory()[0]
        taken = _each_tick(walking, 2 * RATE_HZ, peak)
    finally:
        tracemalloc.stop()
    assert np.median(taken) < 8_000
