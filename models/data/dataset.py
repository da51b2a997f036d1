"""Trials -> training rows, made by the aligner that runs on the body, or offline as in the paper.

A recording is one trial as the network would have met it. The right leg reads its rows as they are, the left leg
reads them mirrored: every trial counts twice.
"""

from __future__ import annotations

import hashlib
import inspect
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Literal, NamedTuple
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from jetson_runtime.suit import signals
from jetson_runtime.suit.errors import TrialError
from jetson_runtime.suit.trial import Trial, read_trial
from jetson_runtime.timing import align, lowpass, resample, ring, weights
from jetson_runtime.timing.resample import resample_trial
from models.checks.defects import Defect, errors
from models.checks.folder import between, refuse, trial_paths
from models.checks.trial_file import CHECKS, Facts, check_file
from models.data import offline
from models.data.offline import offline_rows
from models.data.tasks import NEUTRAL
from models.files import whole
from models.network.tcn import HISTORY, SPARSE_STRIDE
from models.processes import spread

Floats = npt.NDArray[np.float32]

_FILL = np.asarray(signals.CHANNEL_FILL, np.float32)
_MIRROR_INDEX = np.asarray(signals.MIRROR_INDEX)
_MIRROR_SIGN = np.asarray(signals.MIRROR_SIGN, np.float32)
# LABELS_OF[side][i]: the column of a trial's labels that is outcome i for that side.
LABELS_OF = {
    side: [signals.LABEL_NAMES.index(outcome.published(side)) for outcome in signals.OUTCOMES]
    for side in signals.SIDES
}
_CACHE = "rows"

# How the devices' samples come onto one grid: `device` by the runtime's causal aligner, what the body sees;
# `offline` by a spline, what the paper's laboratory had.
Way = Literal["device", "offline"]
WAYS: tuple[Way, ...] = ("device", "offline")


@dataclass(frozen=True)
class Recording:
    """rows (n, 54) without NaN as the suit delivers them; labels (n, 14), NaN where unknown.

    task: L, PP, PS, SH, SP, VA, W or other:<name>; condition: the code in tasks.csv, empty where the trial names none.
    """

    name: str
    subject: str
    task: str
    rows: Floats
    labels: Floats
    condition: str = ""

    def leg(self, side: str) -> tuple[Floats, Floats]:
        """Rows (n, 54) in the model's channels and outcomes (n, 8) for `side`, the first 248 outcomes NaN."""
        outcomes = self.labels[:, LABELS_OF[side]].copy()
        outcomes[:HISTORY] = np.nan
        return (self.rows if side == "r" else mirrored(self.rows)), outcomes


def mirrored(rows: Floats) -> Floats:
    """The rows (..., 54) of the same person in a mirror: what the model sees for the left leg."""
    answer: Floats = rows[..., _MIRROR_INDEX] * _MIRROR_SIGN
    return answer


def record(
    name: str, trial: Trial, rows: npt.NDArray[np.floating] | None = None, way: Way = "device"
) -> Recording:
    """`trial` put on the grid, each device at a rate and phase drawn from `name`."""
    if rows is None:
        rows = _ROWS[way](trial, zlib.crc32(name.encode()))
    filled = np.where(np.isnan(rows), _FILL, rows).astype(np.float32)
    meta = trial.meta
    return Recording(name, meta.subject, meta.task, filled, trial.labels, meta.extra.get("condition", ""))


_ROWS: dict[Way, Callable[[Trial, int], npt.NDArray[np.float64]]] = {
    "device": resample_trial,
    "offline": offline_rows,
}


def load(folder: Path, processes: int = 1, way: Way = "device") -> list[Recording]:
    """The recordings of all trials in `folder` but neutral stances, by name; their rows are kept in `folder/rows`.

    Where that cannot be written they are made anew each time. Raises TrialError that lists every error of every file,
    as `second-skin-lab check` does.
    """
    paths = trial_paths(folder)
    loaded = spread(partial(_load_one, way), paths, processes)
    defects = [defect for one in loaded for defect in one.defects]
    refuse(folder, [*defects, *between([one.facts for one in loaded])])
    recordings = [one.recording for one in loaded if one.recording is not None]
    if not recordings:
        raise TrialError(f"{folder}: holds neutral stances only; add trials of movement")
    return recordings


class _Loaded(NamedTuple):
    """recording: None where the file has errors, or is a neutral stance."""

    recording: Recording | None
    defects: list[Defect]
    facts: Facts


def _load_one(way: Way, path: Path) -> _Loaded:
    """A file whose rows are kept was without errors when they were made."""
    cached = path.parent / _CACHE / f"{path.stem}.{way}.npz"
    key = _key(path, way)
    if (kept := _kept(cached, key)) is not None:
        rows, facts = kept
        return _Loaded(record(path.stem, read_trial(path), rows), [], facts)
    defects, facts = check_file(path)
    if errors(defects):
        return _Loaded(None, defects, facts)
    trial = read_trial(path)
    if trial.meta.task == NEUTRAL:
        return _Loaded(None, defects, facts)
    recording = record(path.stem, trial, way=way)
    _keep(cached, recording.rows, key, facts)
    return _Loaded(recording, defects, facts)


def _keep(cached: Path, rows: Floats, key: str, facts: Facts) -> None:
    """Keeps the rows where the folder takes them; a read-only or a full one serves as well, only slower."""
    try:
        cached.parent.mkdir(exist_ok=True)
        with whole(cached) as fresh, fresh.open("wb") as out:
            np.savez(out, rows=rows, key=key, facts=facts.text())
    except OSError:
        return


def _kept(cached: Path, key: str) -> tuple[Floats, Facts] | None:
    """The rows in `cached` if they were made by this code of this file, and what it is compared with others by."""
    try:
        with np.load(cached) as table:
            if str(table["key"]) != key:
                return None
            rows: Floats = table["rows"]
            return rows, Facts.of_text(str(table["facts"]))
    except (OSError, EOFError, BadZipFile, zlib.error, ValueError, TypeError, KeyError):
        # Not there, or damaged in any way: what it kept can be made again.
        return None


def _key(path: Path, way: Way) -> str:
    """Of the way, of the code that makes rows, of its constants, and of the trial's file as it lies there."""
    stat = path.stat()
    return f"{way} {_code()} {stat.st_size} {stat.st_mtime_ns}"


@lru_cache
def _code() -> str:
    makers = (resample, align, lowpass, weights, ring, signals, offline, record, *CHECKS)
    return hashlib.sha256("".join(inspect.getsource(maker) for maker in makers).encode()).hexdigest()


def input_statistics(
    recordings: Sequence[Recording], sides: Sequence[str] = signals.SIDES
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Mean and standard deviation (54,) of what the network sees on `sides`; a constant channel gets 1."""
    rows = np.concatenate([r.rows[::SPARSE_STRIDE] for r in recordings])
    both = np.concatenate([rows if side == "r" else mirrored(rows) for side in sides]).astype(np.float64)
    spread = both.std(axis=0)
    return both.mean(axis=0), np.where(spread > 1e-6, spread, 1.0)


def outcome_statistics(
    recordings: Sequence[Recording], sides: Sequence[str] = signals.SIDES
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Mean and standard deviation (8,) of the outcomes of `sides`."""
    both = np.concatenate(
        [r.labels[::SPARSE_STRIDE][:, LABELS_OF[side]] for r in recordings for side in sides]
    ).astype(np.float64)
    return np.nanmean(both, axis=0), np.nanstd(both, axis=0)
