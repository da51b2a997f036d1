"""ONNX Runtime elsewhere than on the CPU: refused where it cannot be, exact where the history lies on a device."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

import models
from jetson_runtime.inference import engines
from jetson_runtime.inference.bundle import GOLDEN, Bundle, load
from jetson_runtime.inference.engines import onnx_engine
from jetson_runtime.inference.engines.base import EngineOptions
from jetson_runtime.inference.engines.onnx_engine import Provider
from jetson_runtime.suit.errors import BundleError

DEMO = Path(models.__file__).parent / "bundles" / "demo"
ON_THE_CPU = Provider("CPUExecutionProvider", "cpu", {})


@pytest.fixture(scope="module")
def demo() -> Bundle:
    return load(DEMO)


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> None:
    """The way of a GPU's provider, its memory that of the CPU: filled and cleared through ONNX Runtime alone."""
    monkeypatch.setitem(onnx_engine.PROVIDERS, "cuda", [ON_THE_CPU])
    monkeypatch.setattr(onnx_engine, "_OnHost", onnx_engine._OnDevice)


@pytest.mark.usefixtures("device")
@pytest.mark.parametrize("batch", [1, 2])
def test_history_on_the_device_gives_the_golden_outcomes(demo: Bundle, batch: int) -> None:
    engine = engines.create("onnxruntime", demo, batch, EngineOptions(provider="cuda"))
    golden = np.load(demo.path / GOLDEN)
    out = np.empty((batch, 8), np.float32)
    for _ in range(2):
        worst = 0.0
        for rows, outcomes in zip(golden["rows"][:, :batch], golden["outcomes"][:, :batch], strict=True):
            engine.step(np.ascontiguousarray(rows), out)
            worst = max(worst, float(np.max(np.abs(out - outcomes) / np.asarray(demo.manifest.outcome_sd))))
        assert worst <= 5e-6
        engine.reset()


@pytest.mark.usefixtures("device")
def test_rows_need_not_be_contiguous(demo: Bundle) -> None:
    engine = engines.create("onnxruntime", demo, 1, EngineOptions(provider="cuda"))
    rows = np.load(demo.path / GOLDEN)["rows"][:50]
    out = np.empty((2, 50, 1, 8), np.float32)
    for row, answer in zip(rows[:, :1], out[0], strict=True):
        engine.step(row, answer)
    engine.reset()
    for row, answer in zip(np.asfortranarray(rows)[:, :1], out[1], strict=True):
        engine.step(row, answer)
    np.testing.assert_array_equal(out[0], out[1])


@pytest.mark.parametrize(("provider", "name"), [("cuda", "CUDA"), ("tensorrt", "Tensorrt")])
def test_a_provider_that_this_build_has_not_is_refused(demo: Bundle, provider: Any, name: str) -> None:
    if f"{name}ExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this build of ONNX Runtime has it")
    with pytest.raises(
        BundleError, match=rf'without {name}ExecutionProvider.*it has .*CPU.*provider = "cpu"'
    ):
        engines.create("onnxruntime", demo, 1, EngineOptions(provider=provider))


def test_a_provider_that_cannot_start_is_refused_and_not_replaced_by_the_cpu(
    demo: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What ONNX Runtime does itself where a GPU's provider finds no GPU: a warning, and then the CPU."""
    monkeypatch.setattr(onnxruntime.InferenceSession, "get_providers", lambda _: ["CPUExecutionProvider"])
    elsewhere = Provider("CUDAExecutionProvider", "cpu", {})
    monkeypatch.setitem(onnx_engine.PROVIDERS, "cuda", [elsewhere])
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    with pytest.raises(
        BundleError, match=r"(CUDAExecutionProvider cannot start here|cannot load it).*\[model\]"
    ):
        engines.create("onnxruntime", demo, 1, EngineOptions(provider="cuda"))


def test_tensorrts_provider_keeps_its_engines_only_where_no_other_user_writes(
    demo: Bundle, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(onnx_engine.PROVIDERS, "tensorrt", [ON_THE_CPU])
    cache = tmp_path / "cache"
    options = EngineOptions(provider="tensorrt", cache=cache)
    assert onnx_engine._providers(options)[0].options == {
        "trt_engine_cache_enable": "1",
        "trt_engine_cache_path": str(cache),
    }
    cache.chmod(0o777)
    with pytest.raises(BundleError, match="another user could write there"):
        engines.create("onnxruntime", demo, 1, options)
