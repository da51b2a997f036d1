"""One job: train its outcomes on its fold, then score the best weights on the withheld."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from models.data.dataset import Recording
from models.evaluation.networks import score
from models.sweep.ablation import ablated
from models.sweep.plan import Job
from models.training import fit, runs


def train_and_score(
    job: Job, recordings: Sequence[Recording], run_folder: Path, processes: int = 1
) -> list[dict[str, Any]]:
    """A row for each outcome: its errors on the withheld subjects and how long it learned.

    Takes up the run in `run_folder` where it stood. Left-out channels are at their fill in training and in the test.
    NumPy computes on one thread, whatever the machine has: sums split otherwise would differ in their last digits.
    """
    with threadpool_limits(1, user_api="blas"):
        return _trained_and_scored(job, recordings, run_folder, processes)


def _trained_and_scored(
    job: Job, recordings: Sequence[Recording], run_folder: Path, processes: int
) -> list[dict[str, Any]]:
    seen = ablated(recordings, job.ablation)
    splits = {job.fold: job.split}
    fit.train_folds(
        run_folder, seen, splits, job.config, say=_quiet, processes=processes, outcomes=job.outcomes
    )
    fold = runs.folds(run_folder)[job.fold]
    networks = {outcome: runs.best_network(fold, outcome) for outcome in job.outcomes}
    errors = score(networks, [one for one in seen if one.subject in job.split.test])
    return [{"outcome": outcome, **errors[outcome], **_learned(fold, outcome)} for outcome in job.outcomes]


def _learned(fold: Path, outcome: str) -> dict[str, Any]:
    """How long, and how well by the subject that validates: what a recipe may be chosen by."""
    state = runs.read_state(fold, outcome)
    return {
        "validation_loss": state["best_loss"],
        "best_epoch": state["best_epoch"],
        "epochs": state["epoch"],
    }


def _quiet(line: str) -> None:
    """The curves are in the run folder."""
