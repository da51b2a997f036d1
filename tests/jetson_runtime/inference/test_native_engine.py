"""The compiled engine: every instruction set and both precisions, nothing allocated, other threads run meanwhile."""

from __future__ import annotations

import ctypes
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip(
    "jetson_runtime.inference.engines._native", reason="no compiler was here when it was installed"
)

from jetson_runtime.inference import bundle as bundles  # noqa: E402
from jetson_runtime.inference import engines  # noqa: E402
from jetson_runtime.inference.bundle import Baselines, Bundle  # noqa: E402
from jetson_runtime.inference.engines.base import EngineOptions  # noqa: E402
from jetson_runtime.inference.engines.native_engine import VARIANTS, NativeEngine  # noqa: E402
from jetson_runtime.suit import signals  # noqa: E402
from jetson_runtime.suit.errors import BundleError  # noqa: E402
from models.network.tcn import TcnSet  # noqa: E402

ROOT = Path(__file__).resolve().parents[3]
SHIPPED = ROOT / "models" / "bundles" / "demo"
# Errors against PyTorch in float64, in the outcome's training SD.
LIMIT = {"fp32": 5e-6, "fp16": 5e-4}
CHANNELS, OUTCOMES = len(signals.CHANNELS), len(signals.OUTCOMES)
Rows = npt.NDArray[np.float32]


def _noise(legs: int, ticks: int = 300, seed: int = 3) -> Rows:
    random = np.random.default_rng(seed)
    spread = np.linspace(0.2, 5.0, CHANNELS)
    rows = random.standard_normal((ticks, legs, CHANNELS)) * spread + np.asarray(signals.CHANNEL_FILL)
    return rows.astype(np.float32)


def _stream(engine: engines.Engine, rows: Rows) -> Rows:
    out = np.full((len(rows), engine.batch, OUTCOMES), np.nan, np.float32)
    for row, answer in zip(rows, out, strict=True):
        engine.step(row, answer)
    return out


def _exact(networks: TcnSet, rows: Rows) -> npt.NDArray[np.float64]:
    with torch.no_grad():
        answer = networks.double()(torch.from_numpy(rows).double().transpose(0, 1))
    networks.float()
    return answer.transpose(0, 1).numpy()


def _golden() -> Rows:
    with np.load(SHIPPED / bundles.GOLDEN) as golden:
        return np.ascontiguousarray(golden["rows"])


def _in_float64(bundle: Bundle, rows: Rows) -> npt.NDArray[np.float64]:
    """What PyTorch answers in float64 with the bundle's own weights: (ticks, legs, 54) -> (ticks, legs, 8)."""
    t = {name: torch.from_numpy(tensor.astype(np.float64)) for name, tensor in bundle.tensors.items()}
    network = bundle.manifest.network
    x = ((torch.from_numpy(rows).double() - t["input_mean"]) * t["input_scale"]).permute(1, 2, 0)
    answer = []

    def convolved(x: torch.Tensor, name: str, group: int, dilation: int) -> torch.Tensor:
        weight = t[f"{name}.weight"][group].reshape(network.kernel, -1, network.filters).permute(2, 1, 0)
        padded = torch.nn.functional.pad(x, ((network.kernel - 1) * dilation, 0))
        bias = t[f"{name}.bias"][group, 0]
        return torch.relu(torch.nn.functional.conv1d(padded, weight, bias, dilation=dilation))

    for group in range(OUTCOMES):
        y = x
        for block, dilation in enumerate(network.dilations):
            hidden = convolved(y, f"block{block}.first", group, dilation)
            hidden = convolved(hidden, f"block{block}.second", group, dilation)
            if block == 0:
                y = (y.transpose(1, 2) @ t["match.weight"][group] + t["match.bias"][group]).transpose(1, 2)
            y = torch.relu(hidden + y)
        told = (y.transpose(1, 2) @ t["head.weight"][group])[..., 0] + t["head.bias"][group, 0, 0]
        answer.append(told * t["output_sd"][group] + t["output_mean"][group])
    return torch.stack(answer, dim=-1).transpose(0, 1).numpy()


@pytest.fixture(scope="module")
def rows() -> Rows:
    return _noise(2)


@pytest.fixture(scope="module")
def exact(networks: TcnSet, rows: Rows) -> npt.NDArray[np.float64]:
    return _exact(networks, rows)


@pytest.fixture(scope="module")
def exact_of_rounded(bundle: Bundle, rows: Rows) -> npt.NDArray[np.float64]:
    """With the weights that float16 rounds: those of the convolutions of kernel 5."""
    rounded = {
        name: tensor.astype(np.float16).astype(np.float32)
        if name.startswith("block") and name.endswith("weight")
        else tensor
        for name, tensor in bundle.tensors.items()
    }
    return _in_float64(replace(bundle, tensors=rounded), rows)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("batch", [1, 2])
def test_every_tick_from_the_first_equals_pytorch_in_float64(
    bundle: Bundle, rows: Rows, exact: npt.NDArray[np.float64], batch: int, variant: str
) -> None:
    given = np.ascontiguousarray(rows[:, :batch])
    engine = NativeEngine(bundle, batch, "fp32", variant)
    first = _stream(engine, given)
    engine.reset()
    off = np.abs(first - exact[:, :batch]) / np.asarray(bundle.manifest.outcome_sd)
    assert off.max() <= LIMIT["fp32"]
    np.testing.assert_array_equal(_stream(engine, given), first)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("batch", [1, 2])
def test_float16_rounds_the_weights_of_the_convolutions_and_nothing_else(
    bundle: Bundle,
    rows: Rows,
    exact: npt.NDArray[np.float64],
    exact_of_rounded: npt.NDArray[np.float64],
    batch: int,
    variant: str,
) -> None:
    engine = NativeEngine(bundle, batch, "fp16", variant)
    got = _stream(engine, np.ascontiguousarray(rows[:, :batch]))
    sd = np.asarray(bundle.manifest.outcome_sd)
    assert (np.abs(got - exact_of_rounded[:, :batch]) / sd).max() <= LIMIT["fp32"]
    assert (np.abs(got - exact[:, :batch]) / sd).max() > LIMIT["fp32"]


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
@pytest.mark.parametrize("batch", [1, 2])
def test_the_shipped_network_keeps_its_limits(batch: int, precision: str) -> None:
    bundle = bundles.load(SHIPPED)
    rows = np.ascontiguousarray(_golden()[:260, :batch])
    engine = engines.create("native", bundle, batch, EngineOptions(precision=precision))
    off = np.abs(_stream(engine, rows) - _in_float64(bundle, rows)) / np.asarray(bundle.manifest.outcome_sd)
    assert off.max() <= LIMIT[precision]
    assert bundle.self_test(engine) <= LIMIT[precision] + 1e-5


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_all_instruction_sets_give_the_same_answers(bundle: Bundle, precision: str) -> None:
    rows = _noise(2)
    answers = [_stream(NativeEngine(bundle, 2, precision, variant), rows) for variant in VARIANTS]
    sd = np.asarray(bundle.manifest.outcome_sd)
    for other in answers[1:]:
        # The order of a sum differs, the weights do not: far closer than float16 is to float32.
        assert (np.abs(other - answers[0]) / sd).max() <= LIMIT["fp32"]


def test_a_network_of_another_shape_runs_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from models.network import export, tcn

    monkeypatch.setattr(tcn, "FILTERS", 36)
    torch.manual_seed(5)
    networks = TcnSet().eval()
    for network in networks.members():
        network.set_normalisation(np.zeros(CHANNELS), np.ones(CHANNELS), 0.0, 1.0)
    baselines = Baselines(
        mean=np.zeros(OUTCOMES),
        lags=np.array([0]),
        coefficients=np.zeros((CHANNELS, OUTCOMES)),
        intercept=np.zeros(OUTCOMES),
    )
    monkeypatch.setattr(export, "FILTERS", 36, raising=False)
    export.export(
        tmp_path / "b", networks, baselines, name="narrow", created="2026-01-01T00:00:00+00:00", card={}
    )
    bundle = bundles.load(tmp_path / "b")
    assert bundle.manifest.network.filters == 36
    rows = _noise(2, 300)
    for variant in VARIANTS:
        off = np.abs(_stream(NativeEngine(bundle, 2, "fp32", variant), rows) - _exact(networks, rows))
        assert off.max() <= LIMIT["fp32"]


def test_what_is_no_number_is_told_and_forgotten_after_the_history(bundle: Bundle) -> None:
    rows = _noise(2)
    spoiled = rows.copy()
    spoiled[50, 0, 7] = np.nan
    clean, got = _stream(NativeEngine(bundle, 2), rows), _stream(NativeEngine(bundle, 2), spoiled)
    assert np.isnan(got[50, 0]).all()
    np.testing.assert_array_equal(got[:, 1], clean[:, 1])
    np.testing.assert_array_equal(
        got[50 + bundle.manifest.history + 1 :], clean[50 + bundle.manifest.history + 1 :]
    )


def test_rows_and_answers_must_be_float32_in_one_piece_and_of_the_engine_s_shape(bundle: Bundle) -> None:
    engine = NativeEngine(bundle, 2)
    rows, out = _noise(2, 1)[0], np.zeros((2, OUTCOMES), np.float32)
    for odd in (rows.astype(np.float64), np.asfortranarray(rows), rows[:, ::2]):
        with pytest.raises(TypeError):
            engine.step(odd, out)
    for odd in (rows[:1], np.zeros((2, CHANNELS + 1), np.float32), rows[0]):
        with pytest.raises(ValueError, match="rows"):
            engine.step(odd, out)
    for odd in (out[:1], np.zeros((2, OUTCOMES + 1), np.float32), out[0]):
        with pytest.raises(ValueError, match="out"):
            engine.step(rows, odd)
    frozen = out.copy()
    frozen.flags.writeable = False
    with pytest.raises(ValueError, match="writ"):
        engine.step(rows, frozen)
    assert not out.any()
    assert not frozen.any()


def test_weights_that_float16_cannot_hold_are_refused_by_tensor(bundle: Bundle) -> None:
    weight = bundle.tensors["block1.second.weight"].copy()
    weight[2, 3, 4] = -7e4
    beyond = replace(bundle, tensors={**bundle.tensors, "block1.second.weight": weight})
    with pytest.raises(
        BundleError, match=r'weights\.bin: tensors\.block1\.second\.weight reaches 7e\+04.*"fp32"'
    ):
        NativeEngine(beyond, 1, "fp16")
    assert np.isfinite(_stream(NativeEngine(beyond, 1), _noise(1, 3))).all()


class _Mallinfo2(ctypes.Structure):
    """Of malloc.h; bytes in use are `used` (from the heap) and `mapped`."""

    _fields_ = (
        *((name, ctypes.c_size_t) for name in ("arena", "ordblks", "smblks", "hblks", "mapped")),
        *((name, ctypes.c_size_t) for name in ("usmblks", "fsmblks", "used", "fordblks", "keepcost")),
    )


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_a_tick_allocates_nothing(bundle: Bundle, precision: str) -> None:
    import tracemalloc

    libc = ctypes.CDLL(None)
    if not hasattr(libc, "mallinfo2"):
        pytest.skip("this C library does not tell what is allocated")
    libc.mallinfo2.restype = _Mallinfo2
    engine = NativeEngine(bundle, 2, precision)
    rows, out = _noise(2), np.empty((2, OUTCOMES), np.float32)

    def kept() -> int:
        told = libc.mallinfo2()
        return int(told.used + told.mapped)

    def grown() -> int:
        before = kept()
        for row in rows:
            engine.step(row, out)
        return kept() - before

    grown()
    assert min(grown() for _ in range(3)) <= 512
    # And what there was of Python's own at any time of a round: numbers and the views of the rows.
    tracemalloc.start()
    for row in rows:
        engine.step(row, out)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000


def test_other_threads_run_during_a_tick(bundle: Bundle) -> None:
    engine = NativeEngine(bundle, 2)
    rows, out = _noise(2), np.empty((2, OUTCOMES), np.float32)
    turns, done = [0], threading.Event()

    def take_turns() -> None:
        while not done.is_set():
            turns[0] += 1
            time.sleep(0)

    other = threading.Thread(target=take_turns)
    interval = sys.getswitchinterval()
    other.start()
    # So long that nobody is made to give the interpreter up: the other thread runs when a tick lets it in.
    sys.setswitchinterval(60.0)
    try:
        before = turns[0]
        for row in rows:
            engine.step(row, out)
        taken = turns[0] - before
    finally:
        sys.setswitchinterval(interval)
        done.set()
        other.join()
    assert taken > len(rows) // 10


def test_without_its_compiled_module_it_is_refused_and_auto_takes_another(bundle: Bundle) -> None:
    code = f"""
import sys
from pathlib import Path
sys.modules["jetson_runtime.inference.engines._native"] = None
from jetson_runtime.inference import bundle, engines
from jetson_runtime.suit.errors import BundleError
model = bundle.load(Path({str(bundle.path)!r}))
for _ in range(2):
    try:
        engines.create("native", model, 1)
    except BundleError as error:
        print(error)
print(engines.create("auto", model, 1).name)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    first, second, taken = done.stdout.splitlines()
    assert first == second
    assert "C++ compiler" in first
    assert "[model]" in first
    assert taken in ("onnxruntime", "numpy")
