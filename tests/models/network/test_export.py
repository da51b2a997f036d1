"""A bundle is the network: the same bytes for the same weights, and every graph read by ONNX Runtime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from jetson_runtime.inference import bundle as bundles
from jetson_runtime.inference.bundle import Baselines
from jetson_runtime.suit import signals
from models.network import tcn
from models.network.export import export

SD = np.array([20.0, 25.0, 12.0, 8.0, 0.6, 0.4, 0.5, 0.3])


@pytest.fixture(scope="module")
def networks() -> tcn.TcnSet:
    torch.manual_seed(5)
    networks = tcn.TcnSet().eval()
    for network, sd in zip(networks.members(), SD, strict=True):
        network.set_normalisation(np.asarray(signals.CHANNEL_FILL), np.linspace(0.5, 3.0, 54), 1.0, sd)
    return networks


def _export(folder: Path, networks: tcn.TcnSet) -> bundles.Manifest:
    baselines = Baselines(np.arange(8.0), np.array([0, 3]), np.ones((108, 8)), np.zeros(8))
    return export(folder, networks, baselines, name="n", created="2026-01-01", card={"a": 1})


@pytest.fixture(scope="module")
def folder(networks: tcn.TcnSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export") / "bundle"
    _export(folder, networks)
    return folder


def test_the_same_networks_give_the_same_bytes(networks: tcn.TcnSet, folder: Path, tmp_path: Path) -> None:
    again = _export(tmp_path / "again", networks)
    assert again == bundles.load(folder).manifest
    for path in folder.iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes(), path.name


def test_the_window_graph_equals_the_network_from_the_248th_row_on(
    networks: tcn.TcnSet, folder: Path
) -> None:
    rows = torch.randn(2, 300, 54, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        exact = networks.double()(rows.double()).numpy()
    networks.float()
    session = onnxruntime.InferenceSession(str(folder / bundles.WINDOW_GRAPH))
    for tick in (248, 271, 299):
        (got,) = session.run(None, {"rows": rows[:, tick - 248 : tick + 1].numpy()})
        assert got.shape == (2, 8)
        assert np.max(np.abs(got - exact[:, tick]) / SD) <= 5e-6


@pytest.mark.parametrize("file", bundles.GRAPHS)
def test_the_graphs_are_plain_and_hold_no_weights(folder: Path, file: str) -> None:
    onnx.checker.check_model(str(folder / file))
    model = onnx.load(folder / file, load_external_data=False)
    assert (folder / file).stat().st_size < 20_000
    assert [(o.domain, o.version) for o in model.opset_import] == [("", 17)]
    plain = {"Sub", "Mul", "Add", "Unsqueeze", "Concat", "MatMul", "Relu", "Slice", "Transpose", "Flatten"}
    assert {node.op_type for node in model.graph.node} - {"Cast"} <= plain
    manifest = bundles.load(folder).manifest
    for tensor in model.graph.initializer:
        if tensor.data_type == onnx.TensorProto.FLOAT:
            place = {entry.key: entry.value for entry in tensor.external_data}
            assert place["location"] == bundles.WEIGHTS
            assert int(place["offset"]) == manifest.tensors[tensor.name].offset


@pytest.mark.parametrize("file", [bundles.STREAM_GRAPH, bundles.STREAM_HALF_GRAPH])
def test_a_stream_graph_takes_four_columns_of_each_convolution(folder: Path, file: str) -> None:
    model = onnx.load(folder / file, load_external_data=False)
    assert len(model.graph.input) == 1 + 10 * 4
    assert model.graph.output[0].name == "outcomes"
    assert len(model.graph.output) == 1 + 10


def test_networks_of_different_inputs_cannot_share_a_graph(tmp_path: Path) -> None:
    networks = tcn.TcnSet()
    networks.members()[3].input_mean[5] = 1.0
    with pytest.raises(ValueError, match="share their input normalisation"):
        _export(tmp_path / "bundle", networks)
