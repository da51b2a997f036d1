"""The last samples of one stream in order of their host time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


class SampleRing:
    """Fixed memory for `capacity` samples of `width` numbers; a sample not newer than the newest is refused."""

    def __init__(self, width: int, capacity: int = 2048) -> None:
        self.values = np.full((capacity, width), np.nan)
        self.times = [0] * capacity
        self.out_of_order = 0
        self._capacity = capacity
        self._count = 0

    @property
    def newest_ns(self) -> int | None:
        """Host time of the newest sample, None before any."""
        return self.times[(self._count - 1) % self._capacity] if self._count else None

    def push(self, sample_ns: int, values: Sequence[float]) -> bool:
        """Keeps the sample; a duplicate or out-of-order one is counted and refused."""
        if self._count and sample_ns <= self.times[(self._count - 1) % self._capacity]:
            self.out_of_order += 1
            return False
        slot = self._count % self._capacity
        self.times[slot] = sample_ns
        self.values[slot] = values
        self._count += 1
        return True

    def at_or_before(self, t_ns: int) -> tuple[int, int]:
        """Slots of the newest sample at or before `t_ns` and of the one after it; -1 where there is none."""
        after = -1
        oldest = max(0, self._count - self._capacity)
        for index in range(self._count - 1, oldest - 1, -1):
            slot = index % self._capacity
            if self.times[slot] <= t_ns:
                return slot, after
            after = slot
        return -1, after

    def clear(self) -> None:
        """Forgets every sample, for a device whose clock started anew."""
        self._count = 0
