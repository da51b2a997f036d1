"""The state of a sweep, all of it in files, so that a killed one goes on where it stood.

SWEEP/sweep.json             the data's hash and what was asked for
SWEEP/jobs/<name>/job.json   what the job is
SWEEP/jobs/<name>/run/       the training's own run folder with its checkpoints
SWEEP/jobs/<name>/done.json  the job's results; written last and whole: where it is, the job is done
SWEEP/results.csv ...        what tables.py makes of all that
SWEEP/runs/<recipe>/         the same networks in the layout of a run (as_runs.py)
"""

from __future__ import annotations

import errno
import json
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from models.files import alone, write_whole
from models.sweep.errors import SweepError

SWEEP = "sweep.json"
JOB = "job.json"
DONE = "done.json"
RUN = "run"


def open_sweep(folder: Path, asked: dict[str, Any], data: str) -> None:
    """Makes or takes up the sweep in `folder`; raises SweepError where it was begun with other data."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / SWEEP
    if path.exists() and (begun := read(path)["data"]) != data:
        raise SweepError(
            f"{folder}: this sweep was begun with other data (hash {begun[:12]}, now {data[:12]}); give it the"
            " same folder of trials, or choose another --run"
        )
    write(path, {"data": data, "asked": asked})


def job_folder(folder: Path, name: str) -> Path:
    """Where the job of this name lives."""
    return folder / "jobs" / name


def done(folder: Path, name: str) -> dict[str, Any] | None:
    """What the job of this name came to, None where it is not done."""
    path = job_folder(folder, name) / DONE
    return read(path) if path.exists() else None


def read(path: Path) -> dict[str, Any]:
    """A file that `write` wrote; raises SweepError where it is damaged."""
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise SweepError(f"{path}: is damaged ({error}); remove it and run the sweep again") from None
    return content


def write(path: Path, content: dict[str, Any]) -> None:
    """Writes `content` whole or not at all, and only then returns."""
    write_text(path, json.dumps(content, indent=1) + "\n")


def write_text(path: Path, text: str) -> None:
    """As `write`."""
    write_whole(path, text.encode())


def held(folder: Path, patience_s: float, remedy: str) -> AbstractContextManager[None]:
    """Nobody else works in `folder` meanwhile; raises SweepError with `remedy` where another does for `patience_s`."""
    return alone(folder, patience_s, SweepError(f"{folder}: another process works in it; {remedy}"))


def full(folder: Path) -> str:
    """What to tell who has no room left."""
    return (
        f"{folder}: the disk is full; free some space and run the same command again: what is done stays done"
    )


def disk_full(error: BaseException | None) -> bool:
    """Whether `error`, or what it came from, says that nothing more can be written."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        error = error.__cause__
    return False
