"""A training that was killed goes on to the same weights; a folder that cannot be written is told once."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from models.data.dataset import Recording  # noqa: E402
from models.data.folds import leave_one_out  # noqa: E402
from models.training import fit, runs, workers  # noqa: E402
from models.training.recipe import TrainConfig  # noqa: E402

CONFIG = TrainConfig(
    learning_rate=2e-3,
    schedule="one_cycle",
    batch=1,
    outputs=2,
    min_epochs=3,
    max_epochs=3,
    epoch_steps=2,
    sensor_dropout=0.1,
    donning_deg=2.0,
)
OUTCOMES = ("knee_angle", "ankle_angle_moment", "hip_flexion")
# Kills itself as `kill -9` would, after some epochs of some members.
KILLED = """
import os, pickle, signal, sys
from pathlib import Path
from models.training import fit
folder, recordings, splits, config, outcomes, processes = pickle.loads(Path(sys.argv[1]).read_bytes())
ends = []
def watch(end):
    ends.append(end)
    if len(ends) == 4:
        os.kill(os.getpid(), signal.SIGKILL)
fit.train_folds(folder, recordings, splits, config, say=lambda line: None, watch=watch, outcomes=outcomes,
                processes=processes)
"""


@pytest.fixture
def few(recordings: list[Recording]) -> list[Recording]:
    return [replace(r, rows=r.rows[:300], labels=r.labels[:300]) for r in recordings[:3]]


def _quiet(line: str) -> None:
    pass


@pytest.mark.parametrize("processes", [1, 2])
def test_a_killed_run_ends_with_the_weights_of_an_unbroken_one(
    few: list[Recording], tmp_path: Path, processes: int
) -> None:
    import pickle

    splits = leave_one_out((r.subject for r in few), ["s1"])
    fit.train_folds(tmp_path / "whole", few, splits, CONFIG, say=_quiet, outcomes=OUTCOMES)
    asked = tmp_path / "asked"
    asked.write_bytes(pickle.dumps((tmp_path / "broken", few, splits, CONFIG, OUTCOMES, processes)))
    killed = subprocess.Popen([sys.executable, "-c", KILLED, str(asked)])
    assert killed.wait(timeout=600) == -signal.SIGKILL
    fold = tmp_path / "broken" / "s1"
    assert not runs.finished(fold)
    half = fold / f"knee_angle.pt.{killed.pid}.new"
    half.write_bytes(b"half a checkpoint")

    fit.train_folds(tmp_path / "broken", few, splits, CONFIG, say=_quiet, outcomes=OUTCOMES)
    assert not half.exists()
    for outcome in OUTCOMES:
        whole, broken = (runs.read_state(path, outcome) for path in (tmp_path / "whole" / "s1", fold))
        assert whole["epoch"] == broken["epoch"] == 3
        assert [row[1:] for row in whole["curve"]] == [row[1:] for row in broken["curve"]]
        for kind in ("weights", "best", "adam"):
            assert whole[kind].keys() == broken[kind].keys()
            for name, value in whole[kind].items():
                assert torch.equal(value, broken[kind][name]), f"{outcome}: {kind} {name}"


def test_a_full_disk_is_one_message_and_the_last_whole_epoch_stays(
    few: list[Recording], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    splits = leave_one_out((r.subject for r in few), ["s1"])
    written: list[str] = []

    def full_after_the_first_checkpoint(descriptor: int) -> None:
        written.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        if sum(name.endswith(f".pt.{os.getpid()}.new") for name in written) > 1:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full_after_the_first_checkpoint)
    with pytest.raises(
        runs.RunError, match=r"hip_flexion.pt: cannot be written \(No space left on device\); make room"
    ):
        fit.train_folds(tmp_path, few, splits, CONFIG, say=_quiet, outcomes=("hip_flexion",))
    monkeypatch.undo()
    assert runs.read_state(tmp_path / "s1", "hip_flexion")["epoch"] == 1
    assert not list(tmp_path.rglob("*.new"))
    assert not runs.finished(tmp_path / "s1")
    with pytest.raises(FileNotFoundError, match=r"knee_angle.pt: no epoch has ended yet"):
        runs.best_network(tmp_path / "s1", "knee_angle")


def test_an_error_in_a_worker_is_told_in_the_training_itself() -> None:
    def work(share: object, report: object) -> None:
        raise ValueError("fold f: the loss is not finite")

    with pytest.raises(ValueError, match="fold f: the loss is not finite"):
        workers.spread(work, [1, 2, 3], 2, lambda report: None)


def test_a_worker_that_dies_is_told_and_the_others_end() -> None:
    def work(share: object, report: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(runs.RunError, match="ended with status -9; run again to go on"):
        workers.spread(work, [1, 2], 2, lambda report: None)


def test_a_fold_that_another_training_works_on_is_refused(
    few: list[Recording], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "_PATIENCE_S", 0.0)
    (tmp_path / "s1").mkdir()
    splits = leave_one_out((r.subject for r in few), ["s1"])
    with (
        workers.locked([tmp_path / "s1"]),
        pytest.raises(runs.RunError, match="s1: another training is at work on it"),
    ):
        fit.train_folds(tmp_path, few, splits, CONFIG, say=_quiet)
