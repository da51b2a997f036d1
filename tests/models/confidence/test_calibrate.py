"""A bundle calibrated on made-up people: what it then says of others, and that nothing half-made is left."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from people_of_noise import person

from jetson_runtime.inference import bundle as bundles
from jetson_runtime.inference.bundle import SHIPPED, Bundle, BundleError
from jetson_runtime.suit import signals
from models.bundles import calibrate, card_text
from models.confidence import densities, faults, fit, played, report, trials
from models.data.dataset import Recording, mirrored
from models.network import export


@pytest.fixture(scope="module")
def calibrated(people: list[Recording], tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    out = tmp_path_factory.mktemp("calibrated") / "bundle"
    calibrate.calibrate(SHIPPED, people, out=out, say=lambda _: None)
    return bundles.load(out)


@pytest.fixture(scope="module")
def others() -> list[Recording]:
    return [person(number) for number in range(20, 24)]


def test_the_weights_stay_and_the_card_says_on_whom(calibrated: Bundle, people: list[Recording]) -> None:
    before = bundles.load(SHIPPED).manifest
    assert calibrated.manifest.files.keys() == before.files.keys() | {bundles.CONFIDENCE}
    assert calibrated.manifest.files[bundles.WEIGHTS] == before.files[bundles.WEIGHTS]
    facts = calibrated.manifest.card["confidence"]
    assert facts["people"] == len(people)
    assert facts["false_alarms"] <= densities.FALSE_ALARMS
    assert "calibrated on 12 people" in card_text.markdown(calibrated.manifest)


def test_others_who_do_the_same_are_seldom_warned(calibrated: Bundle, others: list[Recording]) -> None:
    told = trials.false_alarms(trials.fitted_of(calibrated), others)
    assert told["share"] < 0.05


@pytest.mark.parametrize("kind", ["lost", "frozen", "turned 90 about z", "turned 180 about y"])
def test_a_wrong_device_is_named_within_a_second(
    calibrated: Bundle, others: list[Recording], kind: str
) -> None:
    fitted = trials.fitted_of(calibrated)
    every = [fault for fault in (*faults.sudden(), *faults.mounted()) if fault.kind == kind]
    for fault, recording in zip(every, [*others, *others], strict=False):
        told = trials.warnings(fitted, fault.done(recording.rows[:440], 240, recording.name))
        assert set(fault.devices) <= set(told[-1]), fault


def test_somebody_who_does_something_else_is_a_movement(calibrated: Bundle) -> None:
    random = np.random.default_rng(9)
    rows = (np.asarray(signals.CHANNEL_FILL) + random.normal(size=(300, len(signals.CHANNELS)))).astype(
        np.float32
    )
    assert "movement" in trials.warnings(trials.fitted_of(calibrated), rows)[-1]


def test_the_report_tells_coverage_alarms_faults_and_withheld_tasks(
    calibrated: Bundle, people: list[Recording], others: list[Recording], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trials, "ROWS", 700)
    monkeypatch.setattr(faults, "TURNS_DEG", (90,))
    tasked = [dataclasses.replace(r, task=("W", "L")[i % 2]) for i, r in enumerate(people)]
    found = report.result(calibrated, others[:1], faults_each=1, calibration=tasked)
    text = report.markdown(found)
    assert found["faults"]["lost"]["W"]["in_time"] == 1.0
    assert set(found["withheld_tasks"]) == {"W"}
    assert "| lost | 100.0 % |" in text
    assert "Nominal 90.0 %" in text


def test_faults_are_not_left_out_in_silence_where_every_trial_is_too_short(
    calibrated: Bundle, others: list[Recording]
) -> None:
    short = [dataclasses.replace(others[0], rows=others[0].rows[:900], labels=others[0].labels[:900])]
    with pytest.raises(ValueError, match="none of 1 trials is as long as a fault is tried on: 6 s"):
        report.result(calibrated, short, faults_each=1)


def test_looks_at_the_mirrored_person_are_the_mirrored_looks(people: list[Recording]) -> None:
    prediction = densities.fit_prediction([r.rows for r in people])
    rows = people[0].rows
    direct = played.looks_of(mirrored(rows), prediction)
    assert np.allclose(direct, densities.mirrored_looks(played.looks_of(rows, prediction)), atol=2e-3)


def test_a_device_is_predicted_from_the_others_alone(people: list[Recording]) -> None:
    matrix = densities.fit_prediction([r.rows for r in people]).matrix
    for stream in signals.STREAMS:
        own = np.asarray(stream.channels)
        assert not matrix[np.ix_(own, own)].any()
    assert matrix.any()


def test_what_training_did_is_learned_from_those_who_trained(people: list[Recording]) -> None:
    known = bundles.load(SHIPPED)
    found = fit.fit(known, people[:6], people[6:])
    assert found.fitted.faults() == []
    assert found.facts["people"] == 6


def test_who_trained_the_bundle_cannot_calibrate_it(people: list[Recording], tmp_path: Path) -> None:
    folder = Path(shutil.copytree(SHIPPED, tmp_path / "b"))
    known = bundles.load(folder).manifest
    card = {**known.card, "training": {"train": ["s3"], "validation": []}}
    export.sign(folder, known.model_copy(update={"card": card}))
    before = (folder / bundles.MANIFEST).read_bytes()
    with pytest.raises(ValueError, match="was trained on s3; its errors on them"):
        calibrate.calibrate(folder, people, say=lambda _: None)
    assert (folder / bundles.MANIFEST).read_bytes() == before


def test_nobody_tests_what_he_calibrated(calibrated: Bundle, people: list[Recording]) -> None:
    with pytest.raises(ValueError, match="s0: calibrated the bundle and cannot test it"):
        calibrate.tested(calibrated, trials.fitted_of(calibrated), people, people[:1])


def test_a_bundle_that_breaks_while_it_is_made_leaves_the_old_one(tmp_path: Path) -> None:
    out = tmp_path / "b"
    out.mkdir()
    (out / "manifest.json").write_text("stays")

    def broken() -> None:
        with export.whole(out) as fresh:
            (fresh / "half").write_text("made")
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        broken()
    assert [path.name for path in tmp_path.iterdir()] == ["b"]
    assert (out / "manifest.json").read_text() == "stays"


def test_a_damaged_or_alien_confidence_is_refused(calibrated: Bundle, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(calibrated.path, tmp_path / "b"))
    (folder / bundles.CONFIDENCE).write_bytes(b"")
    with pytest.raises(BundleError, match=r"confidence\.npz: sha256 is .* damaged"):
        bundles.load(folder)
    np.savez(folder / bundles.CONFIDENCE, coverage=np.array(0.9))
    export.sign(folder, calibrated.manifest)
    with pytest.raises(BundleError, match=r"confidence\.npz: has no .*; make it anew"):
        bundles.load(folder).confidence()
    with np.load(calibrated.path / bundles.CONFIDENCE) as table:
        arrays = dict(table) | {"factor": np.ones(7)}
    np.savez(folder / bundles.CONFIDENCE, **arrays)
    export.sign(folder, calibrated.manifest)
    with pytest.raises(BundleError, match=r"factor: shape is \(7,\), the suit's is \(8,\)"):
        bundles.load(folder).confidence()


def test_a_bundle_that_was_never_calibrated_says_so() -> None:
    manifest = bundles.load(SHIPPED).manifest
    bare = manifest.model_copy(
        update={"files": {n: h for n, h in manifest.files.items() if n != bundles.CONFIDENCE}}
    )
    assert "frames hold no interval and warn of nothing" in card_text.markdown(bare)
    known = dataclasses.replace(bundles.load(SHIPPED), manifest=bare)
    assert known.confidence() is None
    with pytest.raises(BundleError, match=r"has no confidence\.npz; make it with `second-skin-lab calibrate"):
        trials.fitted_of(known)


def test_the_file_is_the_same_for_the_same_people(people: list[Recording], tmp_path: Path) -> None:
    """However many processes make it."""
    made = [fit.fit(bundles.load(SHIPPED), people[:5], processes=n).fitted for n in (1, 2)]
    for name, fitted in zip("ab", made, strict=True):
        calibrate.write(tmp_path / name, fitted)
    assert json.dumps(list(made[0].threshold)) == json.dumps(list(made[1].threshold))
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
