"""05: every engine loads the bundle, answers like the reference, and fits in a tick; TensorRT builds once and is found
again. What needs a GPU or a compiled module that is not here is skipped with its reason.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from jetson_runtime.inference import bundle, engines
from jetson_runtime.inference.bundle import Bundle
from jetson_runtime.inference.engines import tensorrt_cache
from jetson_runtime.inference.engines.base import EngineOptions
from jetson_runtime.suit.config import SuitConfig
from jetson_runtime.suit.errors import BundleError
from jetson_runtime.suit.signals import CHANNELS, OUTCOMES, PERIOD_NS

TICKS = 2000
# Against the numpy engine, in standard deviations of the outcome.
LIMIT = {"fp32": 1e-5, "fp16": 5e-4}
WAYS = [
    ("native", EngineOptions(precision="fp32")),
    ("native", EngineOptions(precision="fp16")),
    ("onnxruntime", EngineOptions()),
    ("onnxruntime", EngineOptions(provider="cuda")),
    ("onnxruntime", EngineOptions(provider="tensorrt")),
    ("numpy", EngineOptions()),
    ("tensorrt", EngineOptions(precision="fp32")),
    ("tensorrt", EngineOptions(precision="fp16")),
]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for the whole run: the first step that needs a TensorRT engine builds it."""
    return tmp_path_factory.mktemp("engines")


@pytest.fixture(scope="module")
def model(suit: SuitConfig) -> Bundle:
    return bundle.load(suit.model.bundle)


def _create(name: str, model: Bundle, batch: int, options: EngineOptions) -> engines.Engine:
    try:
        return engines.create(name, model, batch, options)
    except BundleError as refused:
        pytest.skip(str(refused))


@pytest.mark.parametrize(
    ("name", "options"), WAYS, ids=lambda v: v if isinstance(v, str) else f"{v.precision}-{v.provider}"
)
def test_engine_fits_in_a_tick(
    name: str, options: EngineOptions, suit: SuitConfig, model: Bundle, cache: Path, own_machine: bool
) -> None:
    batch = len(suit.sides)
    engine = _create(name, model, batch, options._replace(cache=cache))
    label = f"{name} {options.precision} {options.provider}, {batch} legs"
    rows = np.load(model.path / bundle.GOLDEN)["rows"][:, :batch]
    worst = np.abs(_answers(engine, rows) - _answers(engines.create("numpy", model, batch), rows))
    error = float(np.max(worst / np.asarray(model.manifest.outcome_sd)))
    print(f"{label}: golden error {model.self_test(engine):.1e}, from numpy {error:.1e} outcome SDs")
    assert error <= LIMIT[getattr(engine, "precision", "fp32")]
    hot = _latencies(engine, pace=lambda: None)
    paced = _latencies(engine, pace=_every_tick())
    for pace, took in (("hot", hot), ("paced", paced)):
        p50, p99, longest = np.percentile(took, (50, 99, 100)) / 1e3
        print(f"{label}: {pace} p50 {p50:.0f} us, p99 {p99:.0f} us, worst {longest:.0f} us")
    assert not own_machine or np.percentile(paced, 99) < PERIOD_NS / 2


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_tensorrt_builds_once_and_is_found_again(
    precision: str, suit: SuitConfig, model: Bundle, tmp_path: Path
) -> None:
    options = EngineOptions(precision=precision, cache=tmp_path)  # type: ignore[arg-type]
    batch, seconds = len(suit.sides), []
    for _ in range(2):
        start = time.monotonic()
        engine = _create("tensorrt", model, batch, options)
        seconds.append(time.monotonic() - start)
        engine.close()  # type: ignore[attr-defined]
    (plan,) = tmp_path.iterdir()
    print(
        f"tensorrt {precision}: first start {seconds[0]:.0f} s, second {seconds[1]:.1f} s (80 ticks captured),"
        f" plan {plan.stat().st_size / 1e6:.1f} MB, power mode {tensorrt_cache.power_mode()!r}"
    )
    assert seconds[1] < seconds[0] / 2
    weights = (model.path / bundle.WEIGHTS).stat().st_size
    # A plan as large as the float32 weights would say that TensorRT folded the casts and computes in float32.
    assert plan.stat().st_size < (2.0 if precision == "fp32" else 0.9) * weights


def test_tensorrt_forgets_and_starts_anew(suit: SuitConfig, model: Bundle, cache: Path) -> None:
    """A reset between two runs of the same rows: the same answers bit for bit, so no tick reads another's memory."""
    batch = len(suit.sides)
    engine = _create("tensorrt", model, batch, EngineOptions(cache=cache))
    rows = np.load(model.path / bundle.GOLDEN)["rows"][:, :batch]
    first = _answers(engine, rows)
    engine.reset()
    np.testing.assert_array_equal(_answers(engine, rows), first)


def _answers(engine: engines.Engine, rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    out = np.empty((len(rows), engine.batch, len(OUTCOMES)), np.float32)
    engine.reset()
    for row, answer in zip(rows, out, strict=True):
        engine.step(np.ascontiguousarray(row), answer)
    return out


def _latencies(engine: engines.Engine, pace: Callable[[], None]) -> npt.NDArray[np.int64]:
    """How long each of TICKS steps took, ns."""
    rows = np.zeros((engine.batch, len(CHANNELS)), np.float32)
    out = np.empty((engine.batch, len(OUTCOMES)), np.float32)
    took = np.empty(TICKS, np.int64)
    for i in range(TICKS):
        pace()
        start = time.perf_counter_ns()
        engine.step(rows, out)
        took[i] = time.perf_counter_ns() - start
    return took


def _every_tick() -> Callable[[], None]:
    """Sleeps until the next tick is due, as the service does."""
    due = time.monotonic_ns()

    def wait() -> None:
        nonlocal due
        due += PERIOD_NS
        time.sleep(max(0, due - time.monotonic_ns()) / 1e9)

    return wait
