"""Every engine is the network: at every tick from the first, for one leg and two, and again after a reset."""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from pydantic import ValidationError

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")

from jetson_runtime.inference import engines  # noqa: E402
from jetson_runtime.inference.bundle import STREAM_GRAPH, WEIGHTS, WINDOW_GRAPH, Bundle  # noqa: E402
from jetson_runtime.suit import signals  # noqa: E402
from jetson_runtime.suit.config import ModelTable  # noqa: E402
from jetson_runtime.suit.errors import BundleError  # noqa: E402
from models.network.tcn import TcnSet  # noqa: E402

LIMIT = 5e-6
# Those that need no GPU; native where it was compiled. tensorrt has test_tensorrt_engine.py.
NAMES = [
    name
    for name in engines.NAMES
    if name != "tensorrt"
    and (name != "native" or find_spec("jetson_runtime.inference.engines._native") is not None)
]
Proof = tuple[npt.NDArray[np.float32], npt.NDArray[np.float64]]
INPUT_SD = np.linspace(0.2, 5.0, len(signals.CHANNELS))
TICKS = 600
# The others: native where it was compiled (test_native_engine.py), tensorrt on a GPU (test_tensorrt_engine.py).
HERE = ("onnxruntime", "numpy")


def _noise(legs: int) -> npt.NDArray[np.float32]:
    """Every channel jumps by its own spread at every tick, with rare shocks of four times that."""
    random = np.random.default_rng(3)
    rows = random.standard_normal((TICKS, legs, len(signals.CHANNELS)))
    rows[random.random(TICKS) < 0.02] *= 4.0
    return (rows * INPUT_SD + np.asarray(signals.CHANNEL_FILL)).astype(np.float32)


def _movement(legs: int) -> npt.NDArray[np.float32]:
    """Like walking: one rhythm and its harmonics in every channel, and insole channels that stand still and jump."""
    random = np.random.default_rng(4)
    t = np.arange(TICKS)[:, None, None] / signals.RATE_HZ
    rows = np.broadcast_to(np.asarray(signals.CHANNEL_FILL), (TICKS, legs, len(signals.CHANNELS))).copy()
    for harmonic in range(1, 6):
        phase = random.uniform(0, 2 * np.pi, (legs, len(signals.CHANNELS)))
        rows += INPUT_SD / harmonic * np.sin(2 * np.pi * 0.95 * harmonic * t + phase)
    rows[:, :, -6:] = rows[(np.arange(TICKS) // 3) * 3, :, -6:]
    rows[(np.arange(TICKS) // 90) % 2 == 0, :, -6:] = 0.5
    return rows.astype(np.float32)


@pytest.fixture(scope="module", params=[_noise, _movement])
def proof(request: pytest.FixtureRequest, networks: TcnSet) -> Proof:
    """Rows of two legs and what PyTorch answers in float64."""
    rows = request.param(2)
    return rows, _exact(networks, rows)


def _exact(networks: TcnSet, rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """(ticks, legs, 54) -> (ticks, legs, 8) by PyTorch in float64 on the whole sequence."""
    with torch.no_grad():
        answer = networks.double()(torch.from_numpy(rows).double().transpose(0, 1))
    networks.float()
    return answer.transpose(0, 1).numpy()


def _stream(engine: engines.Engine, rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    out = np.full((len(rows), engine.batch, len(signals.OUTCOMES)), np.nan, np.float32)
    for row, answer in zip(rows, out, strict=True):
        engine.step(row, answer)
    return out


@pytest.mark.parametrize("name", HERE)
@pytest.mark.parametrize("batch", [1, 2])
def test_every_tick_from_the_first_equals_pytorch_in_float64(
    bundle: Bundle, proof: Proof, name: str, batch: int
) -> None:
    rows, expected = (legs[:, :batch] for legs in proof)
    engine = engines.create(name, bundle, batch)
    sd = np.asarray(bundle.manifest.outcome_sd)
    assert np.min(expected.std(axis=(0, 1)) / sd) > 0.05, "the test's networks must not be nearly constant"

    first = np.abs(_stream(engine, rows) - expected) / sd
    engine.reset()
    again = np.abs(_stream(engine, rows) - expected) / sd

    assert first.shape == (TICKS, batch, 8)
    assert first.max() <= LIMIT
    assert again.max() <= LIMIT


@pytest.mark.parametrize("name", HERE)
def test_the_two_legs_do_not_touch_each_other(bundle: Bundle, name: str) -> None:
    rows = _movement(2)
    both = _stream(engines.create(name, bundle, 2), rows)
    for leg in range(2):
        alone = _stream(engines.create(name, bundle, 1), rows[:, leg : leg + 1])
        np.testing.assert_allclose(both[:, leg], alone[:, 0], rtol=0, atol=LIMIT * 25.0)


@pytest.mark.parametrize("name", HERE)
def test_a_wrong_row_is_forgotten_after_exactly_the_history(bundle: Bundle, name: str) -> None:
    rows = _movement(1)
    spoiled = rows.copy()
    spoiled[100] += 50.0
    clean = _stream(engines.create(name, bundle, 1), rows)
    off = np.abs(_stream(engines.create(name, bundle, 1), spoiled) - clean).max(axis=(1, 2))
    assert off[:100].max() == 0.0
    assert off[100] > 0.0
    assert off[100 + bundle.manifest.history + 1 :].max() == 0.0


@pytest.mark.parametrize("name", HERE)
@pytest.mark.parametrize("batch", [1, 2])
def test_the_self_test_passes_and_leaves_the_engine_reset(bundle: Bundle, name: str, batch: int) -> None:
    engine = engines.create(name, bundle, batch)
    assert bundle.self_test(engine) <= LIMIT
    rows = _movement(batch)[:5]
    np.testing.assert_array_equal(_stream(engine, rows), _stream(engines.create(name, bundle, batch), rows))


def test_the_self_test_refuses_an_engine_that_is_wrong(bundle: Bundle) -> None:
    engine = engines.create("numpy", bundle, 1)

    class Off:
        name, batch, precision = "off", 1, "fp32"
        reset = staticmethod(engine.reset)

        @staticmethod
        def step(rows: npt.NDArray[np.float32], out: npt.NDArray[np.float32]) -> None:
            engine.step(rows, out)
            out[0, 3] += 0.01

    with pytest.raises(BundleError, match=r"golden\.npz: engine off misses .* \[model\] engine"):
        bundle.self_test(Off())


def test_the_numpy_engine_allocates_no_arrays_once_it_runs(bundle: Bundle) -> None:
    import tracemalloc

    engine = engines.create("numpy", bundle, 2)
    rows, out = _movement(2), np.empty((2, 8), np.float32)
    for row in rows[:100]:
        engine.step(row, out)
    tracemalloc.start()
    for row in rows[100:200]:
        engine.step(row, out)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # One hidden column of eight networks and two legs is 5,120 bytes; views and numbers are not counted against it.
    assert peak < 2_500


def _with_graph(bundle: Bundle, folder: Path, graph: bytes) -> Bundle:
    shutil.copytree(bundle.path, folder)
    (folder / STREAM_GRAPH).write_bytes(graph)
    return replace(bundle, path=folder)


@pytest.mark.parametrize("ruin", ["garbage", "empty", "opset", "other graph", "weights gone"])
def test_a_graph_that_cannot_be_run_is_refused_by_file(bundle: Bundle, tmp_path: Path, ruin: str) -> None:
    model = onnx.load(bundle.path / STREAM_GRAPH, load_external_data=False)
    if ruin == "opset":
        model.opset_import[0].version = 999
        model.ir_version = 999
    graph = {
        "garbage": b"garbage",
        "empty": b"",
        "other graph": (bundle.path / WINDOW_GRAPH).read_bytes(),
    }.get(ruin, model.SerializeToString())
    ruined = _with_graph(bundle, tmp_path / "bundle", graph)
    if ruin == "weights gone":
        (ruined.path / WEIGHTS).unlink()
    with pytest.raises(BundleError, match=r"stream\.onnx: .*export the bundle again"):
        engines.create("onnxruntime", ruined, 2)


def test_the_config_takes_exactly_the_engines_there_are(bundle: Bundle) -> None:
    assert [engines.create(name, bundle, 1).name for name in HERE] == list(HERE)
    for name in (engines.AUTO, *engines.NAMES):
        ModelTable(bundle=bundle.path, engine=name)
    with pytest.raises(ValidationError):
        ModelTable(bundle=bundle.path, engine="windows")


def test_an_unknown_engine_is_refused_by_name(bundle: Bundle) -> None:
    with pytest.raises(BundleError, match=r"'windows'.*onnxruntime, numpy.*\[model\] engine"):
        engines.create("windows", bundle, 1)


def test_tensorrt_without_its_module_is_refused_with_where_to_get_it(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    with pytest.raises(BundleError, match=r"module tensorrt cannot be imported.*JetPack.*under \[model\]"):
        engines.create("tensorrt", bundle, 1)
