"""Training learns, stops, resumes to the same weights, and refuses to mix runs."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from jetson_runtime.suit import signals  # noqa: E402
from models import train  # noqa: E402
from models.dataset import Recording  # noqa: E402
from models.folds import withheld  # noqa: E402
from models.train import TrainConfig  # noqa: E402

QUICK = TrainConfig(
    learning_rate=2e-3, schedule="one_cycle", batch=4, outputs=16, min_epochs=2, max_epochs=2, epoch_steps=3
)


def _prepare(
    folder: Path, recordings: list[Recording], config: TrainConfig
) -> tuple[list[Recording], list[Recording]]:
    """Opens a run and returns the recordings for training and for validation."""
    split = withheld((r.subject for r in recordings), 6, 0)
    train.open_run(folder, recordings, split, config)
    training, validation = (
        [r for r in recordings if r.subject in names] for names in (split.train, split.validation)
    )
    return training, validation


def _quiet(line: str) -> None:
    pass


def test_the_defaults_are_the_paper_s_recipe() -> None:
    config = TrainConfig()
    assert (config.learning_rate, config.dropout) == (5e-5, 0.15)
    assert (config.min_epochs, config.max_epochs, config.patience) == (75, 150, 20)
    assert {train.learning_rate(config, progress) for progress in (0.0, 0.5, 1.0)} == {5e-5}


def test_a_resumed_run_ends_with_the_weights_of_an_unbroken_one(
    recordings: list[Recording], tmp_path: Path
) -> None:
    outcomes = ("hip_flexion", "ankle_angle_moment")

    class Stopped(Exception):
        pass

    def stop(line: str) -> None:
        """Between the first epoch of the first outcome and that of the second."""
        raise Stopped

    chosen = _prepare(tmp_path / "whole", recordings, QUICK)
    train.train_outcomes(tmp_path / "whole", *chosen, QUICK, outcomes, _quiet)
    _prepare(tmp_path / "broken", recordings, QUICK)
    with pytest.raises(Stopped):
        train.train_outcomes(tmp_path / "broken", *chosen, QUICK, outcomes, stop)
    assert not (tmp_path / "broken" / "ankle_angle_moment.pt").exists()
    train.train_outcomes(tmp_path / "broken", *chosen, QUICK, outcomes, _quiet)

    for outcome in outcomes:
        whole, broken = (
            torch.load(tmp_path / run / f"{outcome}.pt", weights_only=True) for run in ("whole", "broken")
        )
        assert whole["epoch"] == broken["epoch"] == 2
        for name, weight in whole["weights"].items():
            assert torch.equal(weight, broken["weights"][name]), f"{outcome}: {name}"


def test_two_processes_train_what_one_does(recordings: list[Recording], tmp_path: Path) -> None:
    config = replace(QUICK, batch=8, outputs=8, max_epochs=1, min_epochs=1, epoch_steps=1)
    split = withheld((r.subject for r in recordings), 6, 0)
    few = [replace(r, rows=r.rows[:320], labels=r.labels[:320]) for r in recordings]
    for processes in (1, 2):
        train.train(tmp_path / str(processes), few, split, config, processes=processes, say=_quiet)
    one, two = (train.best_networks(tmp_path / name).state_dict() for name in ("1", "2"))
    assert len(one) == len(two) == 8 * 38
    for name, weight in one.items():
        assert torch.equal(weight, two[name]), name


def test_it_learns(recordings: list[Recording], tmp_path: Path) -> None:
    config = replace(QUICK, learning_rate=3e-3, min_epochs=3, max_epochs=3, epoch_steps=8)
    chosen = _prepare(tmp_path, recordings, config)
    train.train_outcomes(tmp_path, *chosen, config, ["knee_angle"], _quiet)
    with (tmp_path / "knee_angle.csv").open() as curve:
        rows = list(csv.DictReader(curve))
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert float(rows[-1]["train_loss"]) < 0.9 * float(rows[0]["train_loss"])


def test_unknown_outcomes_do_not_teach(recordings: list[Recording], tmp_path: Path) -> None:
    _prepare(tmp_path, recordings, QUICK)
    run = train.OutcomeRun(tmp_path, "ankle_angle", QUICK)
    before = {name: weight.clone() for name, weight in run.network.state_dict().items()}
    loss = run.learn(torch.randn(2, 249, 54), torch.full((2, 1, 8), float("nan")), 0, 0.5)
    assert loss == 0.0
    for name, weight in run.network.state_dict().items():
        assert torch.equal(weight, before[name])


def test_a_run_stops_when_it_no_longer_improves(recordings: list[Recording], tmp_path: Path) -> None:
    config = TrainConfig(min_epochs=3, max_epochs=50, patience=2, epoch_steps=1)
    _prepare(tmp_path, recordings, config)
    run = train.OutcomeRun(tmp_path, "ankle_angle", config)
    for loss in (1.0, 0.5, 0.6):
        assert not run.finished
        run.end_epoch(loss, loss, 0.0)
    assert not run.finished
    run.end_epoch(0.7, 0.7, 0.0)
    assert run.finished
    assert (run.best_epoch, run.best_loss) == (2, 0.5)


def test_another_recipe_in_the_same_folder_is_refused(recordings: list[Recording], tmp_path: Path) -> None:
    split = withheld((r.subject for r in recordings), 6, 0)
    _prepare(tmp_path, recordings, QUICK)
    assert train.read_config(tmp_path) == (QUICK, split)
    with pytest.raises(ValueError, match="another recipe or split; choose another folder"):
        _prepare(tmp_path, recordings, TrainConfig())


def test_a_run_out_of_time_stops_and_its_rate_has_come_down(
    recordings: list[Recording], tmp_path: Path
) -> None:
    config = TrainConfig(learning_rate=1e-3, schedule="one_cycle", time_limit_s=0.0)
    chosen = _prepare(tmp_path, recordings, config)
    train.train_outcomes(tmp_path, *chosen, config, signals.OUTCOME_NAMES, _quiet)
    assert not list(tmp_path.glob("*.pt"))
    rates = [train.learning_rate(config, progress) for progress in np.linspace(0.0, 1.0, 101)]
    assert max(rates) == pytest.approx(1e-3)
    assert rates[-1] == pytest.approx(1e-5)
    assert 3 <= int(np.argmax(rates)) <= 7
