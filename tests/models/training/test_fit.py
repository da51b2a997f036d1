"""Training learns, stops, resumes to the same weights, and refuses to mix runs."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from jetson_runtime.suit import signals  # noqa: E402
from models.data.dataset import Recording  # noqa: E402
from models.data.folds import Split, leave_one_out, withheld  # noqa: E402
from models.network import tcn  # noqa: E402
from models.training import fit, opening, runs  # noqa: E402
from models.training.batches import FoldBatches  # noqa: E402
from models.training.group import Group  # noqa: E402
from models.training.member import Member  # noqa: E402
from models.training.recipe import TrainConfig  # noqa: E402

QUICK = TrainConfig(
    learning_rate=2e-3, schedule="one_cycle", batch=2, outputs=8, min_epochs=2, max_epochs=2, epoch_steps=1
)
CPU = torch.device("cpu")


def _quiet(line: str) -> None:
    pass


def _one_fold(recordings: list[Recording]) -> dict[str, Split]:
    return {"f": withheld((r.subject for r in recordings), 6, 0)}


def _few(recordings: list[Recording]) -> list[Recording]:
    return [replace(r, rows=r.rows[:320], labels=r.labels[:320]) for r in recordings]


def _train_one(folder: Path, recordings: list[Recording], config: TrainConfig, outcome: str) -> Member:
    """One outcome of a fold, to its end."""
    splits = _one_fold(recordings)
    opening.open_run(folder, recordings, splits, config)
    batches = {"f": FoldBatches("f", recordings, splits["f"], config)}
    member = Member(folder / "f", outcome, config, tcn.Tcn(config.dropout))
    fit.train_members([member], batches, config, CPU, lambda end: None)
    return member


def test_two_processes_train_what_one_does(recordings: list[Recording], tmp_path: Path) -> None:
    config = replace(QUICK, max_epochs=1, min_epochs=1)
    few = _few(recordings)
    for processes in (1, 2):
        fit.train_folds(
            tmp_path / str(processes), few, _one_fold(few), config, processes=processes, say=_quiet
        )
    one, two = (runs.best_networks(tmp_path / name / "f").state_dict() for name in ("1", "2"))
    assert len(one) == len(two) == 8 * 38
    for name, weight in one.items():
        assert torch.equal(weight, two[name]), name


def test_it_learns(recordings: list[Recording], tmp_path: Path) -> None:
    config = replace(
        QUICK, learning_rate=3e-3, batch=4, outputs=16, min_epochs=3, max_epochs=3, epoch_steps=8
    )
    _train_one(tmp_path, recordings, config, "knee_angle")
    with (tmp_path / "f" / "knee_angle.csv").open() as curve:
        rows = list(csv.DictReader(curve))
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert float(rows[-1]["train_loss"]) < 0.9 * float(rows[0]["train_loss"])


def test_unknown_outcomes_do_not_teach(recordings: list[Recording], tmp_path: Path) -> None:
    opening.open_run(tmp_path, recordings, _one_fold(recordings), QUICK)
    group = Group([Member(tmp_path / "f", "ankle_angle", QUICK, tcn.Tcn())], QUICK, CPU)
    before = group.network.state(0)
    losses = group.learn({"f": torch.randn(2, 249, 54)}, {"f": torch.full((2, 1, 8), float("nan"))}, 0, 0.5)
    assert losses.tolist() == [0.0]
    for name, weight in group.network.state(0).items():
        assert torch.equal(weight, before[name])


def test_a_training_stops_after_epochs_that_were_no_better(
    recordings: list[Recording], tmp_path: Path
) -> None:
    config = TrainConfig(min_epochs=3, max_epochs=50, patience=2, epoch_steps=1)
    opening.open_run(tmp_path, recordings, _one_fold(recordings), config)
    member = Member(tmp_path / "f", "ankle_angle", config, tcn.Tcn())
    for loss in (1.0, 0.5, 0.6, 0.7):
        assert not member.finished
        member.end_epoch(member.weights, {}, loss, loss, 0.0)
    assert not member.finished, "the epochs before the least number do not count"
    member.end_epoch(member.weights, {}, 0.8, 0.8, 0.0)
    assert member.finished
    assert (member.best_epoch, member.best_loss) == (2, 0.5)


def test_folds_and_best_networks_of_a_leave_one_out_run(recordings: list[Recording], tmp_path: Path) -> None:
    few = _few(recordings)[:3]
    config = replace(QUICK, max_epochs=1, min_epochs=1)
    splits = leave_one_out((r.subject for r in few), ["s0", "s1"])
    ends: list[fit.EpochEnd] = []
    fit.train_folds(tmp_path, few, splits, config, say=_quiet, watch=ends.append)
    assert {(end.fold, end.outcome) for end in ends} == {
        (fold, outcome) for fold in ("s0", "s1") for outcome in signals.OUTCOME_NAMES
    }
    assert all(end.ended for end in ends)
    found = runs.folds(tmp_path)
    assert list(found) == ["s0", "s1"]
    for name, folder in found.items():
        assert runs.finished(folder)
        assert runs.read_config(folder) == (config, splits[name])
        assert isinstance(runs.best_networks(folder), tcn.TcnSet)
    with pytest.raises(ValueError, match="holds 2 folds; name one"):
        runs.only_fold(tmp_path)
    fit.train_folds(tmp_path, few, splits, config, say=lambda line: pytest.fail(f"trained again: {line}"))


def test_a_run_out_of_time_stops(recordings: list[Recording], tmp_path: Path) -> None:
    config = replace(QUICK, time_limit_s=1e-9, max_epochs=9, min_epochs=9)
    member = _train_one(tmp_path, _few(recordings), config, "hip_flexion")
    assert (member.epoch, member.finished) == (0, False) or member.epoch == 1


def test_a_loss_that_is_not_finite_is_refused_and_the_last_epoch_stays(
    recordings: list[Recording], tmp_path: Path
) -> None:
    few = _few(recordings)
    _train_one(tmp_path, few, replace(QUICK, max_epochs=1, min_epochs=1), "knee_angle")
    before = (tmp_path / "f" / "knee_angle.pt").read_bytes()
    config = replace(QUICK, learning_rate=1e30, max_epochs=9, min_epochs=9)
    batches = {"f": FoldBatches("f", few, _one_fold(few)["f"], config)}
    member = Member(tmp_path / "f", "knee_angle", config, tcn.Tcn())
    with pytest.raises(ValueError, match=r"fold f, knee_angle: the loss of epoch \d is not finite; lower"):
        fit.train_members([member], batches, config, CPU, lambda end: None)
    if member.epoch == 1:
        assert (tmp_path / "f" / "knee_angle.pt").read_bytes() == before
    assert np.isfinite(member.curve).all()
