"""A GPU and TensorRT on the CPU, behind doubles of NVIDIA's modules: what the engine asks for is really computed.

Device memory is host memory that begins as NaN; a stream is a queue that runs when it is waited for; a captured graph
is what was queued meanwhile; an engine is its ONNX file, run by ONNX Runtime on the very addresses that were set.
"""

# ruff: noqa: N802 (the methods carry the names of the calls they stand for)

from __future__ import annotations

import json
import math
import weakref
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import onnx
import onnxruntime
from api_double import Cuda, TensorRt

ALIGNMENT = 256
STREAM = 77
_ELEMENT = {onnx.TensorProto.FLOAT: np.float32, onnx.TensorProto.FLOAT16: np.float16}


class EmulatedGpu:
    """The CUDA runtime. `fail[name] = error` makes that call answer that error from now on."""

    def __init__(self, api: dict[str, Any], *, name: bytes = b"Orin\0\0", sms: int = 8) -> None:
        self.fail: dict[str, str] = {}
        self.memory: dict[int, np.ndarray[Any, Any]] = {}
        self.pinned: dict[int, np.ndarray[Any, Any]] = {}
        self.graphs: dict[int, list[Callable[[], None]]] = {}
        self._queue: deque[Callable[[], None]] = deque()
        self._capturing: list[Callable[[], None]] | None = None
        self._name, self._sms = name, sms
        calls = [name for name in dir(self) if name.startswith("cuda")]
        self.runtime = Cuda(api, {name: self._failing(name) for name in calls})

    def enqueue(self, stream: int, work: Callable[[], None]) -> None:
        assert int(stream) == STREAM, f"{stream} is no stream of this GPU"
        (self._queue if self._capturing is None else self._capturing).append(work)

    def view(self, address: int, size: int) -> np.ndarray[Any, Any]:
        """The device's bytes at `address`, all of one allocation."""
        return _within(self.memory, address, size)

    @property
    def in_use(self) -> int:
        """How many allocations and graphs were not given back."""
        return len(self.memory) + len(self.pinned) + len(self.graphs)

    def _failing(self, name: str) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            if name in self.fail:
                return getattr(self.runtime.cudaError_t, self.fail[name])
            return getattr(self, name)(*arguments)

        return call

    def cudaSetDevice(self, device: int) -> None:
        assert device == 0

    def cudaGetDeviceProperties(self, device: int) -> Any:
        return self.runtime.structure(
            "cudaDeviceProp", name=self._name, major=8, minor=7, multiProcessorCount=self._sms
        )

    def cudaStreamCreateWithFlags(self, flags: int) -> int:
        assert flags == self.runtime.cudaStreamNonBlocking
        return STREAM

    def cudaStreamDestroy(self, stream: int) -> None:
        assert stream == STREAM

    def cudaMalloc(self, size: int) -> int:
        return _allocate(self.memory, size)

    def cudaFree(self, address: int) -> None:
        del self.memory[address]

    def cudaHostAlloc(self, size: int, flags: int) -> int:
        assert flags == self.runtime.cudaHostAllocDefault
        return _allocate(self.pinned, size)

    def cudaFreeHost(self, address: int) -> None:
        del self.pinned[address]

    def cudaMemsetAsync(self, address: int, value: int, count: int, stream: int) -> None:
        self.enqueue(stream, lambda: self.view(address, count).fill(value))

    def cudaMemcpyAsync(self, to: int, source: int, count: int, kind: Any, stream: int) -> None:
        inwards = kind == self.runtime.cudaMemcpyKind.cudaMemcpyHostToDevice
        assert inwards or kind == self.runtime.cudaMemcpyKind.cudaMemcpyDeviceToHost
        target = _within(self.memory if inwards else self.pinned, to, count)
        origin = _within(self.pinned if inwards else self.memory, source, count)
        self.enqueue(stream, lambda: np.copyto(target, origin))

    def cudaStreamBeginCapture(self, stream: int, mode: Any) -> None:
        assert self._capturing is None and not self._queue, "a capture begins on an idle stream"
        self._capturing = []

    def cudaStreamEndCapture(self, stream: int) -> int:
        assert self._capturing is not None
        captured, self._capturing = self._capturing, None
        return self._graph(captured)

    def cudaGraphInstantiate(self, graph: int, flags: int) -> int:
        return self._graph(list(self.graphs[graph]))

    def cudaGraphDestroy(self, graph: int) -> None:
        del self.graphs[graph]

    def cudaGraphExecDestroy(self, executable: int) -> None:
        del self.graphs[executable]

    def cudaGraphUpload(self, executable: int, stream: int) -> None:
        assert executable in self.graphs

    def cudaGraphLaunch(self, executable: int, stream: int) -> None:
        for work in self.graphs[executable]:
            self.enqueue(stream, work)

    def cudaStreamSynchronize(self, stream: int) -> None:
        assert self._capturing is None, "cudaErrorStreamCaptureUnsupported"
        while self._queue:
            self._queue.popleft()()

    def cudaGetErrorString(self, error: Any) -> bytes:
        return str(error.name).encode()

    def _graph(self, work: list[Callable[[], None]]) -> int:
        handle = 1 + max(self.graphs, default=1000)
        self.graphs[handle] = work
        return handle


class EmulatedTensorRt:
    """Builder, parser, runtime and contexts. `refuses` are errors the parser answers: (node, name, operator, text)."""

    def __init__(self, api: dict[str, Any], gpu: EmulatedGpu) -> None:
        self.gpu = gpu
        self.refuses: list[tuple[int, str, str, str]] = []
        self.builds = 0
        self.cannot: set[str] = set()
        behaviours = {
            name.replace("__", ".", 1): getattr(self, name)
            for name in dir(self)
            if name[0].isupper() and "__" in name
        }
        behaviours["IBuilderConfig.progress_monitor="] = self._set_monitor
        self.module = TensorRt(api, behaviours)

    def Builder__create_network(self, builder: Any, flags: int) -> Any:
        assert flags == 1 << int(self.module.NetworkDefinitionCreationFlag.STRONGLY_TYPED)
        return self.module.make("INetworkDefinition", inputs=[])

    def OnnxParser____init__(self, parser: Any, network: Any, logger: Any) -> None:
        parser.state.update(network=network, logger=logger)
        network.state["parser"] = weakref.ref(parser)

    def OnnxParser__parse_from_file(self, parser: Any, model: str) -> bool:
        graph = onnx.load(model, load_external_data=False).graph
        made = [self.module.make("ITensor", value=value) for value in graph.input]
        parser.state["network"].state.update(inputs=made, path=model)
        return not self.refuses

    def OnnxParser__num_errors(self, parser: Any) -> int:
        return len(self.refuses)

    def OnnxParser__get_error(self, parser: Any, index: int) -> Any:
        return self.module.make("ParserError", error=self.refuses[index])

    def ParserError__node(self, error: Any) -> int:
        return int(error.state["error"][0])

    def ParserError__node_name(self, error: Any) -> str:
        return str(error.state["error"][1])

    def ParserError__node_operator(self, error: Any) -> str:
        return str(error.state["error"][2])

    def ParserError__desc(self, error: Any) -> str:
        return str(error.state["error"][3])

    def INetworkDefinition__num_inputs(self, network: Any) -> int:
        return len(network.state["inputs"])

    def INetworkDefinition__get_input(self, network: Any, index: int) -> Any:
        return network.state["inputs"][index]

    def ITensor__name(self, tensor: Any) -> str:
        return str(tensor.state["value"].name)

    def ITensor__shape(self, tensor: Any) -> tuple[int, ...]:
        return tuple(
            d.dim_value if d.HasField("dim_value") else -1 for d in _dimensions(tensor.state["value"])
        )

    def Builder__create_builder_config(self, builder: Any) -> Any:
        return self.module.make("IBuilderConfig", flags={"TF32"}, profiles=[], monitor=None)

    def IBuilderConfig__clear_flag(self, config: Any, flag: Any) -> None:
        config.state["flags"].discard(flag.name)

    def IBuilderConfig__set_memory_pool_limit(self, config: Any, pool: Any, size: int) -> None:
        assert pool.name == "WORKSPACE" and size > 0

    def _set_monitor(self, config: Any, monitor: Any) -> None:
        assert isinstance(monitor, self.module.IProgressMonitor)
        config.state["monitor"] = monitor

    def Builder__create_optimization_profile(self, builder: Any) -> Any:
        return self.module.make("IOptimizationProfile", shapes={})

    def IOptimizationProfile__set_shape(
        self, profile: Any, name: str, low: Any, best: Any, high: Any
    ) -> None:
        assert low == best == high
        profile.state["shapes"][name] = list(best)

    def IBuilderConfig__add_optimization_profile(self, config: Any, profile: Any) -> int:
        config.state["profiles"].append(profile.state["shapes"])
        return len(config.state["profiles"]) - 1

    def Builder__build_serialized_network(self, builder: Any, network: Any, config: Any) -> Any:
        self.builds += 1
        if "build" in self.cannot:
            return None
        assert network.state["parser"]() is not None, "the parser owns the weights until the engine is built"
        assert "TF32" not in config.state["flags"], "TF32 would round the inputs of every product"
        (shapes,) = config.state["profiles"]
        for tensor in network.state["inputs"]:
            open_shape = self.ITensor__shape(tensor)
            fixed = shapes[tensor.state["value"].name]
            assert all(size in (-1, set_to) for size, set_to in zip(open_shape, fixed, strict=True))
        self._tell_progress(config.state["monitor"])
        plan = {"version": self.module.__version__, "path": network.state["path"], "shapes": shapes}
        return self.module.make("IHostMemory", content=json.dumps(plan).encode())

    def _tell_progress(self, monitor: Any) -> None:
        monitor.phase_start("Building Engine", None, 12)
        for step in range(12):
            assert monitor.step_complete("Building Engine", step) is True
        monitor.phase_finish("Building Engine")

    def Runtime__deserialize_cuda_engine(self, runtime: Any, plan: bytes) -> Any:
        try:
            found = json.loads(plan)
        except ValueError:
            found = {}
        if found.get("version") != self.module.__version__ or "deserialise" in self.cannot:
            return None
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(found["path"], options, providers=["CPUExecutionProvider"])
        graph = onnx.load(found["path"], load_external_data=False).graph
        batch, taken = found["shapes"]["rows"][0], {value.name for value in graph.input}
        tensors = {v.name: _Tensor.of(v, batch, taken=v.name in taken) for v in (*graph.input, *graph.output)}
        return self.module.make(
            "ICudaEngine", session=session, shapes=found["shapes"], tensors=tensors, bindings={}
        )

    def ICudaEngine__num_io_tensors(self, engine: Any) -> int:
        return len(engine.state["tensors"])

    def ICudaEngine__get_tensor_name(self, engine: Any, index: int) -> str:
        return list(engine.state["tensors"])[index]

    def ICudaEngine__get_tensor_dtype(self, engine: Any, name: str) -> Any:
        half = engine.state["tensors"][name].element is np.float16
        return self.module.DataType.HALF if half else self.module.DataType.FLOAT

    def ICudaEngine__get_tensor_mode(self, engine: Any, name: str) -> Any:
        taken = engine.state["tensors"][name].taken
        return self.module.TensorIOMode.INPUT if taken else self.module.TensorIOMode.OUTPUT

    def ICudaEngine__create_execution_context(self, engine: Any) -> Any:
        return self.module.make("IExecutionContext", engine=engine, shapes={}, addresses={})

    def IExecutionContext__set_input_shape(self, context: Any, name: str, shape: tuple[int, ...]) -> bool:
        if list(shape) != context.state["engine"].state["shapes"].get(name):
            return False
        context.state["shapes"][name] = tuple(shape)
        return True

    def IExecutionContext__set_tensor_address(self, context: Any, name: str, memory: int) -> bool:
        if name not in context.state["engine"].state["tensors"] or memory % ALIGNMENT:
            return False
        context.state["addresses"][name] = memory
        return True

    def IExecutionContext__execute_async_v3(self, context: Any, stream_handle: int) -> bool:
        state, engine = context.state, context.state["engine"].state
        unset = engine["tensors"].keys() - state["addresses"].keys()
        if unset or "execute" in self.cannot or state["shapes"].keys() != engine["shapes"].keys():
            return False
        self.gpu.enqueue(stream_handle, self._run(engine, dict(state["addresses"])))
        return True

    def _run(self, engine: dict[str, Any], addresses: dict[str, int]) -> Callable[[], None]:
        """The engine on fixed addresses, which must lie in allocations of the device."""
        session, known = engine["session"], tuple(addresses.values())
        if known not in engine["bindings"]:
            binding = engine["bindings"][known] = session.io_binding()
            for name, tensor in engine["tensors"].items():
                self.gpu.view(addresses[name], math.prod(tensor.shape) * np.dtype(tensor.element).itemsize)
                bind = binding.bind_input if tensor.taken else binding.bind_output
                bind(name, "cpu", 0, tensor.element, tensor.shape, addresses[name])
        binding = engine["bindings"][known]
        return lambda: session.run_with_iobinding(binding)


class _Tensor(NamedTuple):
    """An input (`taken`) or output of an engine."""

    element: Any
    shape: tuple[int, ...]
    taken: bool

    @classmethod
    def of(cls, value: onnx.ValueInfoProto, batch: int, *, taken: bool) -> _Tensor:
        shape = tuple(dimension.dim_value or batch for dimension in _dimensions(value))
        return cls(_ELEMENT[value.type.tensor_type.elem_type], shape, taken)


def _dimensions(value: onnx.ValueInfoProto) -> Any:
    return value.type.tensor_type.shape.dim


def _allocate(pool: dict[int, np.ndarray[Any, Any]], size: int) -> int:
    """`size` bytes of 0xFF (a NaN in float32 and float16) at an aligned address."""
    raw = np.full(size + ALIGNMENT, 0xFF, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    block = raw[start : start + size]
    pool[block.ctypes.data] = block
    return int(block.ctypes.data)


def _within(pool: dict[int, np.ndarray[Any, Any]], address: int, size: int) -> np.ndarray[Any, Any]:
    for base, block in pool.items():
        if base <= address and address + size <= base + len(block):
            return block[address - base : address - base + size]
    raise AssertionError(f"{size} bytes at {address:#x} are not within one allocation")
