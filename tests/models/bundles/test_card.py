"""The model card: what a run, a measurement and an older bundle put on it, and how it reads."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from made_up_trials import made_up_trial

from jetson_runtime.inference import bundle as bundles
from jetson_runtime.inference.bundle import SHIPPED, Manifest
from jetson_runtime.suit import signals
from jetson_runtime.suit.trial import write_trial
from models.bundles import card, card_text
from models.cli import main
from models.data import dataset
from models.network import lineage


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    for k in range(2):
        write_trial(folder / f"s{k}_W_0.parquet", made_up_trial(f"s{k}", k, seconds=3.0))
    return folder


@pytest.fixture(scope="module")
def measured(data: Path) -> dict[str, object]:
    return card.measured(SHIPPED, data, dataset.load(data))


def _with(**entries: object) -> Manifest:
    shipped = bundles.load(SHIPPED).manifest
    return shipped.model_copy(update={"card": {**card.unmeasured(shipped.card), **entries}})


def test_errors_are_told_by_outcome_task_side_and_missing_sensor(measured: dict[str, object]) -> None:
    assert measured.keys() <= set(card.MEASURED)
    without = measured["without"]
    assert isinstance(without, dict)
    assert list(without) == ["none", *signals.STREAM_NAMES]
    assert all(set(of) == set(signals.OUTCOME_NAMES) for of in without.values())
    assert without["insole_r"]["ankle_angle_moment"] != without["none"]["ankle_angle_moment"]
    text = card_text.markdown(_with(**measured))
    assert "2 people, 2 trials" in text
    assert "| RMSE as sent, by task | walking (W) |" in text
    assert "| RMSE filtered, by side | right | left |" in text
    shown = f"{without['insole_r']['knee_angle']:.2f}"
    assert shown in next(
        line for line in text.split("RMSE as sent, without")[1].splitlines() if "knee_angle |" in line
    )


def test_a_lost_sensor_costs_what_the_network_makes_of_its_fill_values(
    data: Path, measured: dict[str, object]
) -> None:
    recordings = dataset.load(data)
    channels = list(signals.STREAMS[signals.STREAM_INDEX["imu_back"]].channels)
    for recording in recordings:
        recording.rows[:, channels] = np.asarray(signals.CHANNEL_FILL)[channels]
    again = card.measured(SHIPPED, data, recordings)
    without = measured["without"]
    assert isinstance(without, dict)
    assert again["without"]["none"] == pytest.approx(without["imu_back"])


def test_what_was_measured_of_other_weights_goes() -> None:
    of_old = {"recipe": {"seed": 0}, "errors": {}, "confidence": {}, "by_task": {}, "limits": ["x"]}
    assert card.unmeasured(of_old) == {"recipe": {"seed": 0}, "limits": ["x"]}


def test_everybody_who_ever_trained_it_is_known() -> None:
    of = {
        "training": {"train": ["a"], "validation": ["b"]},
        "ancestry": [{"subjects": ["c", "d"]}],
    }
    assert lineage.trained_on(of) == {"a", "b", "c", "d"}
    assert lineage.trained_on({}) == set()


def test_an_empty_card_reads_as_what_it_is() -> None:
    text = card_text.markdown(bundles.load(SHIPPED).manifest.model_copy(update={"card": {}}))
    assert "Not told" in text
    assert "Not measured" in text


def test_imported_weights_and_ancestors_are_named() -> None:
    text = card_text.markdown(
        _with(
            training={},
            imported={"knee_angle": {"file": "knee.pt", "sha256": "ab"}},
            ancestry=[{"name": "first", "sha256": "cd" * 32, "subjects": ["x"], "trials": 3, "hours": 0.1}],
        )
    )
    assert "trained elsewhere: knee_angle: knee.pt" in text
    assert "first (cdcdcdcdcdcd), trained on with 3 trials of 1 people, 0.1 h" in text


def test_deviations_from_the_paper_stand_beside_it() -> None:
    text = card_text.markdown(_with(deviations={"batch": {"paper": 8, "here": 6}}))
    assert "the paper's but for batch 6 (paper: 8)" in text
    text = card_text.markdown(_with(deviations={}, ours={"loss in": "SDs of the outcome"}))
    assert "Recipe: the paper's. Ours where the paper is silent: loss in SDs of the outcome." in text
    assert "Recipe: the paper's." in card_text.markdown(_with(deviations={}))


def test_the_command_prints_text_or_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["card", str(SHIPPED)]) == 0
    assert capsys.readouterr().out.startswith("# ")
    assert main(["card", str(SHIPPED), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["card"] == bundles.load(SHIPPED).manifest.card


def test_a_folder_without_a_bundle_is_one_line_and_status_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["card", str(tmp_path)]) == 2
    assert "no such file" in capsys.readouterr().err
