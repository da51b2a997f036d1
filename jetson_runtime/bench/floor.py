"""The floor under every engine: a tick reads the weights once, so it takes as long as the memory takes to give them.

Only an engine that knows some weights to be useless for the tick at hand, and leaves them unread, gets below it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from jetson_runtime.inference.bundle import Bundle
from jetson_runtime.suit.config import Precision
from jetson_runtime.suit.errors import BundleError

Array = npt.NDArray[np.float32]


class Floor:
    """Reads the weights of one tick in order; `by` says with what: `native`, or `blas` where that is not compiled."""

    batch = 1
    window = 1

    def __init__(self, bundle: Bundle, precision: Precision) -> None:
        try:
            self._read, self.by = _compiled(bundle, precision), "native"
        except BundleError:
            self._read, self.by = _dot(bundle, precision), "blas"

    def step(self, _rows: Array, _out: Array) -> None:
        """Reads them once."""
        self._read()


def _compiled(bundle: Bundle, precision: Precision) -> Callable[[], object]:
    """The native engine's own plain loop over its packed weights."""
    from jetson_runtime.inference.engines.native_engine import NativeEngine

    return NativeEngine(bundle, 1, precision).read_once


def _dot(bundle: Bundle, precision: Precision) -> Callable[[], object]:
    """BLAS's dot product of as many bytes with themselves: one stream of loads, hardly any arithmetic."""
    numbers = np.concatenate([tensor.ravel() for tensor in bundle.tensors.values()])
    weights = numbers[: len(numbers) // (2 if precision == "fp16" else 1)].copy()
    return lambda: np.dot(weights, weights)
