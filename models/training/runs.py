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
import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from pickle import UnpicklingError
from typing import Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt
import torch

from jetson_runtime.suit import signals
from jetson_runtime.suit.errors import SuitError
from models.data import dataset
from models.data.dataset import Recording
from models.data.folds import Split, fits_a_folder, refuse_reserved
from models.files import write_whole
from models.network import tcn
from models.training.recipe import TrainConfig, beside_paper

RUN = "run.json"
CONFIG = "config.json"
STATISTICS = "statistics.npz"
START = "start.json"
# What a run of an older version does not tell of its recipe.
_ADDED = {"way": "device"}
_STATE = {"weights", "best", "adam", "curve", "epoch", "elapsed_s", "best_epoch", "best_loss"}


class RunError(SuitError):
    """A run folder that does not fit what is asked, or cannot be written."""


def folds(run_folder: Path) -> dict[str, Path]:
    """The folds of a run that were begun, by name; raises FileNotFoundError where it is no run."""
    if not (run_folder / RUN).exists():
        raise FileNotFoundError(f"{run_folder}: is no run (no {RUN}); make one with `second-skin-lab train`")
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
        content = _read_json(fold_folder / CONFIG)
        split = {role: tuple(names) for role, names in content["split"].items()}
        return TrainConfig(**content["config"]), Split(**split)


def trained_on(fold_folder: Path) -> set[str]:
    """Who trained or stopped the fold, or what it was started from."""
    _, split = read_config(fold_folder)
    path = fold_folder / START
    before = _read_json(path).get("trained_on", ()) if path.exists() else ()
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
    content = _read_json(path)
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


def open_run(
    run_folder: Path,
    recordings: Sequence[Recording],
    splits: Mapping[str, Split],
    config: TrainConfig,
    outcomes: Sequence[str] = signals.OUTCOME_NAMES,
) -> None:
    """Makes or checks the run folder and those of its folds.

    Raises ValueError where a split is wrong (see `refuse_split`) and RunError where the folder holds a run of another
    recipe, other data or another split.
    """
    for fold, split in splits.items():
        refuse_split(fold, recordings, split, config, outcomes)
    recipe = _plain(asdict(config))
    identity = {"recipe": recipe, "data": {"trials": len(recordings), "sha256": data_hash(recordings)}}
    _same_run(run_folder / RUN, identity)
    run_folder.mkdir(parents=True, exist_ok=True)
    compared = beside_paper(config)
    content = {
        **identity,
        "deviations": compared.differs,
        "ours": compared.ours,
        "code": code_version(),
        "torch": torch.__version__,
    }
    if not (run_folder / RUN).exists():
        write(run_folder / RUN, _json(content))
    for fold, split in splits.items():
        _open_fold(run_folder / fold, recordings, split, config)


def same_start(fold_folder: Path, source: Path, sha256: str, people: Iterable[str]) -> None:
    """Keeps which weights the fold started from and whom these had seen; RunError where it began with others."""
    path = fold_folder / START
    if not path.exists():
        write(path, _json({"sha256": sha256, "trained_on": sorted(people)}))
    elif _read_json(path).get("sha256") != sha256:
        raise RunError(
            f"{fold_folder}: began with other weights than {source} holds now; choose another folder"
        )


def refuse_split(
    fold: str,
    recordings: Sequence[Recording],
    split: Split,
    config: TrainConfig,
    outcomes: Sequence[str] = signals.OUTCOME_NAMES,
) -> None:
    """Raises ValueError where a fold cannot be trained honestly, or at all.

    A subject both trained on and withheld, a virtual wearer kept for evaluation, a role without a trial, one of
    `outcomes` without a single label, a name that cannot be a folder's.
    """
    refuse_reserved(split)
    if not fits_a_folder(fold) or fold == RUN:
        raise ValueError(f"fold {fold!r}: cannot be a folder's name; rename the subject")
    both = set(split.train) & {*split.validation, *split.test}
    if both:
        raise ValueError(
            f"fold {fold}: {', '.join(sorted(both))} stand in training and outside of it; keep them apart"
        )
    for role, names in (("training", split.train), ("validation", split.validation)):
        chosen = [r for r in recordings if r.subject in names]
        if not chosen:
            raise ValueError(f"fold {fold}: no trial of {', '.join(names) or 'anybody'} for {role}; add some")
        for outcome in outcomes:
            i = signals.OUTCOME_NAMES.index(outcome)
            columns = [dataset.LABELS_OF[side][i] for side in config.sides]
            if not any(np.isfinite(r.labels[:, columns]).any() for r in chosen):
                raise ValueError(
                    f"fold {fold}: {outcome} is NaN in every trial for {role}; give its labels or other trials"
                )


def data_hash(recordings: Sequence[Recording]) -> str:
    """Of all that a training sees: names, subjects, lengths, rows and labels."""
    digest = hashlib.sha256()
    for r in sorted(recordings, key=lambda r: r.name):
        digest.update(f"{r.name}|{r.subject}|{r.task}|{r.rows.shape}|{r.labels.dtype}|".encode())
        digest.update(np.ascontiguousarray(r.rows).tobytes())
        digest.update(np.ascontiguousarray(r.labels).tobytes())
    return digest.hexdigest()


def code_version() -> str:
    """The package's version and a hash of the files that decide a training's numbers, its rows' included."""
    laboratory, runtime = Path(__file__).parents[1], Path(signals.__file__).parents[1]
    sources = [
        *sorted((laboratory / "training").glob("*.py")),
        laboratory / "network" / "tcn.py",
        *(laboratory / "data" / f"{name}.py" for name in ("dataset", "folds", "offline", "segments")),
        *sorted((runtime / "timing").glob("*.py")),
        runtime / "suit" / "signals.py",
    ]
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()
    try:
        version = metadata.version("second-skin")
    except metadata.PackageNotFoundError:
        version = "not installed"
    return f"{version} {digest[:12]}"


def write(path: Path, content: bytes) -> None:
    """Writes a file whole or not at all; raises RunError where the disk does not take it."""
    try:
        write_whole(path, content)
    except OSError as error:
        raise RunError(
            f"{path}: cannot be written ({error.strerror}); make room and run the same command again:"
            " it goes on from the last whole epoch"
        ) from None


def _open_fold(folder: Path, recordings: Sequence[Recording], split: Split, config: TrainConfig) -> None:
    content = _plain({"config": asdict(config), "split": asdict(split)})
    path = folder / CONFIG
    if path.exists():
        held = _read_json(path)
        if {**held, "config": {**_ADDED, **held.get("config", {})}} != content:
            raise RunError(f"{folder}: holds another recipe or split; choose another folder")
        return
    folder.mkdir(exist_ok=True)
    training = [r for r in recordings if r.subject in split.train]
    input_mean, input_sd = dataset.input_statistics(training, config.sides)
    outcome_mean, outcome_sd = dataset.outcome_statistics(training, config.sides)
    outcome_sd = np.where(outcome_sd > 0.0, outcome_sd, 1.0)
    table = io.BytesIO()
    np.savez(
        table, input_mean=input_mean, input_sd=input_sd, outcome_mean=outcome_mean, outcome_sd=outcome_sd
    )
    write(folder / STATISTICS, table.getvalue())
    write(path, _json(content))


def _same_run(path: Path, identity: Mapping[str, Any]) -> None:
    if not path.exists():
        return
    held = _read_json(path)
    held["recipe"] = {**_ADDED, **held.get("recipe", {})}
    for key, what in (("recipe", "another recipe"), ("data", "a run on other data")):
        if held.get(key) != identity[key]:
            different = [k for k, v in identity[key].items() if held.get(key, {}).get(k) != v]
            raise RunError(f"{path.parent}: holds {what} ({', '.join(different)}); choose another folder")


def _ended(curve: Path, config: TrainConfig) -> bool:
    if not curve.exists():
        return False
    with _damage_told(curve), curve.open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
        losses = [float(row["validation_loss"]) for row in rows]
        best = 1 + min(range(len(losses)), key=losses.__getitem__)
        return has_ended(config, len(rows), best, float(rows[-1]["elapsed_s"]))


def _read_json(path: Path) -> dict[str, Any]:
    with _damage_told(path):
        content = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict):
            raise ValueError("is no table")
    return content


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


def _plain(content: dict[str, Any]) -> Any:
    return json.loads(json.dumps(content))


def _json(content: Mapping[str, Any]) -> bytes:
    return (json.dumps(content, indent=1) + "\n").encode()
