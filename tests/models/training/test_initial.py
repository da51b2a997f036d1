"""Training goes on from other weights: a bundle's, or another run's that did not see the withheld."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import models  # noqa: E402
from jetson_runtime.inference import bundle  # noqa: E402
from models.data.dataset import Recording  # noqa: E402
from models.data.folds import leave_one_out  # noqa: E402
from models.network import export  # noqa: E402
from models.training import fit, initial, runs  # noqa: E402
from models.training.recipe import TrainConfig  # noqa: E402

DEMO = Path(models.__file__).parent / "bundles" / "demo"
CONFIG = TrainConfig(batch=1, outputs=2, min_epochs=1, max_epochs=1, epoch_steps=1)


@pytest.fixture
def few(recordings: list[Recording]) -> list[Recording]:
    return [replace(r, rows=r.rows[:300], labels=r.labels[:300]) for r in recordings[:4]]


def _quiet(line: str) -> None:
    pass


def test_a_bundle_s_networks_have_its_weights() -> None:
    loaded = bundle.load(DEMO)
    tensors = export.fused_tensors(initial.of_bundle(loaded))
    assert tensors.keys() == loaded.tensors.keys()
    for name, tensor in tensors.items():
        np.testing.assert_allclose(tensor, loaded.tensors[name], rtol=1e-5, atol=1e-7, err_msg=name)


def test_a_warm_start_begins_with_the_bundle_s_weights_and_normalisation(
    few: list[Recording], tmp_path: Path
) -> None:
    splits = leave_one_out((r.subject for r in few), ["s0"])
    config = replace(CONFIG, init=str(DEMO), learning_rate=1e-12)
    fit.train_folds(tmp_path, few, splits, config, say=_quiet, outcomes=("knee_angle",))
    trained = runs.best_network(tmp_path / "s0", "knee_angle")
    assert runs.read_config(tmp_path / "s0")[0].init == str(DEMO)
    start = initial.of_bundle(bundle.load(DEMO)).members()[1]
    for name, value in trained.state_dict().items():
        torch.testing.assert_close(value, start.state_dict()[name], rtol=0, atol=1e-9)


def test_a_fold_is_not_gone_on_with_from_other_weights_of_the_same_name(
    few: list[Recording], tmp_path: Path
) -> None:
    splits = leave_one_out((r.subject for r in few), ["s0"])
    source, run = tmp_path / "source", tmp_path / "run"
    fit.train_folds(source, few, splits, CONFIG, say=_quiet)
    config = replace(CONFIG, init=str(source), max_epochs=2)
    for _ in range(2):
        fit.train_folds(run, few, splits, config, say=_quiet, outcomes=("knee_angle",))
    told = json.loads((run / "s0" / runs.START).read_text())
    assert told == {"sha256": initial.weights_hash(source, run / "s0"), "trained_on": ["s1", "s2", "s3"]}
    state = runs.read_state(source / "s0", "hip_flexion")
    state["best"]["head.bias"] += 1.0
    torch.save(state, source / "s0" / "hip_flexion.pt")
    with pytest.raises(runs.RunError, match="began with other weights than"):
        fit.train_folds(run, few, splits, config, say=_quiet, outcomes=("knee_angle",))
    assert initial.weights_hash(DEMO, run / "s0") == bundle.load(DEMO).manifest.files[bundle.WEIGHTS]


def test_a_run_that_saw_the_withheld_subject_is_refused(few: list[Recording], tmp_path: Path) -> None:
    subjects = [r.subject for r in few]
    first, other = tmp_path / "first", tmp_path / "other"
    fit.train_folds(first, few, leave_one_out(subjects, ["s0"]), CONFIG, say=_quiet)
    config = replace(CONFIG, init=str(first))
    with pytest.raises(ValueError, match=r"first/s0: was trained on s1, whom .*s1 withholds"):
        fit.train_folds(other, few, leave_one_out(subjects, ["s1"]), config, say=_quiet)
    fit.train_folds(tmp_path / "same", few, leave_one_out(subjects, ["s0"]), config, say=_quiet)
    assert runs.finished(tmp_path / "same" / "s0")


def test_whom_a_bundle_or_its_ancestors_saw_cannot_be_withheld(few: list[Recording], tmp_path: Path) -> None:
    networks, known = initial.of_bundle(bundle.load(DEMO)), bundle.load(DEMO).baselines()
    card = {"training": {"train": ["s1"], "before": ["s2"]}, "ancestry": [{"subjects": ["s3"]}]}
    export.export(tmp_path / "given", networks, known, name="given", created="", card=card)
    config = replace(CONFIG, init=str(tmp_path / "given"))
    subjects = [r.subject for r in few]
    for name in ("s1", "s2", "s3"):
        with pytest.raises(ValueError, match=f"given: was trained on {name}, whom .*{name} withholds"):
            fit.train_folds(tmp_path / "run", few, leave_one_out(subjects, [name]), config, say=_quiet)
    splits = leave_one_out(subjects, ["s0"])
    fit.train_folds(tmp_path / "run", few, splits, config, say=_quiet, outcomes=("knee_angle",))
    assert runs.trained_on(tmp_path / "run" / "s0") == {"s1", "s2", "s3"}
