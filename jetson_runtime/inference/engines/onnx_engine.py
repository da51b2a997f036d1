"""ONNX Runtime on one CPU thread, with the network's history bound in place.

The stream graph takes the four older columns of every convolution as inputs and gives the new one as an output. Each
history is a ring of 5 d columns; which columns a tick reads and which it overwrites repeats after as many ticks as
the longest ring has columns, so all bindings are made at the start and no tick copies or allocates state.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import onnxruntime

from jetson_runtime.inference.bundle import STREAM_GRAPH, Bundle

Array = npt.NDArray[np.float32]


class OnnxEngine:
    """Runs `stream.onnx`; its names and shapes are those that `models.export` wrote."""

    name = "onnxruntime"

    def __init__(self, bundle: Bundle, batch: int) -> None:
        manifest = bundle.manifest
        self.batch = batch
        self._rows = np.zeros((batch, len(manifest.channels)), np.float32)
        self._outcomes = np.zeros((batch, len(manifest.outcomes)), np.float32)
        self._session = onnxruntime.InferenceSession(
            str(bundle.path / STREAM_GRAPH), _one_thread(), providers=["CPUExecutionProvider"]
        )
        shapes = {
            i.name: tuple(batch if size == "batch" else size for size in i.shape)
            for i in self._session.get_inputs()
        }
        kernel = manifest.network.kernel
        self._rings = {
            f"block{b}.{part}": np.zeros((kernel * dilation, *shapes[f"block{b}.{part}.tap1"]), np.float32)
            for b, dilation in enumerate(manifest.network.dilations)
            for part in ("first", "second")
        }
        period = math.lcm(*(len(ring) for ring in self._rings.values()))
        self._bindings = [self._binding(tick, kernel) for tick in range(period)]
        self._next = 0

    def step(self, rows: Array, out: Array) -> None:
        """rows (batch, 54) -> out (batch, 8)."""
        self._rows[...] = rows
        self._session.run_with_iobinding(self._bindings[self._next])
        self._next = (self._next + 1) % len(self._bindings)
        out[...] = self._outcomes

    def reset(self) -> None:
        """Forgets the history."""
        for ring in self._rings.values():
            ring[...] = 0.0
        self._next = 0

    def _binding(self, tick: int, kernel: int) -> onnxruntime.IOBinding:
        """What tick `tick` of a period reads and writes."""
        binding = self._session.io_binding()
        inputs, outputs = {"rows": self._rows}, {"outcomes": self._outcomes}
        for name, ring in self._rings.items():
            dilation = len(ring) // kernel
            for age in range(1, kernel):
                inputs[f"{name}.tap{age}"] = ring[(tick - age * dilation) % len(ring)]
            outputs[f"{name}.column"] = ring[tick % len(ring)]
        for name, array in inputs.items():
            binding.bind_input(name, "cpu", 0, np.float32, array.shape, array.ctypes.data)
        for name, array in outputs.items():
            binding.bind_output(name, "cpu", 0, np.float32, array.shape, array.ctypes.data)
        return binding


def _one_thread() -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 3
    return options
