"""The folds of a run on the people they withheld, as the suit would tell it."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

from jetson_runtime.suit import signals
from models.data.dataset import Recording
from models.evaluation import baselines
from models.evaluation import series as of_disk
from models.evaluation.folder import Played, play_recordings
from models.network import export
from models.training import runs

SERIES = "series.npz"
ABOUT = "series.json"
# Raised by one when the same networks and trials come to give other series.
_VERSION = 1


def series_of_fold(
    fold_folder: Path,
    data: Path,
    recordings: Sequence[Recording],
    *,
    processes: int = 1,
    formulas: bool = True,
) -> Played:
    """The withheld people's trials through the fold's best networks, exported and run as on the device.

    recordings: all of folder `data`, as `dataset.load` gives them. Constant and ridge are fitted on the fold's own
    training people. The series are kept in the fold's folder and taken from there while networks, trials and
    `formulas` (the analytical estimates) are the same. Raises ValueError as `refuse_other_people` does, and
    FileNotFoundError before the first epoch.
    """
    _, split = runs.read_config(fold_folder)
    refuse_other_people(fold_folder, data, recordings)
    withheld = [one for one in recordings if one.subject in split.test]
    key = _key(fold_folder, data, withheld, formulas)
    if (kept := _kept(fold_folder, key)) is not None:
        return kept
    training, validation = (
        [one for one in recordings if one.subject in names] for names in (split.train, split.validation)
    )
    fitted = baselines.fit(training, validation)
    with tempfile.TemporaryDirectory() as folder:
        bundle = Path(folder) / "bundle"
        networks = runs.best_networks(fold_folder)
        export.export(bundle, networks, fitted, name=fold_folder.name, created="", card={})
        played = play_recordings(bundle, data, withheld, processes=processes, formulas=formulas)
    of_disk.save(fold_folder / SERIES, played.series)
    runs.write(fold_folder / ABOUT, json.dumps({"key": key, "remarks": played.remarks}).encode())
    return played


def refuse_other_people(fold_folder: Path, data: Path, recordings: Sequence[Recording]) -> None:
    """Raises ValueError where `data` lacks somebody who was withheld, trained on or validated on."""
    _, split = runs.read_config(fold_folder)
    present = {one.subject for one in recordings}
    absent = [name for name in (*split.test, *split.train, *split.validation) if name not in present]
    if absent:
        raise ValueError(
            f"{data}: has no trial of {', '.join(absent)}, of fold {fold_folder}; give the folder that the run was"
            " trained on, or evaluate a bundle on this one"
        )


def _kept(fold_folder: Path, key: str) -> Played | None:
    about = fold_folder / ABOUT
    if not about.exists():
        return None
    content = json.loads(about.read_text(encoding="utf-8"))
    if content["key"] != key:
        return None
    return Played(of_disk.load(fold_folder / SERIES), [], content["remarks"])


def _key(fold_folder: Path, data: Path, withheld: Sequence[Recording], formulas: bool) -> str:
    digest = hashlib.sha256(f"{_VERSION} {formulas}".encode())
    for outcome in signals.OUTCOME_NAMES:
        path = fold_folder / f"{outcome}.pt"
        digest.update(path.read_bytes() if path.exists() else b"")
    for one in withheld:
        stat = (data / f"{one.name}.parquet").stat()
        digest.update(f"{one.name} {stat.st_size} {stat.st_mtime_ns}".encode())
        digest.update(one.rows.tobytes())
    return digest.hexdigest()
