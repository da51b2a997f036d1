"""The floor under every engine: the weights of a tick must be read once, so a tick takes at least that long."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from jetson_runtime.inference.bundle import Bundle

Array = npt.NDArray[np.float32]

_BYTES = {"fp32": 4, "fp16": 2}


class Floor:
    """Reads as many bytes as the bundle's weights have in `precision`, in order, from memory of its own.

    By BLAS's dot product of the weights with themselves: one stream of loads, hardly any arithmetic.
    """

    batch = 1
    window = 1

    def __init__(self, bundle: Bundle, precision: str) -> None:
        numbers = np.concatenate([tensor.ravel() for tensor in bundle.tensors.values()])
        self._weights = numbers[: len(numbers) * _BYTES[precision] // _BYTES["fp32"]].copy()

    def step(self, _rows: Array, _out: Array) -> None:
        np.dot(self._weights, self._weights)
