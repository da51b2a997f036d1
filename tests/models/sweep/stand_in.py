"""Jobs that go wrong: what a training may meet in the middle of a sweep."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from models.data.dataset import Recording
from models.sweep.plan import Job
from models.sweep.work import train_and_score


def killed_while_it_trains(job: Job, recordings: Sequence[Recording], run: Path) -> list[dict[str, Any]]:
    """Trains and scores, but the first worker of a sweep is killed, as the kernel kills, after an epoch."""
    grave = run.parents[2] / "killed"
    try:
        grave.touch(exist_ok=False)
    except FileExistsError:
        return train_and_score(job, recordings, run)
    threading.Thread(target=_kill_after_an_epoch, args=(run,), daemon=True).start()
    return train_and_score(job, recordings, run)


def _kill_after_an_epoch(run: Path) -> None:
    while not list(run.glob("*/*.pt")):
        time.sleep(0.005)
    os.kill(os.getpid(), signal.SIGKILL)


def fails_for_s1(job: Job, recordings: Sequence[Recording], run: Path) -> list[dict[str, Any]]:
    """One fold cannot be trained, the others can."""
    if job.fold == "s1":
        raise ValueError("s1 has no label of knee_angle")
    return [{"outcome": outcome, "rmse": 1.0, "rmse_raw": 1.0, "r2": 0.0} for outcome in job.outcomes]


def fills_the_disk(job: Job, recordings: Sequence[Recording], run: Path) -> list[dict[str, Any]]:
    """What the system says where nothing more can be written."""
    raise OSError(28, "No space left on device", str(run))
