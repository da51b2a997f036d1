"""Errors of a bundle on any folder: counted where they should be, and honest about who was trained on."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_up_trials import made_up_trial

from jetson_runtime.inference import bundle as bundles
from jetson_runtime.suit import signals
from jetson_runtime.suit.trial import write_trial
from models import cli
from models.bundles import card_text
from models.data import dataset
from models.data.dataset import LABELS_OF
from models.evaluation import evaluate, folder
from models.evaluation.series import Series
from models.training import opening, runs

MEASURES = ("rmse", "rmse_raw", "r2", "mae", "skill", "delay_ms")


def _evaluated(bundle: Path, trials: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert cli.main(["evaluate", str(bundle), str(trials), "--json"]) == 0

    def no_nan(text: str) -> float:
        raise AssertionError(f"{text} is no JSON")

    result: dict[str, Any] = json.loads(capsys.readouterr().out, parse_constant=no_nan)
    return result


@pytest.fixture(scope="module")
def trials(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A walk; a hop, led in, without the pelvis' IMU; every label 4. One without truth, and a neutral stance."""
    where = tmp_path_factory.mktemp("trials")
    walk = made_up_trial("s0", 0, seconds=3.0)
    walk = replace(walk, labels=np.full_like(walk.labels, 4.0))
    walk.labels[:248] = 1e6
    walk.labels[500:510, LABELS_OF["l"][2]] = np.nan
    walk.labels[400:410, LABELS_OF["l"][2]] = 7.0
    write_trial(where / "s0_W_0.parquet", walk)
    short = made_up_trial("s1", 1, seconds=0.5)
    short = replace(short, labels=np.full_like(short.labels, 4.0), meta=replace(short.meta, task="other:hop"))
    short.channels[:, list(signals.STREAMS[1].channels)] = np.nan
    write_trial(where / "s1_hop.parquet", short)
    blind = replace(short, labels=np.full_like(short.labels, np.nan))
    write_trial(where / "s1_blind.parquet", blind)
    write_trial(where / "s1_neutral.parquet", replace(short, meta=replace(short.meta, task="other:neutral")))
    return where


def test_one_object_with_every_measure_by_outcome(
    seven: Path, trials: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = _evaluated(seven, trials, capsys)
    for measure in MEASURES:
        assert tuple(result[measure]) == signals.OUTCOME_NAMES
        assert tuple(result["by_task"]["other:hop"][measure]) == signals.OUTCOME_NAMES
    assert tuple(result["by_task"]) == ("W", "other:hop")
    assert result["rmse"]["knee_angle"] == pytest.approx(3.0)
    assert result["rmse_raw"]["knee_angle"] == pytest.approx(3.0)
    assert result["mae"]["knee_angle"] == pytest.approx(3.0)
    assert result["skill"]["knee_angle"] == pytest.approx({"constant": 0.0, "ridge": -0.5}), (
        "no formula without turns"
    )
    assert result["r2"]["knee_angle"] is None and result["delay_ms"]["knee_angle"] is None
    scored = 2 * (600 - 248) + 2 * 100 - 10
    assert result["rmse_raw"]["ankle_angle"] == pytest.approx(np.sqrt((scored - 10) * 9 / scored))


def test_trials_are_listed_and_one_without_truth_is_not_scored(
    seven: Path, trials: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    listed = {trial["name"]: trial for trial in _evaluated(seven, trials, capsys)["trials"]}
    assert {name: trial["scored_s"] for name, trial in listed.items()} == {
        "s0_W_0": pytest.approx(1.76),
        "s1_hop": pytest.approx(0.5),
        "s1_blind": 0.0,
    }
    assert listed["s1_hop"]["task"] == "other:hop"
    assert cli.main(["evaluate", str(seven), str(trials)]) == 0
    assert "Not scored, no label is known: s1_blind" in capsys.readouterr().out


def test_a_folder_without_any_truth_is_refused(
    seven: Path, trials: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "blind.parquet").write_bytes((trials / "s1_blind.parquet").read_bytes())
    assert cli.main(["evaluate", str(seven), str(tmp_path)]) == 2
    assert "no trial has a known label" in capsys.readouterr().err


def test_the_tables_have_a_line_for_each_outcome(cohort: list[Series]) -> None:
    result = evaluate.evaluation(folder.Played(cohort))
    overview, by_task = evaluate.markdown(result).split("\n\n")
    for text in (overview, by_task):
        lines = text.splitlines()
        assert [line.split("|")[1].strip() for line in lines[2:]] == list(signals.OUTCOME_NAMES)
        assert len({line.count("|") for line in lines}) == 1
    assert result["subjects"]["knee_angle"]["mean"] == pytest.approx(1.15)
    assert result["estimators"]["ridge"]["knee_angle"]["rmse"] == pytest.approx(3.0)
    assert "| analytical, over subjects |" in overview and "| skill over analytical |" in overview
    assert result["skill"]["knee_angle"]["analytical"] == pytest.approx(
        np.mean([1 - (1 + k / 10) / (2 + k / 10 + k**2 / 50) for k in range(4)]), abs=1e-3
    )
    walk = next(trial for trial in result["trials"] if trial["name"] == "s3_W")
    assert walk["rmse"]["knee_angle"] == pytest.approx(1.3, abs=1e-3)
    bare = [
        replace(one, estimates={k: one.estimates[k] for k in ("tcn", "ridge", "constant")}) for one in cohort
    ]
    assert "analytical" not in evaluate.markdown(evaluate.evaluation(folder.Played(bare)))


def test_subjects_weigh_the_same_on_the_card_however_long_they_were_recorded(cohort: list[Series]) -> None:
    exact = replace(cohort[0], estimates={"tcn": cohort[0].truth}, subject="exact")
    off = replace(
        cohort[2], truth=cohort[2].truth[:300], estimates={"tcn": cohort[2].truth[:300] + 4.0}, subject="off"
    )
    errors = evaluate.card_errors(folder.Played([exact, off]))
    assert errors["hip_flexion"]["network"]["rmse"] == pytest.approx(2.0)
    assert errors["hip_flexion"]["filtered"]["rmse"] == pytest.approx(2.0)


@pytest.mark.parametrize("way", ["device", "offline"])
def test_real_movement_is_scored_where_it_can_be(shared: Path, tmp_path: Path, way: str) -> None:
    """Walks of 1.3 s, feet on no plate, a suit without the back's IMU, squats: all through the shipped bundle."""
    names = ("camargo_levelground_b", "bmc_running", "subject4_walking1")
    for name in names:
        found = shared / "data" / "trials" / f"{name}.parquet"
        (tmp_path / found.name).write_bytes(found.read_bytes())
    played = folder.play(bundles.SHIPPED, tmp_path, way="device" if way == "device" else "offline")
    result = evaluate.evaluation(played)
    assert {trial["name"] for trial in result["trials"] if trial["scored_s"] > 0.3} == set(names)
    assert np.isfinite(list(result["rmse"].values())).all()
    assert set(result["by_task"]) == {"W", "other:running"}


def test_people_who_trained_the_bundle_or_what_it_comes_from_are_remarked_on() -> None:
    card = {
        "training": {"train": ["s0", "s1"], "validation": ["s2"], "before": ["s3"]},
        "ancestry": [{"subjects": ["s4"]}],
    }
    (line,) = folder.known_in_training(card, {"s0", "s2", "s3", "s4", "s9"})
    assert line.startswith("4 of 5 people here trained the bundle, by its card (s0, s2, s3, s4):")
    assert folder.known_in_training(card, {"s8", "s9"}) == []
    (line,) = folder.known_in_training(
        {"training": {"train": [f"s{k}" for k in range(7)]}}, {f"s{k}" for k in range(6)}
    )
    assert "(s0, s1, s2, s3, s4, ...)" in line


def test_train_export_and_evaluate_from_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for k in range(4):
        write_trial(tmp_path / f"s{k}_W_0.parquet", made_up_trial(f"s{k}", k, seconds=1.6))
    recipe = "--batch 4 --outputs 16 --max-epochs 1 --min-epochs 1 --epoch-steps 1 --folds 4"
    data, run, out = str(tmp_path), str(tmp_path / "run"), str(tmp_path / "out")
    assert cli.main(["train", data, "--run", run, *recipe.split()]) == 0
    assert cli.main(["export", run, data, "--out", out, "--name", "tiny"]) == 0
    assert cli.main(["evaluate", out, data]) == 0
    printed = capsys.readouterr().out
    assert "| knee_angle_moment | Nm/kg |" in printed
    manifest = bundles.load(tmp_path / "out").manifest
    assert manifest.name == "tiny"
    assert manifest.card["recipe"]["learning_rate"] == 5e-5
    assert manifest.card["training"]["subjects"] == 2

    assert cli.main(["export", run, data, "--test", data, "--out", out]) == 2
    assert "were trained on; choose others" in capsys.readouterr().err

    told = json.loads((tmp_path / "run" / runs.RUN).read_text())
    training = manifest.card["training"]
    assert (training["code"], training["torch"]) == (told["code"], told["torch"])
    assert training["sha256"] == told["data"]["sha256"]
    write_trial(tmp_path / "s0_W_0.parquet", made_up_trial("s0", 9, seconds=1.6))
    assert cli.main(["export", run, data, "--out", str(tmp_path / "other")]) == 2
    assert "4 trials, hash" in capsys.readouterr().err
    assert not (tmp_path / "other").exists()


def test_the_offline_way_of_a_run_is_kept_to_by_its_bundle(tmp_path: Path) -> None:
    for k in range(4):
        write_trial(tmp_path / f"s{k}_W_0.parquet", made_up_trial(f"s{k}", k, seconds=1.6))
    recipe = "--batch 4 --outputs 16 --max-epochs 1 --min-epochs 1 --epoch-steps 1 --folds 4 --way offline"
    data, run, out = str(tmp_path), tmp_path / "run", tmp_path / "out"
    assert cli.main(["train", data, "--run", str(run), *recipe.split()]) == 0
    offline, device = (opening.data_hash(dataset.load(tmp_path, way=way)) for way in ("offline", "device"))
    assert offline != device
    assert json.loads((run / runs.RUN).read_text())["data"]["sha256"] == offline
    assert cli.main(["export", str(run), data, "--out", str(out), "--name", "tiny"]) == 0
    manifest = bundles.load(out).manifest
    assert manifest.card["training"]["sha256"] == offline
    assert "splined onto the grid afterwards" in card_text.markdown(manifest)


def test_wearers_kept_for_evaluation_are_refused_by_train_and_by_export(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for k in range(4):
        write_trial(tmp_path / f"vw-{k}_W_0.parquet", made_up_trial(f"vw-{k}", k, seconds=1.6))
    data, run = str(tmp_path), tmp_path / "run"
    assert cli.main(["train", data, "--run", str(run), "--folds", "4"]) == 2
    assert "virtual wearers of seeds below 1000 are kept" in capsys.readouterr().err
    assert not run.exists()

    run.mkdir()
    split = {"train": ["vw-1", "vw-2"], "validation": ["s1"], "test": ["s2"]}
    (run / runs.CONFIG).write_text(json.dumps({"config": {}, "split": split}))
    out = tmp_path / "out"
    assert cli.main(["export", str(run), data, "--out", str(out)]) == 2
    assert "vw-1, vw-2: virtual wearers" in capsys.readouterr().err
    assert not out.exists()


def test_a_wrong_folder_is_one_clear_line_and_status_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["evaluate", str(tmp_path), str(tmp_path)]) == 2
    assert "manifest.json: no such file" in capsys.readouterr().err


def test_virtual_wearers_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["virtual", "--out", str(tmp_path), "--subjects", "7", "--tasks", "PS", "--seconds", "2"]
    assert cli.main(arguments) == 0
    written = sorted(path.name for path in tmp_path.iterdir())
    assert written == ["vw-7_PS_0.parquet", "vw-7_neutral_0.parquet"]
    before = (tmp_path / "vw-7_PS_0.parquet").stat().st_mtime_ns
    assert cli.main(arguments) == 0
    assert (tmp_path / "vw-7_PS_0.parquet").stat().st_mtime_ns == before
    assert "2 of 2 trials" in capsys.readouterr().out
