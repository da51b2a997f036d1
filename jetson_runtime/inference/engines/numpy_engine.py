"""The reference engine: the fused stream as batched matrix products in NumPy.

Tensors are (8 networks, batch, 1, features): the legs are an axis of the batch, because OpenBLAS multiplies two
vectors with the same weights faster than one matrix of two rows, for which it packs the weights anew every time.
A convolution of dilation d needs the rows t, t-d .. t-4d; its history is d rings, one for each phase of t, each
column written twice so that the five newest are always one contiguous stretch.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from jetson_runtime.inference.bundle import Bundle
from jetson_runtime.suit.config import Precision

Array = npt.NDArray[np.float32]


class NumpyEngine:
    """Computes one tick with preallocated buffers: nothing is allocated after the start."""

    name = "numpy"
    precision: Precision = "fp32"

    def __init__(self, bundle: Bundle, batch: int) -> None:
        network, tensors = bundle.manifest.network, bundle.tensors
        groups, inputs, filters = len(tensors["output_mean"]), len(tensors["input_mean"]), network.filters
        self.batch = batch
        self._row = np.empty((1, batch, 1, inputs), np.float32)
        self._row_view = self._row[0, :, 0]
        self._mean = _spread(tensors["input_mean"], self._row_view)
        self._scale = _spread(tensors["input_scale"], self._row)
        self._residual = np.empty((groups, batch, 1, filters), np.float32)
        self._match = tensors["match.weight"][:, None]
        self._match_bias = _spread(tensors["match.bias"][:, None], self._residual)
        self._blocks = [
            tuple(
                _Convolution(
                    tensors[f"block{b}.{part}.weight"][:, None],
                    tensors[f"block{b}.{part}.bias"][:, None],
                    columns=np.empty_like(self._residual),
                    history=_History(x, network.kernel, dilation),
                )
                for part, x in (("first", self._residual if b else self._row), ("second", self._residual))
            )
            for b, dilation in enumerate(network.dilations)
        ]
        self._answer = np.empty((groups, batch, 1, 1), np.float32)
        self._by_leg = self._answer[:, :, 0, 0].T
        self._head = tensors["head.weight"][:, None]
        self._head_bias = _spread(tensors["head.bias"][:, None], self._answer)
        self._output_mean = _spread(tensors["output_mean"], self._by_leg)
        self._output_sd = _spread(tensors["output_sd"], self._by_leg)
        self.reset()

    def step(self, rows: Array, out: Array) -> None:
        """rows (batch, 54) -> out (batch, 8)."""
        x = self._row
        np.subtract(rows, self._mean, out=self._row_view)
        np.multiply(x, self._scale, out=x)
        residual = np.matmul(x, self._match, out=self._residual)
        np.add(residual, self._match_bias, out=residual)
        for first, second in self._blocks:
            hidden = second.step(first.step(x))
            np.add(hidden, residual, out=residual)
            x = np.maximum(residual, 0.0, out=residual)
        np.matmul(x, self._head, out=self._answer)
        np.add(self._answer, self._head_bias, out=self._answer)
        np.multiply(self._by_leg, self._output_sd, out=out)
        np.add(out, self._output_mean, out=out)

    def reset(self) -> None:
        """Forgets the history."""
        for block in self._blocks:
            for layer in block:
                layer.history.reset()


class _History:
    """The last `kernel` columns of a convolution's input for each phase of the dilation."""

    def __init__(self, x: Array, kernel: int, dilation: int) -> None:
        """`x`: an array of the shape of one column (groups, batch, 1, features)."""
        groups, batch, _, features = x.shape
        self._buffer = np.zeros((dilation, groups, batch, 2 * kernel, features), np.float32)
        self._slots = [
            (self._slot(p, s), self._slot(p, s + kernel), self._window(p, s + 1, kernel))
            for s in range(kernel)
            for p in range(dilation)
        ]
        self._next = 0

    def push(self, column: Array) -> Array:
        """Stores (groups, batch, 1, features); returns (groups, batch, 1, kernel * features), oldest first."""
        first, again, window = self._slots[self._next]
        self._next = (self._next + 1) % len(self._slots)
        first[...] = column
        again[...] = column
        return window

    def reset(self) -> None:
        """All zeros: the padding of the training."""
        self._buffer[...] = 0.0
        self._next = 0

    def _slot(self, phase: int, slot: int) -> Array:
        return self._buffer[phase, :, :, slot : slot + 1]

    def _window(self, phase: int, slot: int, kernel: int) -> Array:
        view = self._buffer[phase, :, :, slot : slot + kernel]
        return view.reshape(*view.shape[:2], 1, -1)


class _Convolution:
    """One dilated causal convolution with its ReLU, a column at a time."""

    def __init__(self, weight: Array, bias: Array, *, columns: Array, history: _History) -> None:
        self._weight, self._columns = weight, columns
        self._bias = _spread(bias, columns)
        self.history = history

    def step(self, column: Array) -> Array:
        """(groups or 1, batch, 1, features) -> (groups, batch, 1, filters)."""
        out = np.matmul(self.history.push(column), self._weight, out=self._columns)
        np.add(out, self._bias, out=out)
        return np.maximum(out, 0.0, out=out)


def _spread(values: Array, like: Array) -> Array:
    """`values` repeated to the shape of `like`: adding equal shapes needs no iterator and no buffer."""
    return np.ascontiguousarray(np.broadcast_to(values, like.shape))
