"""TensorRT: the stream graph as one engine, every tick a captured CUDA graph, the history resident on the GPU.

The history lies in rings at fixed addresses, as in `rings.py`. A captured graph holds addresses, so there is one for
each tick of the rings' period (80): copy of the rows in, the engine, copy of the outcomes out. A tick is then one
launch and one wait; no state is copied.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from jetson_runtime.inference.bundle import STREAM_GRAPH, STREAM_HALF_GRAPH, WEIGHTS, Bundle
from jetson_runtime.inference.engines import rings, tensorrt_build, tensorrt_cache, tensorrt_cuda
from jetson_runtime.inference.engines.base import EngineOptions
from jetson_runtime.inference.engines.errors import EngineError
from jetson_runtime.suit.errors import BundleError

GRAPHS = {"fp32": STREAM_GRAPH, "fp16": STREAM_HALF_GRAPH}
# What IExecutionContext.set_tensor_address asks of an address.
ALIGNMENT = 256

Array = npt.NDArray[np.float32]
Shapes = dict[str, tuple[int, ...]]


class TensorRtEngine:
    """Builds or loads its engine at the start, which may take minutes; EngineError where the GPU fails later.

    Raises BundleError that says what is not there (tensorrt, the CUDA bindings, a GPU), what TensorRT refuses, or who
    else could write to the cache.
    """

    name = "tensorrt"

    def __init__(self, bundle: Bundle, batch: int, options: EngineOptions) -> None:
        self.batch, self.precision = batch, options.precision
        self._ticks: list[Any] = []
        self._next = 0
        trt = tensorrt_build.library()
        self._gpu = tensorrt_cuda.Gpu(tensorrt_cuda.runtime())
        try:
            self._gpu.open()
            self._loaded = _loaded(trt, self._gpu.identity, bundle, batch, options)
            self._start(trt, bundle)
        except EngineError as error:
            self._gpu.release()
            raise BundleError(f'{error}; choose engine = "auto" under [model]') from None
        except BundleError:
            self._gpu.release()
            raise

    def step(self, rows: Array, out: Array) -> None:
        """rows (batch, 54) -> out (batch, 8)."""
        self._rows[...] = rows
        self._gpu.launch(self._ticks[self._next])
        self._gpu.wait()
        self._next = (self._next + 1) % len(self._ticks)
        out[...] = self._outcomes

    def reset(self) -> None:
        """Forgets the history."""
        self._gpu.clear(self._places.history, self._places.history_size)
        self._gpu.wait()
        self._next = 0

    def close(self) -> None:
        """Gives the GPU's memory back; the engine is of no use after it."""
        self._ticks = []
        del self._context, self._loaded
        self._gpu.release()

    def _start(self, trt: Any, bundle: Bundle) -> None:
        """Memory, addresses, and one captured graph for each tick of the period."""
        manifest = bundle.manifest
        found = rings.of(manifest, self.batch)
        shapes = rings.shapes(manifest, found, self.batch)
        widths = _widths(trt, self._loaded.engine, found, shapes)
        self._context = _context(trt, self._loaded.engine, shapes)
        self._rows, rows_host = self._gpu.pinned(shapes["rows"])
        self._outcomes, outcomes_host = self._gpu.pinned(shapes["outcomes"])
        self._places = _Places.within(self._gpu, found, shapes, widths)

        def enqueue() -> None:
            self._gpu.copy_in(self._places.rows, rows_host, self._rows.nbytes)
            if not self._context.execute_async_v3(self._gpu.stream):
                raise EngineError(
                    "engine tensorrt: execute_async_v3 failed; TensorRT's reason is in the log above"
                )
            self._gpu.copy_out(outcomes_host, self._places.outcomes, self._outcomes.nbytes)

        for tick in range(rings.period(found)):
            for name, address in self._places.addresses(tick).items():
                _done(self._context.set_tensor_address(name, address), "set_tensor_address", name)
            enqueue()  # TensorRT sets up what depends on the addresses; a capture must not hold that.
            self._gpu.wait()
            self._ticks.append(self._gpu.captured(enqueue))
        self.reset()


class _Places(NamedTuple):
    """Addresses on the GPU: rows and outcomes of a tick, and the rings one after the other from `history` on."""

    found: list[rings.Ring]
    strides: list[int]
    rows: int
    outcomes: int
    history: int
    history_size: int

    @classmethod
    def within(
        cls, gpu: tensorrt_cuda.Gpu, found: list[rings.Ring], shapes: Shapes, widths: list[int]
    ) -> _Places:
        """In fresh memory of `gpu`, every column aligned; `widths`: bytes of a number in each ring."""
        rows, outcomes = (_aligned(4 * math.prod(shapes[name])) for name in ("rows", "outcomes"))
        strides = [_aligned(w * math.prod(ring.shape)) for ring, w in zip(found, widths, strict=True)]
        size = sum(ring.slots * stride for ring, stride in zip(found, strides, strict=True))
        base = gpu.device_memory(rows + outcomes + size)
        return cls(found, strides, base, base + rows, base + rows + outcomes, size)

    def addresses(self, tick: int) -> dict[str, int]:
        """Where each input and output of the graph lies at `tick`."""
        found = {"rows": self.rows, "outcomes": self.outcomes}
        start = self.history
        for ring, stride in zip(self.found, self.strides, strict=True):
            found |= {name: start + slot * stride for name, slot in (*ring.read(tick), ring.written(tick))}
            start += ring.slots * stride
        return found


class _Loaded(NamedTuple):
    """An engine and what must live as long as it."""

    logger: Any
    runtime: Any
    engine: Any


def _loaded(trt: Any, gpu: str, bundle: Bundle, batch: int, options: EngineOptions) -> _Loaded:
    """The engine from the cache or, where none is there that can be loaded, a new one."""
    graph, hashes = GRAPHS[options.precision], bundle.manifest.files
    key = tensorrt_cache.Key(
        graph_sha256=hashes[graph],
        weights_sha256=hashes[WEIGHTS],
        tensorrt=trt.__version__,
        gpu=gpu,
        precision=options.precision,
        power_mode=tensorrt_cache.power_mode(),
        batch=batch,
    )
    tensorrt_cache.prepare(options.cache)
    logger = tensorrt_build.make_logger(trt)
    runtime = tensorrt_build.make(trt.Runtime, logger)
    plan = tensorrt_cache.read(options.cache, key)
    engine = None if plan is None else runtime.deserialize_cuda_engine(plan)
    if engine is None:
        options.before_build()
        plan = tensorrt_build.build(trt, logger, bundle.path / graph, batch)
        tensorrt_cache.write(options.cache, key, plan)
        engine = runtime.deserialize_cuda_engine(plan)
    if engine is None:
        raise EngineError(
            "engine tensorrt: TensorRT cannot load the engine it has just built; see the log above"
        )
    return _Loaded(logger, runtime, engine)


def _widths(trt: Any, engine: Any, found: list[rings.Ring], shapes: Shapes) -> list[int]:
    """Bytes of a number in each ring; EngineError where the engine's tensors are not those of the network."""
    sizes = {trt.DataType.FLOAT: 4, trt.DataType.HALF: 2}
    names = {engine.get_tensor_name(i) for i in range(engine.num_io_tensors)}
    odd = names ^ shapes.keys()
    kinds = {name: sizes.get(engine.get_tensor_dtype(name)) for name in names - odd}
    odd |= {name for name in ("rows", "outcomes") if kinds.get(name) != 4}
    widths = [kinds.get(ring.written(0)[0]) for ring in found]
    for ring, width in zip(found, widths, strict=True):
        odd |= {name for name in ring.tensors() if width is None or kinds.get(name) != width}
    if odd:
        named = ", ".join(sorted(odd)[:4])
        raise EngineError(
            f"engine tensorrt: is not of the manifest's network ({named}); export the bundle again"
        )
    return [width for width in widths if width is not None]


def _context(trt: Any, engine: Any, shapes: Shapes) -> Any:
    """An execution context for `shapes`."""
    context = engine.create_execution_context()
    if context is None:
        raise EngineError(
            "engine tensorrt: create_execution_context failed; TensorRT's reason is in the log above"
        )
    for name in shapes:
        if engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT:
            _done(context.set_input_shape(name, shapes[name]), "set_input_shape", name)
    return context


def _done(success: bool, call: str, name: str) -> None:
    if not success:
        raise EngineError(f"engine tensorrt: {call} refuses {name}; TensorRT's reason is in the log above")


def _aligned(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT
