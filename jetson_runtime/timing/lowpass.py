"""The motion of streams that sample much faster than the grid, low-passed: all of them in one go for each tick."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from jetson_runtime.timing.ring import CAPACITY, SampleRing
from jetson_runtime.timing.weights import AFTER_NS, BEFORE_NS, WindowFit

Doubles = npt.NDArray[np.float64]


class LowPass:
    """For the streams `indices`, of which the fastest samples every `period_ns`.

    memory: samples (rows, 6), CAPACITY rows for each stream of the suit in order.
    """

    def __init__(
        self, indices: Sequence[int], rings: Sequence[SampleRing], period_ns: int, memory: Doubles
    ) -> None:
        before, after = BEFORE_NS // period_ns + 1, AFTER_NS // period_ns + 1
        streams, taps = len(indices), before + after
        self._indices, self._rings, self._memory = tuple(indices), tuple(rings), memory
        self._fit = WindowFit(streams, taps)
        self._stamps = np.zeros((streams, CAPACITY))
        self._numbers = np.zeros((streams, 1), np.intp)
        self._number = memoryview(self._numbers.reshape(-1))  # type: ignore[arg-type]
        self._steps = np.arange(1 - before, after + 1)
        self._slots = np.zeros((streams, taps), np.intp)
        self._times = np.zeros((streams, taps))
        self._taken = np.zeros((streams, taps, memory.shape[1]))
        self._motion = np.zeros((streams, 1, memory.shape[1]))
        self._own = np.arange(streams)[:, None] * CAPACITY
        self._to_memory = np.asarray(indices)[:, None] * CAPACITY - self._own
        for ring, stamps in zip(rings, self._stamps, strict=True):
            ring.mirror(stamps)

    def apply(self, t_ns: int, motion: Doubles) -> None:
        """Overwrites `motion` (all streams, 1, 6) where the rings, just searched for `t_ns`, have what a fit needs."""
        slots = self._slots
        for i, ring in enumerate(self._rings):
            self._number[i] = ring.cursor
        np.add(self._numbers, self._steps, out=slots)
        np.bitwise_and(slots, CAPACITY - 1, out=slots)
        np.add(slots, self._own, out=slots)
        self._stamps.take(slots, None, self._times, "clip")
        np.subtract(self._times, float(t_ns), out=self._times)
        self._fit.weigh(self._times)
        np.add(slots, self._to_memory, out=slots)
        self._memory.take(slots, 0, self._taken, "clip")
        np.matmul(self._fit.shares, self._taken, out=self._motion)
        for i, ring in enumerate(self._rings):
            if self._fit.sound[i] and ring.cursor < ring.newest:
                motion[self._indices[i]] = self._motion[i]
