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

from jetson_runtime.inference import layout
from jetson_runtime.inference.bundle import STREAM_GRAPH, Bundle, Manifest
from jetson_runtime.suit.errors import BundleError

Shapes = dict[str, tuple[int, ...]]
Array = npt.NDArray[np.float32]


class OnnxEngine:
    """Runs `stream.onnx`; raises BundleError where it cannot be read or is not a graph of the bundle's network."""

    name = "onnxruntime"

    def __init__(self, bundle: Bundle, batch: int) -> None:
        manifest = bundle.manifest
        self.batch = batch
        self._rows = np.zeros((batch, len(manifest.channels)), np.float32)
        self._outcomes = np.zeros((batch, len(manifest.outcomes)), np.float32)
        columns = _columns(manifest, batch)
        self._session = _session(bundle, columns, batch)
        kernel = manifest.network.kernel
        self._rings = {
            name: np.zeros((kernel * dilation, *columns[name]), np.float32)
            for name, _, dilation in layout.convolutions(manifest.network)
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


def _columns(manifest: Manifest, batch: int) -> Shapes:
    """The shape of one column of each convolution's input: the first is shared by all networks."""
    groups = len(manifest.outcomes)
    return {
        name: (1 if i == 0 else groups, batch, 1, width)
        for i, (name, width, _) in enumerate(layout.convolutions(manifest.network))
    }


def _session(bundle: Bundle, columns: Shapes, batch: int) -> onnxruntime.InferenceSession:
    """The stream graph, loaded and of the shape that the bindings take for granted."""
    path = bundle.path / STREAM_GRAPH
    try:
        session = onnxruntime.InferenceSession(str(path), _one_thread(), providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's errors share no base class but this one.
        first = str(error).strip().partition("\n")[0]
        raise BundleError(
            f"{path}: ONNX Runtime {onnxruntime.__version__} cannot load it ({first}); export the bundle again,"
            ' install a newer ONNX Runtime, or choose engine = "numpy" under [model]'
        ) from error
    manifest = bundle.manifest
    wanted: Shapes = {"rows": (batch, len(manifest.channels)), "outcomes": (batch, len(manifest.outcomes))}
    for name, shape in columns.items():
        wanted |= {f"{name}.tap{age}": shape for age in range(1, manifest.network.kernel)}
        wanted[f"{name}.column"] = shape
    given = {value.name: _sizes(value, batch) for value in (*session.get_inputs(), *session.get_outputs())}
    odd = sorted(name for name in wanted.keys() | given.keys() if wanted.get(name) != given.get(name))
    if odd:
        raise BundleError(
            f"{path}: is not the graph of the manifest's network ({', '.join(odd[:4])}); export the bundle again"
        )
    return session


def _sizes(value: onnxruntime.NodeArg, batch: int) -> tuple[int, ...]:
    return tuple(batch if size == "batch" else size for size in value.shape)


def _one_thread() -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 3
    return options
