"""A grouped network is its members trained alone: same losses, same weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from jetson_runtime.suit import signals  # noqa: E402
from models.data.dataset import Recording  # noqa: E402
from models.data.folds import leave_one_out  # noqa: E402
from models.network import tcn  # noqa: E402
from models.training import fit, grouped, opening  # noqa: E402
from models.training.batches import FoldBatches  # noqa: E402
from models.training.group import Group  # noqa: E402
from models.training.grouped import GroupedTcn  # noqa: E402
from models.training.member import Member  # noqa: E402
from models.training.recipe import TrainConfig, learning_rate  # noqa: E402

CPU = torch.device("cpu")
CONFIG = TrainConfig(
    learning_rate=2e-3,
    schedule="one_cycle",
    batch=2,
    outputs=2,
    min_epochs=2,
    max_epochs=2,
    epoch_steps=2,
    clip_norm=1.0,
)


def _network(seed: int) -> tcn.Tcn:
    torch.manual_seed(seed)
    network = tcn.Tcn(0.0).double()
    network.set_normalisation(np.full(54, 0.1 * seed), np.linspace(0.5, 3.0, 54), 0.2, 1.0 + seed)
    return network


def test_outputs_and_gradients_are_those_of_each_network_alone() -> None:
    networks = [_network(seed) for seed in range(3)]
    rows = torch.randn(3, 2, 249 + 8 * 5, 54, dtype=torch.float64)
    wanted = torch.randn(3, 2, 6, dtype=torch.float64)
    wanted[1, 0, 2:4] = float("nan")
    group = GroupedTcn([network.state_dict() for network in networks], CPU, dropout=0.0)
    losses, known = group.losses(rows, wanted, group.layers(training=True), torch.arange(3))
    losses.sum().backward()
    assert known.tolist() == [12, 10, 12]
    assert group.parameters.grad is not None
    for i, network in enumerate(networks):
        error = network.sparse(rows[i]) - (wanted[i] - network.output_mean) / network.output_sd
        loss = error[torch.isfinite(error)].square().mean()
        loss.backward()
        alone = torch.cat([p.grad.reshape(-1) for p in network.parameters() if p.grad is not None])
        torch.testing.assert_close(losses[i], loss, rtol=1e-12, atol=0)
        torch.testing.assert_close(group.parameters.grad[i], alone, rtol=0, atol=1e-12)


def test_a_member_comes_out_of_the_group_as_it_went_in() -> None:
    networks = [_network(seed) for seed in range(2)]
    group = GroupedTcn([network.state_dict() for network in networks], CPU)
    for i, network in enumerate(networks):
        state = group.state(i)
        assert state.keys() == network.state_dict().keys()
        assert all(torch.equal(state[name], value) for name, value in network.state_dict().items())


def test_a_group_of_eight_trains_as_eight_plain_networks_do(
    recordings: list[Recording], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two steps of `tcn.Tcn` under torch's own Adam, clipping and dropout, shown the group's masks; in float64."""
    splits = leave_one_out((r.subject for r in recordings), ["s0"])
    opening.open_run(tmp_path, recordings, splits, CONFIG)
    batches = FoldBatches("s0", recordings, splits["s0"], CONFIG)
    members = _members(tmp_path / "s0")
    for member in members:
        member.weights = {name: value.double() for name, value in member.weights.items()}
    group = Group(members, CONFIG, CPU)
    plain = [tcn.Tcn(CONFIG.dropout).double() for _ in members]
    for network, member in zip(plain, members, strict=True):
        network.load_state_dict(member.weights)
    adams = [torch.optim.Adam(network.parameters(), lr=CONFIG.learning_rate) for network in plain]
    for step in range(2):
        rows, outcomes = (torch.from_numpy(array).double() for array in batches.draw(step))
        losses = group.learn({"s0": rows}, {"s0": outcomes}, step, step / 4)
        for i, (member, network, adam) in enumerate(zip(members, plain, adams, strict=True)):
            adam.param_groups[0]["lr"] = learning_rate(CONFIG, step / 4)
            _show_masks(monkeypatch, member.seed(step))
            loss = _step(network, adam, rows, outcomes[..., i])
            torch.testing.assert_close(losses[i], loss, rtol=1e-9, atol=0)
    for i, network in enumerate(plain):
        for name, value in group.state(i)[0].items():
            torch.testing.assert_close(value, network.state_dict()[name], rtol=0, atol=1e-9)


def test_groups_of_all_and_of_one_give_the_same_run(recordings: list[Recording], tmp_path: Path) -> None:
    """Two folds, three outcomes, single precision: a loss differs by rounding alone."""
    few = [replace(r, rows=r.rows[:400], labels=r.labels[:400]) for r in recordings[:4]]
    splits = leave_one_out((r.subject for r in few), ["s0", "s1"])
    curves = {}
    for largest in (1, 6):
        folder = tmp_path / str(largest)
        opening.open_run(folder, few, splits, CONFIG)
        batches = {fold: FoldBatches(fold, few, splits[fold], CONFIG) for fold in splits}
        members = [m for fold in splits for m in _members(folder / fold)[:3]]
        if largest == 1:
            fit.train_members(members, batches, CONFIG, CPU, lambda end: None, largest)
        else:
            fit.train_together(members, batches, CONFIG, CPU, lambda end: None, largest)
        curves[largest] = {(m.fold, m.outcome): [row[1:] for row in m.curve] for m in members}
    assert curves[1].keys() == curves[6].keys()
    for key, curve in curves[1].items():
        np.testing.assert_allclose(curve, curves[6][key], rtol=2e-5, err_msg=str(key))


def test_a_member_that_has_stopped_no_longer_changes(recordings: list[Recording], tmp_path: Path) -> None:
    config = replace(CONFIG, min_epochs=1, max_epochs=3, patience=1)
    few = [replace(r, rows=r.rows[:400], labels=r.labels[:400]) for r in recordings[:3]]
    splits = leave_one_out((r.subject for r in few), ["s0"])
    opening.open_run(tmp_path, few, splits, config)
    batches = {"s0": FoldBatches("s0", few, splits["s0"], config)}
    stopped, other = _members(tmp_path / "s0", config)[:2]
    stopped.end_epoch(stopped.weights, _no_moments(), 1.0, 1.0, 0.0)
    stopped.end_epoch(stopped.weights, _no_moments(), 1.0, 2.0, 0.0)
    before = {name: value.clone() for name, value in stopped.weights.items()}
    fit.train_together([stopped, other], batches, config, CPU, lambda end: None, 2)
    assert (stopped.epoch, stopped.finished) == (2, True)
    assert other.epoch >= 2
    assert all(torch.equal(stopped.weights[name], value) for name, value in before.items())


def test_every_tensor_of_a_step_lies_on_the_group_s_device() -> None:
    """On the device of no memory, where a tensor of the CPU among the others is an error."""
    nowhere = torch.device("meta")
    group = GroupedTcn([tcn.Tcn().state_dict() for _ in range(3)], nowhere)
    rows = torch.empty(3, 2, 249 + 8 * 5, 54, device=nowhere)
    members = torch.arange(3, device=nowhere)
    losses, _ = group.losses(rows, torch.empty(3, 2, 6, device=nowhere), group.layers(True), members)
    losses.sum().backward()
    assert losses.device == nowhere
    assert group.parameters.grad is not None
    assert group.parameters.grad.shape == group.parameters.shape


def test_what_is_dropped_is_dropped_as_often_as_asked() -> None:
    bits = grouped._random_bits(7, 400_001, CPU)
    assert bits.shape == (400_001,)
    threshold = round(0.15 * 65536) - 32768 - 1
    assert float((bits <= threshold).double().mean()) == pytest.approx(0.15, abs=0.003)
    assert torch.equal(bits, grouped._random_bits(7, 400_001, CPU))


def _members(fold_folder: Path, config: TrainConfig = CONFIG) -> list[Member]:
    start = fit._random(fold_folder, config)
    return [
        Member(fold_folder, outcome, config, network)
        for outcome, network in zip(signals.OUTCOME_NAMES, start.members(), strict=True)
    ]


def _no_moments() -> dict[str, torch.Tensor]:
    count = sum(p.numel() for p in tcn.Tcn().parameters())
    return {"step": torch.tensor(0.0), "exp_avg": torch.zeros(count), "exp_avg_sq": torch.zeros(count)}


def _step(
    network: tcn.Tcn, adam: torch.optim.Adam, rows: torch.Tensor, outcomes: torch.Tensor
) -> torch.Tensor:
    network.train()
    error = network.sparse(rows) - (outcomes - network.output_mean) / network.output_sd
    loss = error[torch.isfinite(error)].square().mean()
    adam.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(network.parameters(), CONFIG.clip_norm or 0.0)
    adam.step()
    return loss.detach()


def _show_masks(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """torch's dropout keeps what the member's stream of this step keeps, layer after layer."""
    length = 249 + 8 * (CONFIG.outputs - 1)
    plan = grouped._plan(length)
    count = CONFIG.batch * 80 * sum(layer.outputs for layer in plan)
    bits = grouped._random_bits(seed, count, CPU)
    kept = bits > round(CONFIG.dropout * 65536) - 32768 - 1
    parts = iter(kept.split([CONFIG.batch * 80 * layer.outputs for layer in plan]))
    monkeypatch.setattr(tcn.functional, "dropout", lambda x, p, training: _dropped(x, p, parts))


def _dropped(x: torch.Tensor, p: float, parts: Iterator[torch.Tensor]) -> torch.Tensor:
    kept = next(parts).reshape(x.shape[0], x.shape[2], x.shape[1]).transpose(1, 2)
    return x * kept / (1 - p)
