"""One outcome's network over a whole window as a plain ONNX graph of dilated convolutions."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from jetson_runtime.inference.bundle import Bundle
from models.network.graphs import IR_VERSION, OPSET


def graph_of_outcome(model: Bundle, g: int) -> bytes:
    """rows (1, 249, 54) -> (1, 1, 249), the outcome of every row, zeros before the first."""
    graph = _Graph()
    tensors = {name: np.asarray(tensor) for name, tensor in model.tensors.items()}
    network = model.manifest.network
    centred = graph.add("Sub", "rows", graph.constant(tensors["input_mean"]))
    scaled = graph.add("Mul", centred, graph.constant(tensors["input_scale"]))
    x = graph.add("Transpose", scaled, perm=[0, 2, 1])
    for b, dilation in enumerate(network.dilations):
        hidden = x
        for part in ("first", "second"):
            name = f"block{b}.{part}"
            layer = (tensors[f"{name}.weight"][g], tensors[f"{name}.bias"][g])
            hidden = graph.add("Relu", graph.convolution(hidden, *layer, network.kernel, dilation))
        residual = (
            graph.convolution(x, tensors["match.weight"][g], tensors["match.bias"][g], 1, 1) if b == 0 else x
        )
        x = graph.add("Relu", graph.add("Add", hidden, residual))
    answer = graph.convolution(x, tensors["head.weight"][g], tensors["head.bias"][g], 1, 1)
    in_units = graph.add("Mul", answer, graph.constant(tensors["output_sd"][g : g + 1]))
    graph.add("Add", in_units, graph.constant(tensors["output_mean"][g : g + 1]), to="outcome")
    return graph.serialized(model.manifest.history + 1, len(model.manifest.channels))


class _Graph:
    """Nodes and constants as they are added; every method answers the name of its result."""

    def __init__(self) -> None:
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def add(self, kind: str, *inputs: str, to: str = "", **attributes: Any) -> str:
        name = to or f"{kind.lower()}{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def constant(self, values: Any) -> str:
        name = f"constant{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(values, np.float32), name))
        return name

    def convolution(self, x: str, factor: Any, bias: Any, kernel: int, dilation: int) -> str:
        """factor (kernel * inputs, outputs), oldest row first; causal."""
        weight = factor.reshape(kernel, -1, factor.shape[1]).transpose(2, 1, 0)
        padding = [(kernel - 1) * dilation, 0]
        inputs = (x, self.constant(weight), self.constant(bias[0]))
        return self.add("Conv", *inputs, pads=padding, dilations=[dilation], kernel_shape=[kernel])

    def serialized(self, rows: int, channels: int) -> bytes:
        graph = helper.make_graph(
            self._nodes,
            "window",
            [helper.make_tensor_value_info("rows", TensorProto.FLOAT, [1, rows, channels])],
            [helper.make_tensor_value_info("outcome", TensorProto.FLOAT, [1, 1, rows])],
            self._constants,
        )
        opset = [helper.make_opsetid("", OPSET)]
        content: bytes = helper.make_model(
            graph, opset_imports=opset, ir_version=IR_VERSION
        ).SerializeToString()
        return content
