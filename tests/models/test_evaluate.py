"""Errors of a bundle: counted where they should be, and honest about who was trained on."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from made_up_trials import made_up_trial

from jetson_runtime.inference import bundle as bundles
from jetson_runtime.inference.bundle import Baselines, Bundle
from jetson_runtime.suit import signals
from jetson_runtime.suit.trial import write_trial
from models import cli, evaluate, tcn, train
from models.dataset import LABELS_OF, Recording
from models.export import export


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """Networks that answer 7 whatever they are shown; a constant of 1; a ridge that answers 2."""
    networks = tcn.TcnSet().eval()
    for network in networks.members():
        network.set_normalisation(np.zeros(54), np.ones(54), 7.0, 1.0)
        torch.nn.init.zeros_(network.head.weight)
        torch.nn.init.zeros_(network.head.bias)
    folder = tmp_path_factory.mktemp("evaluate") / "bundle"
    baselines = Baselines(np.full(8, 1.0), np.array([0]), np.zeros((54, 8)), np.full(8, 2.0))
    export(folder, networks, baselines, name="seven", created="2026-01-01", card={})
    return bundles.load(folder)


def test_each_estimator_is_scored_from_the_249th_row_on(bundle: Bundle, recordings: list[Recording]) -> None:
    labels = np.full_like(recordings[0].labels, 4.0)
    labels[:248] = 1e6
    labels[500:510, LABELS_OF["l"][2]] = np.nan
    labels[400:410, LABELS_OF["l"][2]] = 7.0
    scores = evaluate.evaluate(bundle, [replace(recordings[0], labels=labels)])
    assert tuple(scores) == signals.OUTCOME_NAMES
    knee = scores["knee_angle"]
    assert {name: score.rmse for name, score in knee.items()} == {
        name: pytest.approx(error) for name, error in zip(evaluate.ESTIMATORS, (3, 3, 3, 2), strict=True)
    }
    scored = 2 * (len(labels) - 248) - 10
    assert scores["ankle_angle"]["network"].rmse == pytest.approx(np.sqrt((scored - 10) * 9 / scored))


def test_subjects_weigh_the_same_however_long_they_were_recorded(
    bundle: Bundle, recordings: list[Recording]
) -> None:
    long = replace(recordings[0], labels=np.full_like(recordings[0].labels, 7.0), subject="exact")
    short = replace(
        recordings[1],
        rows=recordings[1].rows[:300],
        labels=np.full((300, 14), 11.0, np.float32),
        subject="off",
    )
    scores = evaluate.evaluate(bundle, [long, short])
    assert scores["hip_flexion"]["network"].rmse == pytest.approx(2.0)


def test_the_table_has_a_line_for_each_outcome(bundle: Bundle, recordings: list[Recording]) -> None:
    lines = evaluate.table(evaluate.evaluate(bundle, recordings[:1])).splitlines()
    assert [line.split("|")[1].strip() for line in lines[2:]] == list(signals.OUTCOME_NAMES)
    assert all(len(line.split("|")) == len(lines[0].split("|")) for line in lines)


def test_train_export_and_evaluate_from_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for k in range(4):
        write_trial(tmp_path / f"s{k}_W_0.parquet", made_up_trial(f"s{k}", k, seconds=1.6))
    recipe = "--batch 4 --outputs 16 --max-epochs 1 --min-epochs 1 --epoch-steps 1 --folds 4"
    data, run, out = str(tmp_path), str(tmp_path / "run"), str(tmp_path / "out")
    assert cli.main(["train", "--data", data, "--run", run, *recipe.split()]) == 0
    assert cli.main(["export", "--run", run, "--data", data, "--out", out, "--name", "tiny"]) == 0
    assert cli.main(["evaluate", "--bundle", out, "--data", data]) == 0
    printed = capsys.readouterr().out
    assert "| knee_angle_moment | Nm/kg | 0.202 |" in printed
    manifest = bundles.load(tmp_path / "out").manifest
    assert manifest.name == "tiny"
    assert manifest.card["recipe"]["learning_rate"] == 5e-5
    assert manifest.card["training"]["subjects"] == 2

    assert cli.main(["export", "--run", run, "--data", data, "--test", data, "--out", out]) == 2
    assert "were trained on; choose others" in capsys.readouterr().err


def test_wearers_kept_for_evaluation_are_refused_by_train_and_by_export(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for k in range(4):
        write_trial(tmp_path / f"vw-{k}_W_0.parquet", made_up_trial(f"vw-{k}", k, seconds=1.6))
    data, run = str(tmp_path), tmp_path / "run"
    assert cli.main(["train", "--data", data, "--run", str(run), "--folds", "4"]) == 2
    assert "virtual wearers of seeds below 1000 are kept" in capsys.readouterr().err
    assert not run.exists()

    run.mkdir()
    split = {"train": ["vw-1", "vw-2"], "validation": ["s1"], "test": ["s2"]}
    (run / train.CONFIG).write_text(json.dumps({"config": {}, "split": split}))
    out = tmp_path / "out"
    assert cli.main(["export", "--run", str(run), "--data", data, "--out", str(out)]) == 2
    assert "vw-1, vw-2: virtual wearers" in capsys.readouterr().err
    assert not out.exists()


def test_a_wrong_folder_is_one_clear_line_and_status_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["evaluate", "--bundle", str(tmp_path), "--data", str(tmp_path)]) == 2
    assert "manifest.json: no such file" in capsys.readouterr().err


def test_virtual_wearers_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["virtual", "--out", str(tmp_path), "--subjects", "7", "--tasks", "PS", "--seconds", "2"]
    assert cli.main(arguments) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["vw-7_PS_0.parquet"]
    before = (tmp_path / "vw-7_PS_0.parquet").stat().st_mtime_ns
    assert cli.main(arguments) == 0
    assert (tmp_path / "vw-7_PS_0.parquet").stat().st_mtime_ns == before
    assert "1 of 1 trials" in capsys.readouterr().out
