"""The folder of a run: `run.json` and, for each fold, a folder of its networks.

    R/run.json           recipe, how it differs from the paper's, ours where that is silent; hash of the data,
                         version of the code
    R/<fold>/config.json, statistics.npz
    R/<fold>/start.json      where it started from given weights: their sha256, and whom they had seen
    R/<fold>/<outcome>.pt    where the outcome's training stands and its best weights so far
    R/<fold>/<outcome>.csv   its curve

A fold of a leave-one-subject-out run is called like the withheld subject. Every file is written whole or not at all.
"""

from __future__ import annotations

import csv
import errno
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError
from typing import Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt
import torch

from jetson_runtime.suit import signals
from jetson_runtime.suit.errors import SuitError
from models.data.folds import Split
from models.files import write_whole
from models.network import tcn
from models.training.recipe import TrainConfig

RUN = "run.json"
CONFIG = "config.json"
STATISTICS = "statistics.npz"
START = "start.json"
_STATE = {"weights", "best", "adam", "curve", "epoch", "elapsed_s", "best_epoch", "best_loss"}


class RunError(SuitError):
    """A run folder that does not fit what is asked, or cannot be written."""


def folds(run_folder: Path) -> dict[str, Path]:
    """The folds of a run that were begun, by name; raises FileNotFoundError where it is no run."""
    if not (run_folder / RUN).exists():
        raise FileNotFoundError(
            f"{run_folder}: is no run (no {RUN}); make one with `second-skin-lab train`, or name one of a sweep's,"
            " SWEEP/runs/<variation>"
        )
    return {path.parent.name: path.parent for path in sorted(run_folder.glob(f"*/{CONFIG}"))}


def only_fold(run_or_fold: Path) -> Path:
    """The fold's folder itself, or the one fold of a run; raises ValueError where the run has several."""
    if (run_or_fold / CONFIG).exists():
        return run_or_fold
    begun = folds(run_or_fold)
    if len(begun) != 1:
        raise ValueError(f"{run_or_fold}: holds {len(begun)} folds; name one, e.g. {run_or_fold}/<fold>")
    return next(iter(begun.values()))


def read_config(fold_folder: Path) -> tuple[TrainConfig, Split]:
    """The recipe and the split of a fold."""
    with _damage_told(fold_folder / CONFIG):
        content = read_json(fold_folder / CONFIG)
        split = {role: tuple(names) for role, names in content["split"].items()}
        return TrainConfig(**content["config"]), Split(**split)


def trained_on(fold_folder: Path) -> set[str]:
    """Who trained or stopped the fold, or what it was started from."""
    _, split = read_config(fold_folder)
    path = fold_folder / START
    before = read_json(path).get("trained_on", ()) if path.exists() else ()
    return {*split.train, *split.validation, *before}


def read_statistics(fold_folder: Path) -> dict[str, npt.NDArray[np.float64]]:
    """Means and spreads of inputs and outcomes that the fold trains in, by name."""
    path = fold_folder / STATISTICS
    with _damage_told(path), np.load(path) as table:
        return {name: table[name] for name in table.files}


def read_run(fold_folder: Path) -> dict[str, Any]:
    """What `run.json` tells of the run that the fold belongs to; raises FileNotFoundError where it is not there."""
    path = fold_folder.parent / RUN
    if not path.exists():
        raise FileNotFoundError(
            f"{path}: is missing, it tells what the fold was trained on; copy it beside the fold"
        )
    content = read_json(path)
    with _damage_told(path):
        content["data"]["sha256"]
    return content


def best_networks(fold_folder: Path) -> tcn.TcnSet:
    """The best weights so far of all eight outcomes, on the CPU.

    Raises FileNotFoundError before the first epoch of each.
    """
    networks = tcn.TcnSet()
    for outcome, network in zip(signals.OUTCOME_NAMES, networks.members(), strict=True):
        network.load_state_dict(best_network(fold_folder, outcome).state_dict())
    return networks.eval()


def best_network(fold_folder: Path, outcome: str) -> tcn.Tcn:
    """As `best_networks`, of one outcome."""
    network = tcn.Tcn()
    network.load_state_dict(read_state(fold_folder, outcome)["best"])
    return network.eval()


def read_state(fold_folder: Path, outcome: str) -> dict[str, Any]:
    """What `<outcome>.pt` holds: weights, best, adam, curve, epoch, elapsed_s, best_epoch, best_loss."""
    path = fold_folder / f"{outcome}.pt"
    if not path.exists():
        raise FileNotFoundError(f"{path}: no epoch has ended yet; go on with `second-skin-lab train`")
    with _damage_told(path):
        state: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu")
        if missing := _STATE - state.keys():
            raise KeyError(*sorted(missing))
    return state


def finished(fold_folder: Path) -> bool:
    """Whether every outcome of the fold has trained to its end."""
    config, _ = read_config(fold_folder)
    return all(_ended(fold_folder / f"{outcome}.csv", config) for outcome in signals.OUTCOME_NAMES)


def has_ended(config: TrainConfig, epoch: int, best_epoch: int, elapsed_s: float) -> bool:
    """All epochs done, out of time, or no better for `patience` epochs counted after the least number."""
    stalled = epoch - max(best_epoch, config.min_epochs) >= config.patience
    late = config.time_limit_s is not None and elapsed_s >= config.time_limit_s
    return epoch >= config.max_epochs or stalled or late


def read_json(path: Path) -> dict[str, Any]:
    """A table that a run keeps; RunError where it is damaged."""
    with _damage_told(path):
        content = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict):
            raise ValueError("is no table")
    return content


def write(path: Path, content: bytes) -> None:
    """Writes a file whole or not at all; raises RunError where the disk does not take it."""
    try:
        write_whole(path, content)
    except OSError as error:
        remedy = "make room" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "make that possible"
        raise RunError(
            f"{path}: cannot be written ({error.strerror}); {remedy} and run the same command again:"
            " it goes on from the last whole epoch"
        ) from None


def _ended(curve: Path, config: TrainConfig) -> bool:
    if not curve.exists():
        return False
    with _damage_told(curve), curve.open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
        losses = [float(row["validation_loss"]) for row in rows]
        best = 1 + min(range(len(losses)), key=losses.__getitem__)
        return has_ended(config, len(rows), best, float(rows[-1]["elapsed_s"]))


@contextmanager
def _damage_told(path: Path) -> Iterator[None]:
    """RunError that names the file where what it holds cannot be understood."""
    try:
        yield
    except (ValueError, LookupError, TypeError, EOFError, RuntimeError, BadZipFile, UnpicklingError) as error:
        raise RunError(
            f"{path}: is damaged ({type(error).__name__}); put a whole copy in its place, or remove"
            f" {path.parent} and run the training again"
        ) from None
