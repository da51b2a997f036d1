"""A run is begun, or gone on with where it is the same: recipe, data, splits and first weights decide that.

What no training can be made of is refused before anything is written.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch

from jetson_runtime.suit import signals
from models.data import dataset
from models.data.dataset import Recording
from models.data.folds import Split, fits_a_folder, refuse_reserved
from models.files import refuse_foreign
from models.training import runs
from models.training.recipe import TrainConfig, beside_paper
from models.training.runs import RunError

# What a run of an older version does not tell of its recipe.
_ADDED = {"way": "device"}


def open_run(
    run_folder: Path,
    recordings: Sequence[Recording],
    splits: Mapping[str, Split],
    config: TrainConfig,
    outcomes: Sequence[str] = signals.OUTCOME_NAMES,
) -> None:
    """Makes or checks the run folder and those of its folds.

    Raises ValueError where a split is wrong (see `refuse_split`) or the folder holds something else than a run, and
    RunError where it holds one of another recipe, other data or another split.
    """
    refuse_foreign(run_folder, runs.RUN)
    for fold, split in splits.items():
        refuse_split(fold, recordings, split, config, outcomes)
    recipe = _plain(asdict(config))
    identity = {"recipe": recipe, "data": {"trials": len(recordings), "sha256": data_hash(recordings)}}
    _same_run(run_folder / runs.RUN, identity)
    run_folder.mkdir(parents=True, exist_ok=True)
    compared = beside_paper(config)
    content = {
        **identity,
        "deviations": compared.differs,
        "ours": compared.ours,
        "code": code_version(),
        "torch": torch.__version__,
    }
    if not (run_folder / runs.RUN).exists():
        runs.write(run_folder / runs.RUN, _json(content))
    for fold, split in splits.items():
        _open_fold(run_folder / fold, recordings, split, config)


def same_start(fold_folder: Path, source: Path, sha256: str, people: Iterable[str]) -> None:
    """Keeps which weights the fold started from and whom these had seen; RunError where it began with others."""
    path = fold_folder / runs.START
    if not path.exists():
        runs.write(path, _json({"sha256": sha256, "trained_on": sorted(people)}))
    elif runs.read_json(path).get("sha256") != sha256:
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
    if not fits_a_folder(fold) or fold == runs.RUN:
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


def _open_fold(folder: Path, recordings: Sequence[Recording], split: Split, config: TrainConfig) -> None:
    content = _plain({"config": asdict(config), "split": asdict(split)})
    path = folder / runs.CONFIG
    if path.exists():
        held = runs.read_json(path)
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
    runs.write(folder / runs.STATISTICS, table.getvalue())
    runs.write(path, _json(content))


def _same_run(path: Path, identity: Mapping[str, Any]) -> None:
    if not path.exists():
        return
    held = runs.read_json(path)
    held["recipe"] = {**_ADDED, **held.get("recipe", {})}
    for key, what in (("recipe", "another recipe"), ("data", "a run on other data")):
        if held.get(key) != identity[key]:
            different = [k for k, v in identity[key].items() if held.get(key, {}).get(k) != v]
            raise RunError(f"{path.parent}: holds {what} ({', '.join(different)}); choose another folder")


def _plain(content: dict[str, Any]) -> Any:
    return json.loads(json.dumps(content))


def _json(content: Mapping[str, Any]) -> bytes:
    return (json.dumps(content, indent=1) + "\n").encode()
