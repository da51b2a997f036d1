"""The TensorRT engine's whole life on an emulated GPU, behind doubles made of NVIDIA's own signatures, three versions.

What cannot be shown here is what only a GPU can: that TensorRT builds the graph, and how fast it then is.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import models

onnx = pytest.importorskip("onnx")

import nvidia_bindings  # noqa: E402
from emulated_gpu import EmulatedGpu, EmulatedTensorRt  # noqa: E402

from jetson_runtime.inference import engines  # noqa: E402
from jetson_runtime.inference.bundle import GOLDEN, WEIGHTS, Bundle, load  # noqa: E402
from jetson_runtime.inference.engines import tensorrt_cache, tensorrt_cuda  # noqa: E402
from jetson_runtime.inference.engines.base import EngineOptions  # noqa: E402
from jetson_runtime.inference.engines.errors import EngineError  # noqa: E402
from jetson_runtime.inference.engines.tensorrt_engine import TensorRtEngine  # noqa: E402
from jetson_runtime.suit.errors import BundleError  # noqa: E402

LIMIT = {"fp32": 5e-6, "fp16": 5e-4}
DEMO = Path(models.__file__).parent / "bundles" / "demo"
NEWEST = nvidia_bindings.TENSORRT[-1]


class Machine:
    """One computer with an emulated GPU and a TensorRT of `version`; `engine()` makes the engine on it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, bundle: Bundle, cache: Path) -> None:
        self._monkeypatch, self.bundle, self.cache = monkeypatch, bundle, cache
        self.install(NEWEST)
        self.power_mode("pmode:0002\n")

    def install(self, version: str, cuda: str = nvidia_bindings.CUDA[-1], **gpu: Any) -> None:
        try:
            apis = nvidia_bindings.tensorrt_api(version), nvidia_bindings.cuda_api(cuda)
        except nvidia_bindings.Unavailable as missing:
            pytest.skip(f"NVIDIA's bindings are not to be had: {missing}")
        self.gpu = EmulatedGpu(apis[1], **gpu)
        self.tensorrt = EmulatedTensorRt(apis[0], self.gpu)
        self._monkeypatch.setitem(sys.modules, "tensorrt", self.tensorrt.module)
        self._monkeypatch.setitem(sys.modules, "cuda.bindings.runtime", self.gpu.runtime)

    def power_mode(self, status: str) -> None:
        path = self.cache.with_name("nvpmodel")
        path.write_text(status)
        self._monkeypatch.setattr(tensorrt_cache, "NVPMODEL_STATUS", path)

    def engine(self, batch: int = 1, precision: Any = "fp32") -> TensorRtEngine:
        options = EngineOptions(precision=precision, cache=self.cache)
        engine = engines.create("tensorrt", self.bundle, batch, options)
        assert isinstance(engine, TensorRtEngine)
        return engine

    def plan(self) -> Path:
        """The one engine in the cache."""
        (path,) = self.cache.glob("*.plan")
        return path


@pytest.fixture(scope="module")
def demo() -> Bundle:
    return load(DEMO)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, demo: Bundle, tmp_path: Path) -> Machine:
    return Machine(monkeypatch, demo, tmp_path / "cache")


@pytest.fixture(scope="module")
def rows(demo: Bundle) -> npt.NDArray[np.float32]:
    """Noise of each channel's own spread for two legs: (320, 2, 54)."""
    return np.asarray(np.load(demo.path / GOLDEN)["rows"])


@pytest.fixture(scope="module")
def exact(demo: Bundle) -> npt.NDArray[np.float32]:
    """What PyTorch answered to `rows` in float64 when the networks were exported."""
    return np.asarray(np.load(demo.path / GOLDEN)["outcomes"])


def _stream(engine: TensorRtEngine, rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    out = np.full((len(rows), engine.batch, 8), np.nan, np.float32)
    for row, answer in zip(rows, out, strict=True):
        engine.step(row, answer)
    return out


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
@pytest.mark.parametrize("batch", [1, 2])
def test_every_tick_from_the_first_equals_pytorch_in_float64(
    machine: Machine, rows: Any, exact: Any, batch: int, precision: str
) -> None:
    engine = machine.engine(batch, precision)
    sd = np.asarray(machine.bundle.manifest.outcome_sd)
    first = np.abs(_stream(engine, rows[:, :batch]) - exact[:, :batch]) / sd
    engine.reset()
    again = np.abs(_stream(engine, rows[:, :batch]) - exact[:, :batch]) / sd
    assert first.max() <= LIMIT[precision]
    assert again.max() <= LIMIT[precision]
    assert engine.precision == precision
    assert machine.bundle.self_test(engine) <= LIMIT[precision]


@pytest.mark.parametrize("cuda", [*nvidia_bindings.CUDA, nvidia_bindings.INSTALLED])
@pytest.mark.parametrize("version", nvidia_bindings.TENSORRT)
def test_the_whole_life_uses_only_what_each_version_has(
    machine: Machine, version: str, cuda: str, rows: Any, exact: Any
) -> None:
    machine.install(version, cuda)
    engine = machine.engine(2, "fp16")
    built = machine.tensorrt.module.recorder.calls
    order = ["Builder.create_network", "OnnxParser.parse_from_file", "IBuilderConfig.clear_flag"]
    order += ["IBuilderConfig.progress_monitor=", "Builder.build_serialized_network"]
    order += ["Runtime.deserialize_cuda_engine", "ICudaEngine.create_execution_context"]
    assert [built.index(name) for name in order] == sorted(built.index(name) for name in order)
    got = _stream(engine, rows[:20])
    assert np.max(np.abs(got - exact[:20]) / np.asarray(machine.bundle.manifest.outcome_sd)) <= LIMIT["fp16"]
    engine.reset()
    engine.close()
    assert machine.gpu.in_use == 0


def test_a_tick_is_one_launch_and_one_wait(machine: Machine, rows: Any) -> None:
    engine = machine.engine(2)
    cuda, tensorrt = machine.gpu.runtime.recorder.calls, machine.tensorrt.module.recorder.calls
    captured = list(machine.gpu.graphs.values())
    assert len(captured) == 80
    assert {len(work) for work in captured} == {3}, "a tick is a copy in, the engine, a copy out"
    cuda.clear(), tensorrt.clear()
    _stream(engine, rows[:100])
    assert cuda == ["cudaGraphLaunch", "cudaStreamSynchronize"] * 100
    assert tensorrt == []


def test_memory_is_asked_for_at_the_start_alone(machine: Machine) -> None:
    machine.engine(1)
    calls = machine.gpu.runtime.recorder.calls
    assert calls.count("cudaMalloc") == 1
    assert calls.count("cudaHostAlloc") == 2


def test_the_build_shows_its_progress(machine: Machine, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        machine.engine()
    told = [record.getMessage() for record in caplog.records]
    assert any(f"TensorRT {NEWEST} builds an engine of" in line for line in told)
    assert "engine: Building Engine, 12 steps" in told
    assert [line for line in told if line.endswith("of 12")] == [
        f"engine: Building Engine, {step} of 12" for step in (3, 6, 9, 12)
    ]
    assert any(line.startswith("the engine is built: ") for line in told)


def test_the_second_start_takes_the_engine_from_the_cache(machine: Machine, rows: Any) -> None:
    before = _stream(machine.engine(), rows[:10, :1])
    again = machine.engine()
    assert machine.tensorrt.builds == 1
    np.testing.assert_array_equal(_stream(again, rows[:10, :1]), before)
    assert [path.name for path in machine.cache.iterdir()] == [machine.plan().name]
    assert machine.plan().stat().st_mode & 0o077 == 0


def test_who_waits_for_the_start_is_told_of_a_build_and_of_nothing_else(machine: Machine) -> None:
    """systemd is asked for twenty minutes then; a start from the cache that hangs is ended after its thirty seconds."""
    told: list[int] = []
    for starts in range(3):
        if starts == 2:
            machine.plan().unlink()
        options = EngineOptions(cache=machine.cache, before_build=lambda starts=starts: told.append(starts))  # type: ignore[misc]
        engines.create("tensorrt", machine.bundle, 1, options)
    assert told == [0, 2]


def _other_gpu(machine: Machine) -> None:
    machine.install(NEWEST, name=b"Thor\0")


def _more_of_the_gpu(machine: Machine) -> None:
    machine.install(NEWEST, sms=16)


def _other_tensorrt(machine: Machine) -> None:
    machine.install(nvidia_bindings.TENSORRT[0])


def _other_power_mode(machine: Machine) -> None:
    machine.power_mode("pmode:0000\n")


def _other_weights(machine: Machine) -> None:
    manifest = machine.bundle.manifest
    files = {**manifest.files, WEIGHTS: "0" * 64}
    machine.bundle = replace(machine.bundle, manifest=manifest.model_copy(update={"files": files}))


@pytest.mark.parametrize(
    "change", [_other_gpu, _more_of_the_gpu, _other_tensorrt, _other_power_mode, _other_weights]
)
def test_an_engine_of_another_machine_or_model_is_not_used(
    machine: Machine, change: Callable[[Machine], None]
) -> None:
    machine.engine()
    change(machine)
    builds = machine.tensorrt.builds
    machine.engine()
    assert machine.tensorrt.builds - (builds if builds < 2 else 0) >= 1
    assert len(list(machine.cache.glob("*.plan"))) == 2


def test_precision_and_legs_have_engines_of_their_own(machine: Machine) -> None:
    for batch in (1, 2):
        for precision in ("fp32", "fp16"):
            machine.engine(batch, precision)
    assert machine.tensorrt.builds == 4
    machine.engine(2, "fp16")
    assert machine.tensorrt.builds == 4


@pytest.mark.parametrize("ruin", ["flipped", "cut", "empty", "garbage", "other key"])
def test_a_damaged_engine_is_built_again(
    machine: Machine, ruin: str, rows: Any, caplog: pytest.LogCaptureFixture
) -> None:
    before = _stream(machine.engine(), rows[:5, :1])
    content = machine.plan().read_bytes()
    flipped = bytearray(content)
    flipped[-3] ^= 1
    damaged = {"flipped": bytes(flipped), "cut": content[:-1], "empty": b"", "garbage": b"\x00" * 500}
    machine.plan().write_bytes(damaged.get(ruin, content.replace(b'"batch": 1', b'"batch": 2')))
    after = _stream(machine.engine(), rows[:5, :1])
    assert machine.tensorrt.builds == 2
    assert "is damaged or not the engine it is named for" in caplog.text
    np.testing.assert_array_equal(after, before)
    assert machine.plan().read_bytes() == content


def test_an_engine_that_tensorrt_cannot_load_is_built_again(machine: Machine) -> None:
    machine.engine()
    content = machine.plan().read_bytes()
    fields = json.loads(content.split(b"\n")[1])
    key = tensorrt_cache.Key(**{name: value for name, value in fields.items() if name != "sha256"})
    tensorrt_cache.write(machine.cache, key, b"whole, but of no use")
    machine.engine()
    assert machine.tensorrt.builds == 2
    assert machine.plan().read_bytes() == content


@pytest.mark.parametrize("where", ["file mode", "file owner", "folder mode", "link"])
def test_an_engine_that_another_user_could_write_is_never_loaded(machine: Machine, where: str) -> None:
    machine.engine()
    plan = machine.plan()
    if where == "file owner":
        if os.geteuid() != 0:
            pytest.skip("only root can give a file away")
        os.chown(plan, 12345, -1)
    elif where == "link":
        plan.rename(plan.with_suffix(".moved"))
        plan.symlink_to(plan.with_suffix(".moved"))
    else:
        (plan if where == "file mode" else machine.cache).chmod(0o777)
    machine.tensorrt.module.recorder.calls.clear()
    told = (
        "cannot be read" if where == "link" else "another user could write there .*change \\[model\\] cache"
    )
    with pytest.raises(BundleError, match=told):
        machine.engine()
    assert "Runtime.deserialize_cuda_engine" not in machine.tensorrt.module.recorder.calls
    assert machine.gpu.in_use == 80 + 3, "the first engine's, and nothing of the refused one"


def test_a_cache_that_cannot_be_made_is_told_before_the_build(machine: Machine) -> None:
    machine.cache.write_text("a file")
    with pytest.raises(BundleError, match=r"cache: cannot be made .*change \[model\] cache"):
        machine.engine()
    assert machine.tensorrt.builds == 0


def test_a_build_that_is_cut_off_leaves_no_engine(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    def power_cut(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", power_cut)
    with pytest.raises(KeyboardInterrupt):
        machine.engine()
    assert list(machine.cache.iterdir()) == []


def test_what_the_parser_refuses_is_told_node_by_node(machine: Machine) -> None:
    machine.tensorrt.refuses = [(3, "concat3", "Concat", "no such axis"), (7, "relu7", "Relu", "not here")]
    with pytest.raises(BundleError) as refused:
        machine.engine()
    lines = str(refused.value).splitlines()
    assert "stream.onnx: TensorRT's parser refuses it; export the bundle again" in lines[0]
    assert lines[1:] == ["node 3 concat3 (Concat): no such axis", "node 7 relu7 (Relu): not here"]
    assert machine.gpu.in_use == 0


@pytest.mark.parametrize(
    ("cannot", "told"),
    [
        ("build", "TensorRT 11.* cannot build it; its reasons are in the log"),
        ("deserialise", "cannot load the engine it has just built"),
        ("execute", "execute_async_v3 failed"),
    ],
)
def test_what_tensorrt_cannot_do_is_told_at_the_start(machine: Machine, cannot: str, told: str) -> None:
    machine.tensorrt.cannot = {cannot}
    with pytest.raises(BundleError, match=rf'{told}.*choose engine = "auto" under \[model\]'):
        machine.engine()
    assert machine.gpu.in_use == 0


def test_an_engine_of_another_network_is_refused_by_its_tensors(machine: Machine) -> None:
    manifest = machine.bundle.manifest
    shorter = manifest.network.model_copy(update={"dilations": (1, 2, 4, 8)})
    machine.bundle = replace(machine.bundle, manifest=manifest.model_copy(update={"network": shorter}))
    with pytest.raises(BundleError, match=r"not of the manifest's network \(block4\.first\.column, block4"):
        machine.engine()
    assert machine.gpu.in_use == 0


@pytest.mark.parametrize(
    "call",
    [
        "cudaSetDevice",
        "cudaGetDeviceProperties",
        "cudaStreamCreateWithFlags",
        "cudaMalloc",
        "cudaHostAlloc",
        "cudaMemcpyAsync",
        "cudaMemsetAsync",
        "cudaStreamBeginCapture",
        "cudaStreamEndCapture",
        "cudaGraphInstantiate",
        "cudaGraphDestroy",
        "cudaGraphUpload",
        "cudaStreamSynchronize",
    ],
)
def test_a_cuda_call_that_fails_at_the_start_is_named(machine: Machine, call: str) -> None:
    machine.gpu.fail[call] = "cudaErrorMemoryAllocation"
    with pytest.raises(BundleError, match=rf"{call} failed: cudaErrorMemoryAllocation .*choose engine"):
        machine.engine()
    assert call in machine.gpu.runtime.recorder.calls


@pytest.mark.parametrize("call", ["cudaGraphLaunch", "cudaStreamSynchronize"])
def test_a_gpu_that_is_lost_while_it_runs_is_an_error_of_its_own_kind(
    machine: Machine, call: str, rows: Any
) -> None:
    engine = machine.engine(2)
    machine.gpu.fail[call] = "cudaErrorLaunchFailure"
    with pytest.raises(EngineError, match=rf"{call} failed: cudaErrorLaunchFailure"):
        engine.step(rows[0], np.empty((2, 8), np.float32))


def test_a_missing_module_is_told_with_where_to_get_it(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cuda.bindings.runtime", None)
    with pytest.raises(BundleError, match=r"CUDA bindings cannot be imported .* install cuda-bindings"):
        machine.engine()
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    with pytest.raises(BundleError, match=r"tensorrt cannot be imported .*JetPack .*\[model\]"):
        machine.engine()


def test_without_a_gpu_the_real_cuda_runtime_says_so() -> None:
    runtime = pytest.importorskip("cuda.bindings.runtime")
    status, count = runtime.cudaGetDeviceCount()
    if status == runtime.cudaError_t.cudaSuccess and count:
        pytest.skip("there is a GPU here")
    with pytest.raises(EngineError, match=r"cudaSetDevice failed: .+ \(<cudaError_t\.\w+: \d+>\)"):
        tensorrt_cuda.Gpu(tensorrt_cuda.runtime()).open()
