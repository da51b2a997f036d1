"""ONNX Runtime with the network's history bound in place: on one CPU thread, or on the GPU where its build has one.

The stream graph takes the four older columns of every convolution as inputs and gives the new one as an output. They
lie in rings (`rings.py`), and the bindings of a whole period are made at the start: no tick copies or allocates state.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import onnxruntime

from jetson_runtime.inference.bundle import STREAM_GRAPH, Bundle
from jetson_runtime.inference.engines import rings, tensorrt_cache
from jetson_runtime.inference.engines.base import EngineOptions
from jetson_runtime.suit.config import Precision
from jetson_runtime.suit.errors import BundleError

Shapes = dict[str, tuple[int, ...]]
Array = npt.NDArray[np.float32]
# What TensorRT's provider asks of an address; a CPU's cache lines divide it.
ALIGNMENT = 256


class Provider(NamedTuple):
    """What ONNX Runtime calls a place to compute, its memory, and the options it needs there."""

    name: str
    memory: str
    options: dict[str, str]


# TF32 keeps 10 bits of a float32's 23.
_CUDA = Provider("CUDAExecutionProvider", "cuda", {"use_tf32": "0"})
PROVIDERS = {
    "cpu": [Provider("CPUExecutionProvider", "cpu", {})],
    "cuda": [_CUDA],
    "tensorrt": [Provider("TensorrtExecutionProvider", "cuda", {}), _CUDA],
}


class OnnxEngine:
    """Runs `stream.onnx`; raises BundleError where it cannot be read or is not a graph of the bundle's network,
    and where this build of ONNX Runtime has no such provider."""

    name = "onnxruntime"
    precision: Precision = "fp32"

    def __init__(self, bundle: Bundle, batch: int, options: EngineOptions | None = None) -> None:
        options = options or EngineOptions()
        manifest = bundle.manifest
        self.batch = batch
        self._outcomes = np.zeros((batch, len(manifest.outcomes)), np.float32)
        found = rings.of(manifest, batch)
        shapes = rings.shapes(manifest, found, batch)
        providers = _providers(options)
        self._session = _session(bundle, shapes, batch, providers)
        memory = providers[0].memory
        size = sum(ring.slots * _stride(ring) for ring in found)
        self._state: _State = (_OnHost if memory == "cpu" else _OnDevice)(memory, shapes["rows"], size)
        self._bindings = [self._binding(memory, found, shapes, tick) for tick in range(rings.period(found))]
        self._next = 0

    def step(self, rows: Array, out: Array) -> None:
        """rows (batch, 54) -> out (batch, 8)."""
        self._state.give(rows)
        self._session.run_with_iobinding(self._bindings[self._next])
        self._next = (self._next + 1) % len(self._bindings)
        out[...] = self._outcomes

    def reset(self) -> None:
        """Forgets the history."""
        self._state.clear()
        self._next = 0

    def _binding(
        self, memory: str, found: list[rings.Ring], shapes: Shapes, tick: int
    ) -> onnxruntime.IOBinding:
        """What tick `tick` of a period reads and writes; the outcomes always come to the host."""
        binding = self._session.io_binding()
        binding.bind_input("rows", memory, 0, np.float32, shapes["rows"], self._state.rows)
        shape, address = shapes["outcomes"], self._outcomes.ctypes.data
        binding.bind_output("outcomes", "cpu", 0, np.float32, shape, address)
        start = self._state.history
        for ring in found:
            for name, slot in ring.read(tick):
                address = start + slot * _stride(ring)
                binding.bind_input(name, memory, 0, np.float32, ring.shape, address)
            name, slot = ring.written(tick)
            binding.bind_output(name, memory, 0, np.float32, ring.shape, start + slot * _stride(ring))
            start += ring.slots * _stride(ring)
        return binding


class _State(Protocol):
    """Where the rows of a tick and the history lie; `rows` and `history` are addresses."""

    rows: int
    history: int

    def give(self, rows: Array) -> None: ...

    def clear(self) -> None: ...


class _OnHost:
    def __init__(self, memory: str, rows: tuple[int, ...], history_bytes: int) -> None:
        self._rows = np.zeros(rows, np.float32)
        self._history = np.zeros(history_bytes, np.uint8)
        self.rows, self.history = self._rows.ctypes.data, self._history.ctypes.data

    def give(self, rows: Array) -> None:
        self._rows[...] = rows

    def clear(self) -> None:
        self._history[...] = 0


class _OnDevice:
    """In memory of the provider's device, filled through ONNX Runtime."""

    def __init__(self, memory: str, rows: tuple[int, ...], history_bytes: int) -> None:
        self._given, self._zeros = np.zeros(rows, np.float32), np.zeros(history_bytes // 4, np.float32)
        allocate = onnxruntime.OrtValue.ortvalue_from_shape_and_type
        self._rows = allocate(self._given.shape, np.float32, memory, 0)
        self._history = allocate(self._zeros.shape, np.float32, memory, 0)
        self.clear()
        self.rows, self.history = self._rows.data_ptr(), self._history.data_ptr()

    def give(self, rows: Array) -> None:
        self._given[...] = rows  # ONNX Runtime takes an array's bytes as they lie, whatever its strides.
        self._rows.update_inplace(self._given)

    def clear(self) -> None:
        self._history.update_inplace(self._zeros)


def _stride(ring: rings.Ring) -> int:
    return -(-4 * math.prod(ring.shape) // ALIGNMENT) * ALIGNMENT


def _providers(options: EngineOptions) -> list[Provider]:
    """Those that the config asks for; BundleError where this build of ONNX Runtime has them not."""
    wanted = PROVIDERS[options.provider]
    there = onnxruntime.get_available_providers()
    if missing := [provider.name for provider in wanted if provider.name not in there]:
        raise BundleError(
            f"engine onnxruntime: ONNX Runtime {onnxruntime.__version__} is built without {', '.join(missing)} (it has"
            f' {", ".join(there)}); install a build for this GPU, or set provider = "cpu" under [model]'
        )
    if options.provider != "tensorrt":
        return wanted
    tensorrt_cache.prepare(options.cache)
    options.before_build()  # whether one of its engines in the cache fits, ONNX Runtime alone knows
    cached = {"trt_engine_cache_enable": "1", "trt_engine_cache_path": str(options.cache)}
    return [wanted[0]._replace(options=cached), *wanted[1:]]


def _session(
    bundle: Bundle, wanted: Shapes, batch: int, providers: list[Provider]
) -> onnxruntime.InferenceSession:
    """The stream graph, loaded and of the shape that the bindings take for granted."""
    path = bundle.path / STREAM_GRAPH
    asked: list[Any] = [(provider.name, provider.options) for provider in providers]
    try:
        session = onnxruntime.InferenceSession(str(path), _one_thread(batch), providers=asked)
    except Exception as error:  # ONNX Runtime's errors share no base class but this one.
        first = str(error).strip().partition("\n")[0]
        raise BundleError(
            f"{path}: ONNX Runtime {onnxruntime.__version__} cannot load it ({first}); export the bundle again,"
            ' install a newer ONNX Runtime, or choose engine = "numpy" under [model]'
        ) from error
    _refuse_another_provider(session, providers)
    given = {value.name: _sizes(value, batch) for value in (*session.get_inputs(), *session.get_outputs())}
    odd = sorted(name for name in wanted.keys() | given.keys() if wanted.get(name) != given.get(name))
    if odd:
        raise BundleError(
            f"{path}: is not the graph of the manifest's network ({', '.join(odd[:4])}); export the bundle again"
        )
    return session


def _refuse_another_provider(session: onnxruntime.InferenceSession, providers: list[Provider]) -> None:
    """ONNX Runtime falls back to the CPU with a warning where a provider cannot start: no GPU, no CUDA library."""
    if providers[0].name not in session.get_providers():
        raise BundleError(
            f"engine onnxruntime: {providers[0].name} cannot start here (no GPU, or its libraries are missing);"
            ' set provider = "cpu" under [model]'
        )


def _sizes(value: onnxruntime.NodeArg, batch: int) -> tuple[int, ...]:
    return tuple(batch if size == "batch" else size for size in value.shape)


def _one_thread(batch: int) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 3
    options.add_free_dimension_override_by_name("batch", batch)
    return options
