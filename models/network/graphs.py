"""The ONNX graphs of a bundle, over weights that lie once in `weights.bin`.

Plain operators of opset 17 only, so that ONNX Runtime, OpenVINO and TensorRT 10.3 all read them. Tensors are
(8 networks, batch, rows, features) throughout; one batched MatMul is the same convolution of all eight networks.
The legs stay an axis of the batch even where there is one row: two products of a vector with the same weights are
three times faster than one product of a two-row matrix, which packs the weights anew every time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from jetson_runtime.inference.bundle import WEIGHTS
from jetson_runtime.inference.layout import Network, TensorSpec

OPSET = 17
IR_VERSION = 8

Dimensions = Sequence["int | str"]


def stream_graph(
    network: Network, tensors: Mapping[str, TensorSpec], *, half: bool = False
) -> onnx.ModelProto:
    """One tick: rows (batch, 54) and each convolution's four older columns -> outcomes (batch, 8), new columns.

    `block<b>.<first|second>.tap<k>` is that convolution's input k * dilation ticks ago, `.column` its input now.
    With `half` columns and weights of the convolutions are float16, sums and all else float32; so is the first
    convolution, 7 % of the weights, because rounding its input costs more accuracy than all other rounding together.
    """
    graph = _Graph(tensors)
    inputs, groups = tensors["input_mean"].shape[0], tensors["output_mean"].shape[0]
    taken, given = [_value("rows", ["batch", inputs])], [_value("outcomes", ["batch", groups])]
    shape: Dimensions = [1, "batch", 1, inputs]

    def halved(name: str) -> bool:
        return half and name != "block0.first"

    def column(name: str, operator: str, *operands: str) -> str:
        x = graph.add(operator, *operands, result=None if halved(name) else f"{name}.column")
        if halved(name):
            graph.cast(x, TensorProto.FLOAT16, result=f"{name}.column")
        return x

    def convolution(name: str) -> str:
        kind = TensorProto.FLOAT16 if halved(name) else TensorProto.FLOAT
        taps = [f"{name}.tap{age}" for age in range(network.kernel - 1, 0, -1)]
        taken.extend(_value(tap, shape, kind) for tap in taps)
        given.append(_value(f"{name}.column", shape, kind))
        window = graph.add("Concat", *taps, f"{name}.column", axis=3)
        return graph.affine(name, window, half=halved(name))

    x = column("block0.first", "Unsqueeze", graph.normalised("rows"), graph.integers([0, 2]))
    last = len(network.dilations) - 1
    for b in range(last + 1):
        column(f"block{b}.second", "Relu", convolution(f"block{b}.first"))
        residual = graph.affine("match", x) if b == 0 else x
        shape = [groups, "batch", 1, network.filters]
        hidden = graph.add("Relu", convolution(f"block{b}.second"))
        total = graph.add("Add", hidden, residual)
        x = column(f"block{b + 1}.first", "Relu", total) if b < last else graph.add("Relu", total)
    graph.finish(x)
    return graph.model("stream_fp16" if half else "stream", taken, given)


def window_graph(network: Network, tensors: Mapping[str, TensorSpec]) -> onnx.ModelProto:
    """Rows (batch, 249, 54), the last one now -> outcomes (batch, 8), by the dilated tree of the last output alone."""
    graph = _Graph(tensors)
    inputs, groups = tensors["input_mean"].shape[0], tensors["output_mean"].shape[0]
    rows = 1 + 2 * (network.kernel - 1) * sum(network.dilations)
    x = graph.add("Unsqueeze", graph.normalised("rows"), graph.integers([0]))
    spacing = 1
    for b, dilation in enumerate(network.dilations):
        thinned = 2 if b + 1 < len(network.dilations) else 1
        step = dilation // spacing
        after_first = rows - (network.kernel - 1) * step
        after_second = (after_first - 1 - (network.kernel - 1) * step) // thinned + 1
        hidden = graph.convolution(f"block{b}.first", x, network.kernel, after_first, step, 1)
        hidden = graph.convolution(f"block{b}.second", hidden, network.kernel, after_second, step, thinned)
        residual = graph.thinned(x, 2 * (network.kernel - 1) * step, after_second, thinned)
        residual = graph.affine("match", residual) if b == 0 else residual
        x = graph.add("Relu", graph.add("Add", hidden, residual))
        rows, spacing = after_second, spacing * thinned
    graph.finish(x)
    history = 2 * (network.kernel - 1) * sum(network.dilations)
    return graph.model(
        "window", [_value("rows", ["batch", history + 1, inputs])], [_value("outcomes", ["batch", groups])]
    )


class _Graph:
    """Nodes and initializers as they are added; every `add` answers the name of its result."""

    def __init__(self, tensors: Mapping[str, TensorSpec]) -> None:
        self._tensors = tensors
        self._nodes: list[onnx.NodeProto] = []
        self._initializers: dict[str, onnx.TensorProto] = {}

    def add(self, kind: str, *inputs: str, result: str | None = None, **attributes: Any) -> str:
        name = result or f"{kind.lower()}{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def integers(self, values: Sequence[int]) -> str:
        name = "int_" + "_".join(map(str, values))
        self._initializers[name] = numpy_helper.from_array(np.asarray(values, np.int64), name)
        return name

    def weight(self, name: str) -> str:
        """The tensor in weights.bin; those of eight networks get an axis of one for the legs."""
        spec = self._tensors[name]
        shape = spec.shape if len(spec.shape) == 1 else (spec.shape[0], 1, *spec.shape[1:])
        tensor = onnx.TensorProto(name=name, data_type=TensorProto.FLOAT, dims=shape)
        tensor.data_location = TensorProto.EXTERNAL
        place = {"location": WEIGHTS, "offset": spec.offset, "length": 4 * int(np.prod(shape))}
        for key, value in place.items():
            tensor.external_data.add(key=key, value=str(value))
        self._initializers[name] = tensor
        return name

    def cast(self, x: str, kind: int, result: str | None = None) -> str:
        return self.add("Cast", x, result=result, to=kind)

    def affine(self, name: str, x: str, *, half: bool = False) -> str:
        """`x @ weight + bias` in float32. With `half` x is float16 and the weight is rounded to it first.

        Casting both factors of a product up is how TensorRT is asked for one kernel of float16 factors and float32
        sums (its documentation, Precision Control); where it is not one kernel, the numbers are the same.
        """
        weight = self.weight(f"{name}.weight")
        if half:
            weight = self.cast(self.cast(weight, TensorProto.FLOAT16), TensorProto.FLOAT)
            x = self.cast(x, TensorProto.FLOAT)
        return self.add("Add", self.add("MatMul", x, weight), self.weight(f"{name}.bias"))

    def normalised(self, rows: str) -> str:
        centred = self.add("Sub", rows, self.weight("input_mean"))
        return self.add("Mul", centred, self.weight("input_scale"))

    def thinned(self, x: str, first: int, count: int, step: int) -> str:
        """Rows first, first + step ... of (groups, batch, rows, features), `count` of them."""
        ends = [self.integers([v]) for v in (first, first + (count - 1) * step + 1, 2, step)]
        return self.add("Slice", x, *ends)

    def convolution(self, name: str, x: str, kernel: int, count: int, dilation: int, stride: int) -> str:
        taps = [self.thinned(x, k * dilation, count, stride) for k in range(kernel)]
        return self.add("Relu", self.affine(name, self.add("Concat", *taps, axis=3)))

    def finish(self, x: str) -> None:
        """(groups, batch, 1, filters) -> `outcomes` (batch, groups) in their units."""
        answer = self.affine("head", x)
        by_leg = self.add("Transpose", answer, perm=[1, 0, 2, 3])
        flat = self.add("Flatten", by_leg, axis=1)
        scaled = self.add("Mul", flat, self.weight("output_sd"))
        self.add("Add", scaled, self.weight("output_mean"), result="outcomes")

    def model(
        self, name: str, inputs: list[onnx.ValueInfoProto], outputs: list[onnx.ValueInfoProto]
    ) -> onnx.ModelProto:
        graph = helper.make_graph(self._nodes, name, inputs, outputs, list(self._initializers.values()))
        return helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="second-skin",
        )


def _value(name: str, shape: Dimensions, kind: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, list(shape))
