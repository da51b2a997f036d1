"""A run folder refuses what does not belong to it, and trainings that would be dishonest or empty."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from models.data.dataset import LABELS_OF, Recording
from models.data.folds import Split, leave_one_out
from models.training import opening, runs
from models.training.recipe import TrainConfig

CONFIG = TrainConfig(max_epochs=2, min_epochs=2)
SPLITS = leave_one_out([f"s{k}" for k in range(6)], ["s2"])


def test_a_run_tells_recipe_deviations_data_and_code(recordings: list[Recording], tmp_path: Path) -> None:
    opening.open_run(tmp_path, recordings, SPLITS, CONFIG)
    told = json.loads((tmp_path / "run.json").read_text())
    assert told["recipe"]["max_epochs"] == 2
    assert told["deviations"]["max_epochs"] == {"paper": 150, "here": 2}
    assert told["ours"]["outputs"] == 128
    assert told["data"] == {"trials": 6, "sha256": opening.data_hash(recordings)}
    assert len(told["code"].split()[-1]) == 12
    assert runs.read_config(tmp_path / "s2") == (CONFIG, SPLITS["s2"])
    with np.load(tmp_path / "s2" / "statistics.npz") as table:
        assert {name: table[name].shape for name in table.files} == {
            "input_mean": (54,),
            "input_sd": (54,),
            "outcome_mean": (8,),
            "outcome_sd": (8,),
        }


def test_folds_are_added_to_the_same_run(recordings: list[Recording], tmp_path: Path) -> None:
    subjects = [r.subject for r in recordings]
    for name in ("s2", "s4"):
        opening.open_run(tmp_path, recordings, leave_one_out(subjects, [name]), CONFIG)
    assert list(runs.folds(tmp_path)) == ["s2", "s4"]


def test_another_recipe_other_data_or_another_split_are_refused(
    recordings: list[Recording], tmp_path: Path
) -> None:
    opening.open_run(tmp_path, recordings, SPLITS, CONFIG)
    opening.open_run(tmp_path, recordings[::-1], SPLITS, CONFIG)
    with pytest.raises(runs.RunError, match=r"another recipe \(max_epochs\); choose another folder"):
        opening.open_run(tmp_path, recordings, SPLITS, replace(CONFIG, max_epochs=3))
    changed = recordings[0].labels.copy()
    changed[300, 3] += 0.001
    with pytest.raises(runs.RunError, match=r"on other data \(sha256\)"):
        opening.open_run(tmp_path, [replace(recordings[0], labels=changed), *recordings[1:]], SPLITS, CONFIG)
    literal = leave_one_out((r.subject for r in recordings), ["s2"], paper_literal=True)
    with pytest.raises(runs.RunError, match="s2: holds another recipe or split"):
        opening.open_run(tmp_path, recordings, literal, CONFIG)


def test_the_way_of_the_rows_is_the_run_s_own(recordings: list[Recording], tmp_path: Path) -> None:
    """A run that an older version made, which knew one way, is gone on with in that way alone."""
    opening.open_run(tmp_path, recordings, SPLITS, CONFIG)
    for path in (tmp_path / "run.json", tmp_path / "s2" / "config.json"):
        told = json.loads(path.read_text())
        assert told["recipe" if path.name == "run.json" else "config"].pop("way") == "device"
        path.write_text(json.dumps(told))
    opening.open_run(tmp_path, recordings, SPLITS, CONFIG)
    with pytest.raises(runs.RunError, match=r"another recipe \(way\)"):
        opening.open_run(tmp_path, recordings, SPLITS, replace(CONFIG, way="offline"))


def test_a_fold_that_cannot_be_trained_honestly_is_refused(
    recordings: list[Recording], tmp_path: Path
) -> None:
    def refused(split: Split, match: str, some: list[Recording] = recordings, fold: str = "f") -> None:
        with pytest.raises(ValueError, match=match):
            opening.open_run(tmp_path / "run", some, {fold: split}, CONFIG)
        assert not (tmp_path / "run").exists()

    refused(Split(("s0", "s1"), ("s2",), ("s1",)), "s1 stand in training and outside of it")
    refused(Split(("nobody",), ("s2",), ("s1",)), "no trial of nobody for training")
    refused(Split(("s0",), (), ("s1",)), "no trial of anybody for validation")
    refused(Split(("s0",), ("s2",), ("s1",)), "cannot be a folder's name", fold="../s1")
    nameless = [replace(r, labels=r.labels.copy()) for r in recordings]
    for r in nameless:
        r.labels[:, [LABELS_OF[side][6] for side in "rl"]] = np.nan
    refused(
        Split(("s0",), ("s2",), ("s1",)), "ankle_angle_moment is NaN in every trial for training", nameless
    )


def test_what_is_no_run_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="is no run"):
        runs.folds(tmp_path)


@pytest.mark.parametrize(
    "name", ["run.json", "s2/config.json", "s2/statistics.npz", "s2/knee_angle.pt", "s2/hip_flexion.csv"]
)
def test_a_damaged_file_is_named(recordings: list[Recording], tmp_path: Path, name: str) -> None:
    opening.open_run(tmp_path, recordings, SPLITS, CONFIG)
    (tmp_path / name).write_bytes(b"")
    fold = tmp_path / "s2"
    with pytest.raises(runs.RunError, match=f"{name}: is damaged .* run the training again"):
        runs.read_run(fold)
        runs.read_statistics(fold)
        runs.finished(fold)
        runs.read_state(fold, "knee_angle")
