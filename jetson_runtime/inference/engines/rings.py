"""Where the older columns of each convolution lie: a ring for each, written in place, so that no tick copies state.

A convolution of kernel k and dilation d reads its input of d, 2 d .. (k - 1) d ticks ago and its own column of now: its
ring has k d columns. Which columns a tick reads and which one it overwrites repeats after as many ticks as the longest
ring has columns, so that every binding to them can be made at the start.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from jetson_runtime.inference import layout
from jetson_runtime.inference.bundle import Manifest


class Ring(NamedTuple):
    """The columns of one convolution's input; `shape` is that of one column."""

    convolution: str
    kernel: int
    dilation: int
    shape: tuple[int, ...]

    @property
    def slots(self) -> int:
        """How many columns it holds."""
        return self.kernel * self.dilation

    def read(self, tick: int) -> Iterator[tuple[str, int]]:
        """The inputs of a stream graph, each with the slot that holds it at `tick`."""
        for age in range(1, self.kernel):
            yield f"{self.convolution}.tap{age}", (tick - age * self.dilation) % self.slots

    def written(self, tick: int) -> tuple[str, int]:
        """The output of a stream graph and the slot that it goes to at `tick`."""
        return f"{self.convolution}.column", tick % self.slots

    def tensors(self) -> list[str]:
        """The names of all its inputs and of its output."""
        return [*(name for name, _ in self.read(0)), self.written(0)[0]]


def of(manifest: Manifest, batch: int) -> list[Ring]:
    """The rings of a network; the first column is shared by all outcomes."""
    groups = len(manifest.outcomes)
    return [
        Ring(name, manifest.network.kernel, dilation, (1 if i == 0 else groups, batch, 1, width))
        for i, (name, width, dilation) in enumerate(layout.convolutions(manifest.network))
    ]


def period(rings: Sequence[Ring]) -> int:
    """After how many ticks all slots repeat."""
    return math.lcm(*(ring.slots for ring in rings))


def shapes(manifest: Manifest, rings: Sequence[Ring], batch: int) -> dict[str, tuple[int, ...]]:
    """The shape of every input and output that a stream graph of this network has."""
    found: dict[str, tuple[int, ...]] = {
        "rows": (batch, len(manifest.channels)),
        "outcomes": (batch, len(manifest.outcomes)),
    }
    return found | {name: ring.shape for ring in rings for name in ring.tensors()}
