"""Checkpoints of locuslab's and Molinaro's networks become ours: the same answers, or a refusal that says why."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import models  # noqa: E402
from jetson_runtime.inference import bundle as bundles  # noqa: E402
from jetson_runtime.inference import engines  # noqa: E402
from jetson_runtime.suit import signals  # noqa: E402
from models.cli import main  # noqa: E402
from models.network import (  # noqa: E402
    checkpoint,
    export,
    tcn,
)
from models.network.checkpoint import CheckpointError, Meaning  # noqa: E402
from models.training import initial  # noqa: E402

DEMO = Path(models.__file__).parent / "bundles" / "demo"
ALL = signals.MODEL_CHANNEL_NAMES
PLAIN = Meaning(ALL, (1.0,) * 54, {"knee_angle": 1.0})


def weights(inputs: int = 54, outputs: int = 1, seed: int = 0, **shape: int) -> dict[str, Any]:
    """A state_dict with the keys that github.com/locuslab/TCN writes, its blocks' weights of a size that matters."""
    made = torch.Generator().manual_seed(seed)
    kernel, filters, levels = (shape.get(k, v) for k, v in (("kernel", 5), ("filters", 80), ("levels", 5)))

    def noise(*size: int) -> Any:
        return torch.randn(*size, generator=made)

    state: dict[str, Any] = {}
    for level in range(levels):
        for layer, twin in (("conv1", "net.0"), ("conv2", "net.4")):
            width = inputs if (level, layer) == (0, "conv1") else filters
            for name, tensor in (
                ("bias", 0.3 * noise(filters)),
                ("weight_g", 1.0 + 0.1 * noise(filters, 1, 1)),
                ("weight_v", noise(filters, width, kernel)),
            ):
                state[f"tcn.network.{level}.{layer}.{name}"] = tensor
                state[f"tcn.network.{level}.{twin}.{name}"] = tensor
    state["tcn.network.0.downsample.weight"] = 0.2 * noise(filters, inputs, 1)
    state["tcn.network.0.downsample.bias"] = 0.2 * noise(filters)
    state["linear.weight"], state["linear.bias"] = noise(outputs, filters), noise(outputs)
    return state


def answers(state: dict[str, Any], rows: Any, center: Any = 0.0, scale: Any = 1.0) -> Any:
    """Rows (n, inputs) -> (n, outputs), by the layout's own definition, column by column in plain sums."""
    x = ((np.asarray(rows, np.float64) - np.ravel(center)) / np.ravel(scale)).T
    for level in range(5):
        before, hidden = x, x
        for layer in ("conv1", "conv2"):
            lead = f"tcn.network.{level}.{layer}"
            v = state[f"{lead}.weight_v"].double().numpy()
            g = state[f"{lead}.weight_g"].double().numpy()
            w = g * v / np.sqrt((v**2).sum(axis=(1, 2), keepdims=True))
            reach = 4 * 2**level
            padded = np.concatenate([np.zeros((len(hidden), reach)), hidden], axis=1)
            total = state[f"{lead}.bias"].double().numpy()[:, None] * np.ones((1, x.shape[1]))
            for tap in range(5):
                first = tap * 2**level
                total = total + w[:, :, tap] @ padded[:, first : first + x.shape[1]]
            hidden = np.maximum(total, 0.0)
        if level == 0:
            before = state["tcn.network.0.downsample.weight"].double().numpy()[:, :, 0] @ x
            before = before + state["tcn.network.0.downsample.bias"].double().numpy()[:, None]
        x = np.maximum(hidden + before, 0.0)
    head = state["linear.weight"].double().numpy() @ x
    return (head + state["linear.bias"].double().numpy()[:, None]).T


def rows(inputs: int = 54, count: int = 400) -> Any:
    return np.random.default_rng(1).normal(2.0, 3.0, (count, inputs))


def _said(network: tcn.Tcn, given: Any) -> Any:
    with torch.no_grad():
        return network(torch.from_numpy(given)[None])[0].numpy()


def _saved(tmp_path: Path, content: Any, name: str = "knee_angle.pt") -> Path:
    torch.save(content, tmp_path / name)
    return tmp_path / name


def test_the_original_layout_gives_the_same_answers(tmp_path: Path) -> None:
    state = weights()
    layers = checkpoint.read(_saved(tmp_path, state), 54)
    made = checkpoint.networks(layers, PLAIN)["knee_angle"]
    wanted = answers(state, rows())[:, 0]
    assert np.ptp(wanted) > 1.0
    np.testing.assert_allclose(_said(made, rows()), wanted, rtol=1e-12, atol=1e-10)


def _spelled(state: dict[str, Any], way: str) -> dict[str, Any]:
    """The same network as another program writes it."""
    if way in ("folded", "no twins"):
        state = {key: tensor for key, tensor in state.items() if ".net." not in key}
    if way == "folded":
        length = {key: tensor for key, tensor in state.items() if key.endswith("weight_g")}
        kept = {key: tensor for key, tensor in state.items() if key not in length}
        return {
            key.removesuffix("_v"): tensor * length[f"{key[:-1]}g"] / tensor.norm(dim=(1, 2), keepdim=True)
            if key.endswith("weight_v")
            else tensor
            for key, tensor in kept.items()
        }
    names = {
        "parametrizations": {
            "weight_g": "parametrizations.weight.original0",
            "weight_v": "parametrizations.weight.original1",
        },
        "decoder": {"linear": "decoder"},
        "DataParallel": {"tcn.": "module.tcn.", "linear": "module.linear"},
    }
    for before, after in names.get(way, {}).items():
        state = {key.replace(before, after): tensor for key, tensor in state.items()}
    return state


@pytest.mark.parametrize(
    "way", ["parametrizations", "folded", "decoder", "DataParallel", "inside", "no twins"]
)
def test_other_spellings_of_the_layout_are_the_same_network(tmp_path: Path, way: str) -> None:
    state = weights()
    spelled = _spelled(state, way)
    content = {"epoch": 3, "model_state_dict": spelled} if way == "inside" else spelled
    made = checkpoint.networks(checkpoint.read(_saved(tmp_path, content), 54), PLAIN)["knee_angle"]
    np.testing.assert_allclose(_said(made, rows()), answers(state, rows())[:, 0], rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("beside", [True, False])
def test_molinaro_s_layout_brings_its_normalisation_and_two_outcomes(tmp_path: Path, beside: bool) -> None:
    """center and scale beside the weights or as buffers among them, (inputs, 1); gyroscopes in degrees a second."""
    channels = [name for name in ALL if "ipsi" in name]
    state = weights(len(channels), 2)
    center, scale = torch.randn(len(channels), 1), 0.5 + torch.rand(len(channels), 1)
    normal = {"center": center, "scale": scale}
    told = {
        "input_size": len(channels),
        "ksize": 5,
        "eff_hist": 248,
        "activation": "ReLU",
        "norm": "weight_norm",
    }
    content = {"state_dict": state, **told, **normal} if beside else {**state, **normal}
    degrees = np.degrees(1.0)
    factors = tuple(degrees if "gyro" in name else 1.0 for name in channels)
    meaning = Meaning(tuple(channels), factors, {"hip_flexion_moment": 1.0, "knee_angle_moment": -1.0})
    made = checkpoint.networks(checkpoint.read(_saved(tmp_path, content), len(channels)), meaning)
    given = rows()
    theirs = given[:, [ALL.index(name) for name in channels]] * factors
    wanted = answers(state, theirs, center.numpy(), scale.numpy())
    for column, (outcome, sign) in enumerate(meaning.outcomes.items()):
        np.testing.assert_allclose(
            _said(made[outcome], given), sign * wanted[:, column], rtol=1e-9, atol=1e-8
        )


def test_the_order_of_the_channels_is_the_map_s(tmp_path: Path) -> None:
    state = weights()
    layers = checkpoint.read(_saved(tmp_path, state), 54)
    backwards = Meaning(ALL[::-1], (1.0,) * 54, {"knee_angle": 1.0})
    made = checkpoint.networks(layers, backwards)["knee_angle"]
    np.testing.assert_allclose(_said(made, rows()), answers(state, rows()[:, ::-1])[:, 0], atol=1e-9)


@pytest.mark.parametrize(
    ("shape", "told"),
    [
        ({"kernel": 7}, "kernel: 7, ours has 5"),
        ({"filters": 25}, "filters: 25, ours has 80"),
        ({"levels": 4}, "levels: 4, ours has 5"),
        ({"inputs": 28}, "inputs: 28, the map names 54"),
    ],
)
def test_another_shape_is_refused_with_what_differs(tmp_path: Path, shape: dict[str, int], told: str) -> None:
    with pytest.raises(CheckpointError, match=f"is not a network of our shape\n  {told}"):
        checkpoint.read(_saved(tmp_path, weights(**shape)), 54)


def test_a_layer_more_or_less_is_refused(tmp_path: Path) -> None:
    more = {**weights(), "encoder.weight": torch.zeros(3)}
    with pytest.raises(CheckpointError, match=r"encoder.weight: is no part of this layout"):
        checkpoint.read(_saved(tmp_path, more), 54)
    less = {key: tensor for key, tensor in weights().items() if "downsample" not in key}
    with pytest.raises(CheckpointError, match=r"0.downsample.weight: is missing"):
        checkpoint.read(_saved(tmp_path, less), 54)
    two = {**weights(), "tcn.network.1.net.0.bias": torch.zeros(80)}
    with pytest.raises(CheckpointError, match=r"tcn.network.1.net.0.bias: is no part"):
        checkpoint.read(_saved(tmp_path, two), 54)
    other = {"state_dict": weights(), "activation": "ELU", "eff_hist": 186}
    with pytest.raises(CheckpointError, match="activation: ELU, ours ReLU\n  eff_hist: 186, ours 248"):
        checkpoint.read(_saved(tmp_path, other), 54)
    lost = {**weights(), "linear.bias": torch.full((1,), float("nan"))}
    with pytest.raises(CheckpointError, match=r"head.bias: is not finite"):
        checkpoint.read(_saved(tmp_path, lost), 54)


class _Trap:
    """What a pickle can do to who opens it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (Path.touch, (self.path,))


def test_what_would_run_code_is_refused_and_not_run(tmp_path: Path) -> None:
    mark = tmp_path / "it ran"
    path = _saved(tmp_path, {"state_dict": weights(), "config": _Trap(mark)})
    with pytest.raises(CheckpointError, match=r"running code .* torch.save\(model.state_dict\(\)"):
        checkpoint.read(path, 54)
    assert not mark.exists()
    whole = _saved(tmp_path, torch.nn.Linear(80, 1), "model.pt")
    with pytest.raises(CheckpointError, match=r"save the weights alone"):
        checkpoint.read(whole, 54)


def test_what_is_no_checkpoint_is_told(tmp_path: Path) -> None:
    (tmp_path / "text.pt").write_text("weights")
    with pytest.raises(CheckpointError, match=r"text.pt: is no PyTorch checkpoint; give a file"):
        checkpoint.read(tmp_path / "text.pt", 54)
    ours = _saved(tmp_path, {"weights": weights(), "best": weights(), "adam": {}})
    with pytest.raises(CheckpointError, match=r"is of a run of `second-skin-lab train`; .* `export`"):
        checkpoint.read(ours, 54)
    with pytest.raises(CheckpointError, match="holds no tensors; its keys are epoch"):
        checkpoint.read(_saved(tmp_path, {"epoch": 3}), 54)
    with pytest.raises(FileNotFoundError):
        checkpoint.read(tmp_path / "none.pt", 54)


def test_a_bundle_of_eight_checkpoints_answers_as_they_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each with a normalisation of its own, which the bundle has once for all."""
    states, files = {}, []
    for i, outcome in enumerate(signals.OUTCOME_NAMES):
        random = np.random.default_rng(i)
        normal = {
            "center": torch.from_numpy(random.normal(2.0, 1.0, (54, 1))),
            "scale": torch.from_numpy(random.uniform(2.0, 4.0, (54, 1))),
        }
        states[outcome] = {**weights(seed=i), **normal}
        files.append(str(_saved(tmp_path, states[outcome], f"{outcome}.pt")))
    assert main(["import-checkpoint", *files, "--out", str(tmp_path / "bundle")]) == 0
    assert "adopted, format 2, sha256" in capsys.readouterr().out
    made = bundles.load(tmp_path / "bundle")
    assert made.manifest.card["imported"]["knee_angle"]["file"] == "knee_angle.pt"
    assert np.isnan(made.baselines().mean).all(), "a constant that nobody fitted"
    engine = engines.create("numpy", made, 1)
    given = rows().astype(np.float32)
    said = np.empty((len(given), 1, 8), np.float32)
    for row, out in zip(given, said, strict=True):
        engine.step(row[None], out)
    for i, (outcome, state) in enumerate(states.items()):
        wanted = answers(state, given, state["center"].numpy(), state["scale"].numpy())[248:, 0]
        off = np.abs(said[248:, 0, i] - wanted).max() / wanted.std()
        assert off < 1e-4, f"{outcome}: {off}"


def test_one_outcome_is_put_in_the_place_of_a_bundle_s(tmp_path: Path) -> None:
    state = weights(6)
    path = _saved(tmp_path, state, "theirs.pt")
    names = [f"shank_ipsi_{kind}_{axis}" for kind in ("gyro", "accel") for axis in "xyz"]
    (tmp_path / "map.toml").write_text(f"channels = {names}\n[factors]\ngyro = 57.3\n".replace("'", '"'))
    arguments = ["import-checkpoint", f"knee_angle={path}", "--map", str(tmp_path / "map.toml")]
    assert main([*arguments, "--rest", str(DEMO), "--out", str(tmp_path / "out")]) == 0
    before, after = (initial.of_bundle(bundles.load(folder)) for folder in (DEMO, tmp_path / "out"))
    given = rows().astype(np.float32)
    said = {name: _said(network, given) for name, network in after.items()}
    theirs = given[:, [ALL.index(name) for name in names]] * ([57.3] * 3 + [1.0] * 3)
    wanted = answers(state, theirs)[248:, 0]
    assert np.abs(said["knee_angle"][248:] - wanted).max() < 1e-4 * wanted.std()
    for name, network in before.items():
        if name != "knee_angle":
            np.testing.assert_allclose(said[name], _said(network, given), rtol=1e-4, atol=1e-4)


def test_a_bundle_taken_apart_is_put_together_the_same(tmp_path: Path) -> None:
    demo = bundles.load(DEMO)
    again = export.fused_tensors(initial.of_bundle(demo))
    for name, tensor in demo.tensors.items():
        np.testing.assert_allclose(again[name], tensor, rtol=2e-6, atol=1e-9, err_msg=name)


def test_what_the_command_refuses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = _saved(tmp_path, weights(), "theirs.pt")
    out = tmp_path / "out"

    def told(*arguments: str) -> str:
        assert main(["import-checkpoint", *arguments, "--out", str(out)]) == 2
        assert not out.exists()
        return capsys.readouterr().err

    assert "which outcome does it tell? Give it as OUTCOME=" in told(str(path))
    assert "no file tells hip_flexion, ankle_angle, " in told(f"knee_angle={path}")
    assert "another file has told it already" in told(f"knee_angle={path}", f"knee_angle={path}")
    wrong = tmp_path / "map.toml"
    wrong.write_text('channels = ["shank_r_gyro_x"]\n[factors]\nspeed = 2.0\n[outcomes]\nknee = 1.0\n')
    message = told(str(path), "--map", str(wrong))
    assert "3 mistakes" in message
    assert "channels: 'shank_r_gyro_x'" in message
    assert "factors.speed" in message
    assert "outcomes.knee" in message
    shutil.copy(path, tmp_path / "two.pt")
    wrong.write_text("[outcomes]\nknee_angle = 1.0\nhip_flexion = 1.0\n")
    assert "the head tells 1 outcomes, named are knee_angle, hip_flexion" in told(
        str(path), "--map", str(wrong)
    )
