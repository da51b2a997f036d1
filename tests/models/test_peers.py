"""The other ways to compute a tick are the same network as ours, so that only their cost differs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from jetson_runtime.bench.worker import error_of  # noqa: E402
from jetson_runtime.inference import bundle, engines  # noqa: E402
from jetson_runtime.inference.bundle import GOLDEN, SHIPPED, Bundle  # noqa: E402
from models.peers import reference  # noqa: E402
from models.peers.__main__ import WAYS  # noqa: E402

NEEDS = {"openvino": "openvino", "openvino_window": "openvino", "pytorch_tcn": "pytorch_tcn"}
LIMIT = 5e-6


@pytest.fixture(scope="module")
def model() -> Bundle:
    return bundle.load(SHIPPED)


@pytest.fixture(scope="module")
def known(model: Bundle, tmp_path_factory: pytest.TempPathFactory) -> tuple[np.ndarray, np.ndarray]:
    path: Path = tmp_path_factory.mktemp("reference") / "reference.npz"
    reference.write(path, model)
    with np.load(path) as table:
        return table["rows"], table["outcomes"]


def test_the_reference_is_what_the_bundle_says_of_itself(
    model: Bundle, known: tuple[np.ndarray, np.ndarray]
) -> None:
    rows, outcomes = known
    with np.load(SHIPPED / GOLDEN) as golden:
        same = len(golden["rows"])
        off = np.abs(outcomes[:same] - golden["outcomes"]) / np.asarray(model.manifest.outcome_sd)
    assert rows.shape[1:] == (2, 54)
    assert len(rows) >= 300
    assert outcomes.dtype == np.float64
    assert off.max() < 1e-6


def test_the_reference_moves_as_much_as_a_person(model: Bundle, known: tuple[np.ndarray, np.ndarray]) -> None:
    spread = known[1][400:].std(axis=0) / np.asarray(model.manifest.outcome_sd)
    assert spread.min() > 0.05


@pytest.mark.parametrize("name", sorted(WAYS))
def test_every_peer_is_the_network(model: Bundle, known: tuple[np.ndarray, np.ndarray], name: str) -> None:
    if name in NEEDS:
        pytest.importorskip(NEEDS[name], reason=f"needs {NEEDS[name]} of the extra peers")
    way = WAYS[name](model)
    # Of a stream more ticks than its longest convolution looks back, of a window two windows.
    ticks = 140 if way.window == 1 else way.window + 24
    rows, outcomes = (values[:ticks] for values in known)
    worst = error_of(way, rows, outcomes, np.asarray(model.manifest.outcome_sd))
    assert 0.0 < worst <= LIMIT


def test_a_stream_peer_and_our_engine_agree_tick_by_tick(model: Bundle) -> None:
    pytest.importorskip("openvino", reason="needs openvino of the extra peers")
    peer, ours = WAYS["openvino"](model), engines.create("numpy", model, 1)
    with np.load(SHIPPED / GOLDEN) as golden:
        rows = golden["rows"][:100, :1]
    sd = np.asarray(model.manifest.outcome_sd)
    theirs, mine = np.empty((1, 8), np.float32), np.empty((1, 8), np.float32)
    for row in rows:
        peer.step(row, theirs)
        ours.step(row, mine)
        assert (np.abs(theirs - mine) / sd).max() <= LIMIT


def test_a_folded_network_keeps_no_weight_norm(model: Bundle) -> None:
    parameters = dict(reference.networks(model).named_parameters())
    assert not [name for name in parameters if "parametrizations" in name]
    assert len(parameters) == 8 * (10 * 2 + 2 + 2)
