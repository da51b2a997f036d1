"""OpenVINO on one thread: the stream with its own state variables, and the bundle's window graph."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import openvino
from openvino import opset13 as ops

from jetson_runtime.inference.bundle import WINDOW_GRAPH, Bundle

Array = npt.NDArray[np.float32]
# float32 also where the processor has bfloat16 units: the others compute in float32 too.
_SETTINGS = {
    "PERFORMANCE_HINT": "LATENCY",
    "NUM_STREAMS": 1,
    "INFERENCE_NUM_THREADS": 1,
    "INFERENCE_PRECISION_HINT": "f32",
}


class _Compiled:
    """A model with its input and output bound once."""

    batch = 1

    def __init__(self, model: openvino.Model) -> None:
        compiled = openvino.Core().compile_model(model, "CPU", _SETTINGS)
        self._request = compiled.create_infer_request()
        self._rows = np.zeros(list(compiled.input(0).shape), np.float32)
        self._request.set_input_tensor(openvino.Tensor(self._rows, shared_memory=True))
        self._outcomes = self._request.get_output_tensor(0).data

    def step(self, rows: Array, out: Array) -> None:
        self._rows[...] = rows
        self._request.infer()
        out[...] = self._outcomes


class Stream(_Compiled):
    """The fused stream; each convolution's history is a state variable (ReadValue, Assign)."""

    window = 1

    def __init__(self, model: Bundle) -> None:
        super().__init__(_stream_model(model))


class FusedWindow(_Compiled):
    """The bundle's `window.onnx` for one leg."""

    def __init__(self, model: Bundle) -> None:
        self.window = model.manifest.history + 1
        graph = openvino.Core().read_model(model.path / WINDOW_GRAPH)
        graph.reshape([1, self.window, len(model.manifest.channels)])
        super().__init__(graph)


def _stream_model(model: Bundle) -> openvino.Model:
    """One tick of one leg: rows (1, 54) -> outcomes (1, 8); tensors as in the bundle's stream graph."""
    network, tensors = model.manifest.network, model.tensors
    states: list[Any] = []

    def affine(name: str, x: Any) -> Any:
        product = ops.matmul(x, ops.constant(tensors[f"{name}.weight"]), False, False)
        return ops.add(product, ops.constant(tensors[f"{name}.bias"]))

    def convolution(name: str, x: Any, groups: int, width: int, dilation: int) -> Any:
        older = (network.kernel - 1) * dilation
        empty = ops.constant(np.zeros((groups, older, width), np.float32))
        history = ops.read_value(
            empty, name, openvino.Type.f32, openvino.PartialShape([groups, older, width])
        )
        columns = ops.concat([history, x], axis=1)
        states.append(ops.assign(ops.slice(columns, [1], [older + 1], [1], [1]), name))
        taps = ops.gather(columns, np.arange(0, older + 1, dilation), 1)
        return ops.relu(affine(name, ops.reshape(taps, [groups, 1, network.kernel * width], False)))

    rows = ops.parameter([1, len(model.manifest.channels)], np.float32, name="rows")
    centred = ops.subtract(rows, ops.constant(tensors["input_mean"]))
    x = ops.unsqueeze(ops.multiply(centred, ops.constant(tensors["input_scale"])), [0])
    groups, width = 1, len(model.manifest.channels)
    for b, dilation in enumerate(network.dilations):
        hidden = convolution(f"block{b}.first", x, groups, width, dilation)
        residual = affine("match", x) if b == 0 else x
        groups, width = len(model.manifest.outcomes), network.filters
        hidden = convolution(f"block{b}.second", hidden, groups, width, dilation)
        x = ops.relu(ops.add(hidden, residual))
    answer = ops.reshape(affine("head", x), [1, groups], False)
    scaled = ops.multiply(answer, ops.constant(tensors["output_sd"]))
    outcomes = ops.add(scaled, ops.constant(tensors["output_mean"]))
    return openvino.Model([ops.result(outcomes)], states, [rows], "stream")
