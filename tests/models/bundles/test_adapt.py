"""A bundle is trained on: promoted where nobody loses, refused where one outcome gets worse."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch")

from made_up_trials import made_up_trial

import models
from jetson_runtime.inference import bundle as bundles
from jetson_runtime.suit import signals
from jetson_runtime.suit.trial import write_trial
from models.bundles import card_text
from models.bundles.adapt import RECIPE, adapt
from models.cli import main

DEMO = Path(models.__file__).parent / "bundles" / "demo"
QUICK = ["--learning-rate=5e-3", "--max-epochs=2", "--epoch-steps=4", "--batch=2", "--outputs=8"]


def _people(folder: Path, seeds: dict[str, list[int]], wrong: str = "") -> Path:
    """Trials of made-up people, far from anything that the shipped bundle knows; `wrong`: a label of the other sign."""
    folder.mkdir(exist_ok=True)
    for name, of in seeds.items():
        for seed in of:
            trial = made_up_trial(name, seed, 3.0)
            if wrong:
                labels = trial.labels.copy()
                for i, label in enumerate(signals.LABEL_NAMES):
                    if label in (wrong, wrong.replace("_r", "_l")):
                        labels[:, i] = 80.0 - labels[:, i]
                trial = replace(trial, labels=labels)
            write_trial(folder / f"{name}_{seed}.parquet", trial)
    return folder


@pytest.fixture(scope="module")
def judging_people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _people(tmp_path_factory.mktemp("withheld"), {"x": [20], "y": [21]})


def test_a_bundle_that_gets_better_for_the_withheld_is_promoted_with_its_ancestry(
    tmp_path: Path, judging_people: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = _people(tmp_path / "data", {"a": [1], "b": [2], "c": [3]})
    out = tmp_path / "new"
    words = ["adapt", str(DEMO), str(data), "--test", str(judging_people), "--out", str(out), *QUICK]
    assert main(words) == 0
    told = capsys.readouterr().out
    assert "| hip_flexion | deg |" in told
    assert f"{out}: " in told
    assert "NO INTERVALS AND NO WARNINGS" in told
    assert "STOPPED BY THE SAME PEOPLE" not in told
    old, new = bundles.load(DEMO), bundles.load(out)
    (parent,) = new.manifest.card["ancestry"]
    assert (parent["sha256"], parent["subjects"], parent["trials"]) == (
        old.manifest.sha256, ["a", "b", "c"], 3,
    )  # fmt: skip
    card = new.manifest.card
    assert card["test_subjects"] == ["x", "y"]
    assert "virtual" not in card["note"], "the new people are none"
    assert (
        card["errors"]["hip_flexion"]["network"]["rmse"]
        != old.manifest.card["errors"]["hip_flexion"]["network"]["rmse"]
    )
    report = json.loads((tmp_path / "new.report.json").read_text())
    assert report["promoted"] is True
    assert [line.partition(" in the")[0] for line in report["remarks"]] == ["NO INTERVALS AND NO WARNINGS"]
    before, after = report["before"]["rmse"], report["after"]["rmse"]
    for outcome in signals.OUTCOME_NAMES:
        assert after[outcome] <= before[outcome] * 1.0001
        assert (after[outcome] == pytest.approx(before[outcome], rel=1e-4)) == (outcome in parent["kept"])
    assert sum(after[outcome] < 0.8 * before[outcome] for outcome in after) >= 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "new", "new.report.json"]

    # The same data, the same bundle: to the last bit.
    again = tmp_path / "again"
    assert main([*words[:6], str(again), *QUICK]) == 0
    assert bundles.load(again).manifest.sha256 == new.manifest.sha256

    # Nobody of the ancestors' data can judge a grandchild.
    third = _people(tmp_path / "third", {"d": [30], "e": [31]})
    with pytest.raises(ValueError, match="b: cannot judge, the bundle is or was trained on them"):
        adapt(out, third, _people(tmp_path / "judge", {"b": [2]}), tmp_path / "grandchild")


def test_a_bundle_that_gets_worse_in_one_outcome_is_not_written(
    tmp_path: Path, judging_people: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The new people's knees are told the other way round; everything else they tell well."""
    data = _people(tmp_path / "data", {"a": [1], "b": [2], "c": [3]}, wrong="knee_angle_r")
    out = tmp_path / "new"
    words = ["adapt", str(DEMO), str(data), "--test", str(judging_people), "--out", str(out), *QUICK]
    assert main(words) == 1
    told = capsys.readouterr().out
    assert f"{out}: not written" in told
    assert "knee_angle: rmse " in told
    assert "hip_flexion: rmse " not in told
    assert not out.exists()
    report = json.loads((tmp_path / "new.report.json").read_text())
    assert report["promoted"] is False
    assert {line.partition(":")[0] for line in report["worse"]} == {"knee_angle"}
    assert report["after"]["rmse"]["knee_angle"] > report["before"]["rmse"]["knee_angle"]


def test_what_is_refused(tmp_path: Path, judging_people: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def told(data: Path, test: Path) -> str:
        out = tmp_path / "out"
        assert main(["adapt", str(DEMO), str(data), "--test", str(test), "--out", str(out), *QUICK]) == 2
        assert not list(tmp_path.glob("out*"))
        return capsys.readouterr().err

    same = _people(tmp_path / "same", {"x": [5], "z": [6]})
    assert "x: cannot judge" in told(same, judging_people)
    one = _people(tmp_path / "one", {"a": [1]})
    assert "one trial alone cannot be trained on" in told(one, judging_people)

    def calibrated_by(people: Path) -> str:
        out = ["--out", str(tmp_path / "out"), "--calibrate", str(people), *QUICK]
        assert main(["adapt", str(DEMO), str(three), "--test", str(judging_people), *out]) == 2
        return capsys.readouterr().err

    three = _people(tmp_path / "three", {"a": [1], "b": [2], "c": [3]})
    assert "x: in --calibrate and in --test" in calibrated_by(_people(tmp_path / "both", {"x": [5]}))
    assert "intervals need 5 people, here are 1" in calibrated_by(_people(tmp_path / "few", {"q": [5]}))
    assert "a, b, c: cannot judge" in calibrated_by(three)


def test_two_people_validate_by_whole_trials(tmp_path: Path) -> None:
    from models.bundles.adapt import _split
    from models.data import dataset

    shared, split = _split(dataset.load(_people(tmp_path / "two", {"a": list(range(5)), "b": [5, 6]})))
    by_role = {
        role: [one.name for one in shared if one.subject in names]
        for role, names in (("train", split.train), ("validation", split.validation))
    }
    assert len(by_role["train"]) + len(by_role["validation"]) == len(shared) == 7
    assert len(by_role["validation"]) == 2
    assert not set(by_role["train"]) & set(by_role["validation"])


def test_a_bundle_of_one_person_says_who_stopped_it_and_a_calibrated_one_has_intervals(
    tmp_path: Path,
) -> None:
    data = _people(tmp_path / "data", {"a": [1, 2]})
    test = _people(tmp_path / "test", {"x": [20]})
    others = _people(tmp_path / "others", {f"q{k}": [40 + k] for k in range(5)})
    config = replace(
        RECIPE, learning_rate=1e-9, min_epochs=1, max_epochs=1, epoch_steps=1, batch=2, outputs=8
    )
    out = tmp_path / "new"
    found = adapt(DEMO, data, test, out, config=config, calibration=others, say=lambda line: None)
    assert [line.partition(":")[0] for line in found.remarks] == ["STOPPED BY THE SAME PEOPLE"]
    manifest = bundles.load(out).manifest
    assert bundles.CONFIDENCE in manifest.files
    assert manifest.card["confidence"]["people"] == 5
    assert "stopped by other trials of the very people" in card_text.markdown(manifest)
