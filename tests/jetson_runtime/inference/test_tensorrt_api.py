"""That the doubles are as strict as NVIDIA's bindings, so that the engine's tests can fail; what the graphs ask for."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

onnx = pytest.importorskip("onnx")

import nvidia_bindings  # noqa: E402
from api_double import Cuda, TensorRt  # noqa: E402

import models  # noqa: E402
from jetson_runtime.inference import engines  # noqa: E402
from jetson_runtime.inference.bundle import STREAM_GRAPH, STREAM_HALF_GRAPH  # noqa: E402

ENGINES = Path(engines.__file__).parent
DEMO = Path(models.__file__).parent / "bundles" / "demo"
# onnx/onnx-tensorrt, docs/operators.md: "TensorRT 8.5 supports operators up to Opset 17"; these with FP32 and FP16, and
# Unsqueeze where its axes are constant. Later releases of the parser only added to the list.
SUPPORTED = {"Add", "Cast", "Concat", "Flatten", "MatMul", "Mul", "Relu", "Sub", "Transpose", "Unsqueeze"}


@pytest.fixture(params=nvidia_bindings.TENSORRT)
def tensorrt(request: pytest.FixtureRequest) -> TensorRt:
    try:
        api = nvidia_bindings.tensorrt_api(request.param)
    except nvidia_bindings.Unavailable as missing:
        pytest.skip(f"NVIDIA's bindings are not to be had: {missing}")
    return TensorRt(
        api, {"IBuilderConfig.clear_flag": lambda *_: None, "Runtime.deserialize_cuda_engine": lambda *_: 3}
    )


@pytest.fixture(params=[*nvidia_bindings.CUDA, nvidia_bindings.INSTALLED])
def cuda(request: pytest.FixtureRequest) -> Cuda:
    try:
        api = nvidia_bindings.cuda_api(request.param)
    except nvidia_bindings.Unavailable as missing:
        pytest.skip(f"NVIDIA's bindings are not to be had: {missing}")
    return Cuda(api, {"cudaMalloc": lambda size: None, "cudaFree": lambda address: None})


def _logger(trt: Any) -> Any:
    return type("Logger", (trt.ILogger,), {})()


@pytest.mark.parametrize(
    ("mistake", "error"),
    [
        (lambda trt: trt.BuilderFlag.TF23, AttributeError),
        (lambda trt: trt.CudaEngine, AttributeError),
        (lambda trt: trt.make("IExecutionContext").execute_async_v2, AttributeError),
        (lambda trt: trt.make("IExecutionContext").execute_async_v3(), TypeError),
        (lambda trt: trt.make("IExecutionContext").execute_async_v3(stream=1), TypeError),
        (lambda trt: trt.make("IExecutionContext").execute_async_v3(1, 2), TypeError),
        (lambda trt: trt.make("IExecutionContext").execute_async_v3("1"), TypeError),
        (lambda trt: trt.make("IExecutionContext").set_tensor_address(1, "rows"), TypeError),
        (lambda trt: trt.make("IBuilderConfig").clear_flag(trt.MemoryPoolType.WORKSPACE), TypeError),
        (lambda trt: trt.make("IBuilderConfig").clear_flag(1), TypeError),
        (lambda trt: trt.Builder(), TypeError),
        (lambda trt: trt.Builder("a logger"), TypeError),
        (lambda trt: setattr(trt.make("IBuilderConfig"), "progress", None), AttributeError),
        (lambda trt: setattr(trt.make("ICudaEngine"), "num_io_tensors", 1), AttributeError),
        (lambda trt: trt.Runtime(_logger(trt)).deserialize_cuda_engine(b"plan"), AssertionError),
    ],
)
def test_a_wrong_name_enum_arity_keyword_or_type_is_caught(
    tensorrt: TensorRt, mistake: Callable[[Any], object], error: type[Exception]
) -> None:
    with pytest.raises(error):
        mistake(tensorrt)


def test_what_is_right_is_let_through(tensorrt: TensorRt) -> None:
    tensorrt.make("IBuilderConfig").clear_flag(flag=tensorrt.BuilderFlag.TF32)
    assert tensorrt.recorder.calls == ["IBuilderConfig.clear_flag"]


def test_what_is_gone_in_tensorrt_11_is_gone_in_its_double() -> None:
    try:
        doubles = [
            TensorRt(nvidia_bindings.tensorrt_api(version), {}) for version in nvidia_bindings.TENSORRT
        ]
    except nvidia_bindings.Unavailable as missing:
        pytest.skip(f"NVIDIA's bindings are not to be had: {missing}")
    assert [hasattr(double.BuilderFlag, "FP16") for double in doubles] == [True, True, False]
    assert [double.__version__ for double in doubles] == list(nvidia_bindings.TENSORRT)


@pytest.mark.parametrize(
    ("mistake", "error"),
    [
        (lambda cuda: cuda.cudaMallok, AttributeError),
        (lambda cuda: cuda.cudaMalloc(), TypeError),
        (lambda cuda: cuda.cudaMalloc(4, 4), TypeError),
        (lambda cuda: cuda.cudaMalloc(bytes=4), TypeError),
        (lambda cuda: cuda.cudaMemcpyKind.HostToDevice, AttributeError),
        (lambda cuda: cuda.cudaMemcpyAsync(1, 2, 3, 1, 5), TypeError),
        (lambda cuda: cuda.cudaMalloc(4), AssertionError),  # The behaviour forgets the address.
        (lambda cuda: cuda.structure("cudaDeviceProp", cores=1), AssertionError),
    ],
)
def test_a_wrong_cuda_call_is_caught(
    cuda: Cuda, mistake: Callable[[Any], object], error: type[Exception]
) -> None:
    with pytest.raises(error):
        mistake(cuda)


def test_a_right_cuda_call_answers_its_status_first(cuda: Cuda) -> None:
    assert cuda.cudaFree(5) == (cuda.cudaError_t.cudaSuccess,)


def test_every_name_that_the_engine_writes_is_there(tensorrt: TensorRt) -> None:
    """Of the paths the emulated life does not take, too: `trt.A.B.C` anywhere in the engine's source."""
    written = {chain for path in ENGINES.glob("tensorrt_*.py") for chain in _chains(path, "trt")}
    assert {"ILogger.Severity.WARNING", "OnnxParser", "DataType.HALF"} <= written
    for chain in written - {"__version__"}:
        found: Any = tensorrt
        for name in chain.split("."):
            found = getattr(found, name)


def test_every_cuda_name_that_the_engine_writes_is_there(cuda: Cuda) -> None:
    source = ENGINES / "tensorrt_cuda.py"
    names = {node.value for node in ast.walk(ast.parse(source.read_text())) if isinstance(node, ast.Constant)}
    called = {name for name in names if isinstance(name, str) and name.startswith("cuda") and name.isalnum()}
    assert {"cudaMalloc", "cudaFree", "cudaGraphLaunch", "cudaGraphExecDestroy"} <= called
    for name in called:
        assert callable(getattr(cuda, name)), name
    for chain in (*_chains(source, "cuda"), *_chains(source, "self._cuda")):
        found: Any = cuda
        for name in chain.split("."):
            found = getattr(found, name)


def test_the_double_of_the_installed_cuda_bindings_is_what_they_are() -> None:
    """The reading itself: made in another process, it says what importing them here says."""
    runtime = pytest.importorskip("cuda.bindings.runtime")
    api = nvidia_bindings.cuda_api(nvidia_bindings.INSTALLED)
    double = Cuda(api, {})
    assert int(double.cudaMemcpyKind.cudaMemcpyDeviceToHost) == int(
        runtime.cudaMemcpyKind.cudaMemcpyDeviceToHost
    )
    assert double.cudaStreamNonBlocking == runtime.cudaStreamNonBlocking
    _, *results = runtime.cudaGetDeviceCount()
    assert api["functions"]["cudaGetDeviceCount"]["returns"] == 1 + len(results)


@pytest.mark.parametrize("file", [STREAM_GRAPH, STREAM_HALF_GRAPH])
def test_tensorrt_has_every_operator_of_the_graphs(file: str) -> None:
    model = onnx.load(DEMO / file, load_external_data=False)
    assert {node.op_type for node in model.graph.node} <= SUPPORTED
    assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", 17)]
    types = {value.type.tensor_type.elem_type for value in (*model.graph.input, *model.graph.output)}
    assert types <= {onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16}
    constant = {tensor.name for tensor in model.graph.initializer}
    assert all(node.input[1] in constant for node in model.graph.node if node.op_type == "Unsqueeze")


def test_float16_halves_the_weights_of_all_convolutions_but_the_first() -> None:
    """Each is cast down once and up again, with its float16 window: TensorRT's pattern for float32 sums."""
    graph = onnx.load(DEMO / STREAM_HALF_GRAPH, load_external_data=False).graph
    made_by = {node.output[0]: node for node in graph.node}

    def cast_from(name: str, kind: int) -> str:
        node = made_by[name]
        assert node.op_type == "Cast" and node.attribute[0].i == kind
        return str(node.input[0])

    halved = set()
    for product in [node for node in graph.node if node.op_type == "MatMul"]:
        left, right = product.input
        if right in made_by:
            weight = cast_from(cast_from(right, onnx.TensorProto.FLOAT), onnx.TensorProto.FLOAT16)
            assert made_by[cast_from(left, onnx.TensorProto.FLOAT)].op_type == "Concat"
            halved.add(weight)
    shapes = {tensor.name: tensor.dims for tensor in graph.initializer}
    assert halved == {n for n in shapes if n.startswith("block") and n.endswith("weight")} - {
        "block0.first.weight"
    }


def _chains(path: Path, root: str) -> Iterator[str]:
    """`A.B` for every `root.A.B` in the source, the longest of each."""
    tree = ast.parse(path.read_text())
    inner = {node.value for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Attribute)
            and node not in inner
            and (text := ast.unparse(node)).startswith(f"{root}.")
        ):
            yield text.removeprefix(f"{root}.")
