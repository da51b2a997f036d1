"""The folds of a run on the people they withheld, as the suit would tell it."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from zipfile import BadZipFile

from jetson_runtime.suit import signals
from models.data.dataset import Recording
from models.evaluation import baselines
from models.evaluation import series as of_disk
from models.evaluation.folder import Played, play_recordings
from models.files import write_whole
from models.network import export
from models.training import runs

SERIES = "series.npz"
ABOUT = "series.json"


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
    training people. The series are kept in the fold's folder in single precision, which is what is told the first time
    too, and taken from there while code, networks and trials are the same; `formulas` are the analytical estimates.
    Raises ValueError as `refuse_other_people` does, and FileNotFoundError before the first epoch.
    """
    _, split = runs.read_config(fold_folder)
    refuse_other_people(fold_folder, data, recordings)
    withheld = [one for one in recordings if one.subject in split.test]
    key = _key(fold_folder, data, withheld, formulas)
    if (kept := _kept(fold_folder, key)) is not None:
        return kept
    if not formulas and (kept := _kept(fold_folder, _key(fold_folder, data, withheld, True))) is not None:
        return _without_formulas(kept)
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
    write_whole(fold_folder / ABOUT, json.dumps({"key": key, "remarks": played.remarks}).encode())
    return Played(of_disk.load(fold_folder / SERIES), [], played.remarks)


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
    """None where nothing is kept, something else, or what cannot be read any more."""
    try:
        content = json.loads((fold_folder / ABOUT).read_text(encoding="utf-8"))
        if content["key"] != key:
            return None
        return Played(of_disk.load(fold_folder / SERIES), [], content["remarks"])
    except (OSError, ValueError, KeyError, BadZipFile):
        return None


def _without_formulas(played: Played) -> Played:
    return Played(
        [
            replace(one, estimates={k: v for k, v in one.estimates.items() if k not in of_disk.FORMULAS})
            for one in played.series
        ]
    )


def _key(fold_folder: Path, data: Path, withheld: Sequence[Recording], formulas: bool) -> str:
    digest = hashlib.sha256(f"{_code()} {formulas}".encode())
    for outcome in signals.OUTCOME_NAMES:
        path = fold_folder / f"{outcome}.pt"
        digest.update(path.read_bytes() if path.exists() else b"")
    for one in withheld:
        stat = (data / f"{one.name}.parquet").stat()
        digest.update(f"{one.name} {stat.st_size} {stat.st_mtime_ns}".encode())
        digest.update(one.rows.tobytes())
    return digest.hexdigest()


@lru_cache
def _code() -> str:
    """A hash of the sources that series come from: what plays trials, the formulas, the runtime's rows and engines."""
    here = Path(__file__).parent
    laboratory, runtime = here.parent, here.parents[1] / "jetson_runtime"
    folders = [
        *(laboratory / name for name in ("analytical", "data", "importers", "network", "virtual_wearer")),
        *(runtime / name for name in ("inference", "suit", "timing")),
    ]
    sources = [
        *(path for folder in folders for path in sorted(folder.rglob("*.py"))),
        *(here / f"{name}.py" for name in ("baselines", "device", "fold_series", "folder", "series")),
        laboratory / "metrics.py",
    ]
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()
