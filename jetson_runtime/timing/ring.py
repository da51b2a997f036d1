"""The last samples of one stream in order of their host time."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

CAPACITY = 2048
_MASK = CAPACITY - 1
_LONG_AGO_NS = -1e18


class Part(NamedTuple):
    """Where some of a sample's values go: `memory` (CAPACITY, width) float64, rows of one stretch of memory."""

    memory: npt.NDArray[np.float64]
    values: slice


class SampleRing:
    """The newest CAPACITY samples; one not newer than the newest is refused.

    Samples have numbers: 0 is the first since the last `clear`, number n lies in slot n % CAPACITY of `times` and of
    every part's memory. newest: the newest one's number, cursor: that of the last one found; -1 where there is none.
    """

    def __init__(self, *parts: Part) -> None:
        self.times = [0] * CAPACITY
        self.newest = -1
        self.newest_ns: int | None = None
        self.out_of_order = 0
        self.cursor = -1
        self._stamps: memoryview[Any] | None = None
        self._parts = parts
        self._writers = [_writer(part) for part in parts]

    def push(self, sample_ns: int, values: Sequence[float]) -> bool:
        """Keeps the sample; a duplicate or out-of-order one is counted and refused."""
        if self.newest_ns is not None and sample_ns <= self.newest_ns:
            self.out_of_order += 1
            return False
        self.newest = number = self.newest + 1
        slot = number & _MASK
        for write, memory, row_bytes, which in self._writers:
            write(memory, slot * row_bytes, *values[which])
        self.times[slot] = sample_ns
        if self._stamps is not None:
            self._stamps[slot] = sample_ns
        self.newest_ns = sample_ns
        return True

    def find(self, t_ns: int) -> int:
        """Number of the newest sample at or before `t_ns`, -1 where there is none.

        Begins where the last search ended: grid times follow each other, so that a step or two are enough.
        """
        times, newest = self.times, self.newest
        number = self.cursor
        oldest = newest - _MASK if newest > _MASK else 0
        if number < oldest - 1:
            number = oldest - 1
        while number < newest and times[(number + 1) & _MASK] <= t_ns:
            number += 1
        while number >= oldest and times[number & _MASK] > t_ns:
            number -= 1
        self.cursor = number
        return number if number >= oldest else -1

    def last(self, count: int) -> list[tuple[int, list[float]]]:
        """The newest `count` samples, or as many as there are, oldest first: times, and values as they were pushed."""
        found = []
        for number in range(max(0, self.newest + 1 - count), self.newest + 1):
            slot = number & _MASK
            values = [value for part in self._parts for value in part.memory[slot].tolist()]
            found.append((self.times[slot], values))
        return found

    def clear(self) -> None:
        """Forgets every sample, for a device whose clock started anew."""
        self.newest = self.cursor = -1
        self.newest_ns = None
        if self._stamps is not None:
            np.asarray(self._stamps)[:] = _LONG_AGO_NS

    def mirror(self, stamps: npt.NDArray[np.float64]) -> None:
        """Writes every sample's time into `stamps` (CAPACITY,) as well, of which many can be read at once.

        A slot without a sample holds a time long ago.
        """
        stamps[:] = _LONG_AGO_NS
        for number in range(max(0, self.newest + 1 - CAPACITY), self.newest + 1):
            stamps[number & _MASK] = self.times[number & _MASK]
        self._stamps = memoryview(stamps)  # type: ignore[arg-type]


def _writer(part: Part) -> tuple[Callable[..., None], memoryview[Any], int, slice]:
    """Packs numbers straight into a row: a third of the time of assigning a tuple to a NumPy row."""
    count = part.values.stop - part.values.start
    return (
        struct.Struct(f"{count}d").pack_into,
        memoryview(part.memory).cast("B"),  # type: ignore[arg-type]
        part.memory.strides[0],
        part.values,
    )
