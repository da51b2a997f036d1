"""Disturbances do to the rows what their names say, and the error is told against the undisturbed suit."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_up_trials import made_up_trial

from jetson_runtime.inference import bundle as bundles
from jetson_runtime.suit import signals
from jetson_runtime.suit.trial import Trial, write_trial
from models import cli
from models.evaluation import robustness
from models.evaluation.disturbances import Disturbance, disturbances, rows_of

THIGH = list(signals.STREAMS[signals.STREAM_INDEX["imu_thigh_l"]].channels)
OTHERS = [i for i in range(54) if i not in THIGH]


@pytest.fixture(scope="module")
def trial() -> Trial:
    return made_up_trial("s0", 0, seconds=3.0)


@pytest.fixture(scope="module")
def plain(trial: Trial) -> np.ndarray:
    return rows_of("a", trial, Disturbance("none"))


def test_every_sensor_and_amount_is_among_them_and_nothing_wrong_comes_first() -> None:
    every = disturbances()
    assert every[0] == Disturbance("none")
    assert len(every) == len(set(every)) == 1 + 6 * 9 + 8 + 10 * 8 + 5 * 8 * 3
    assert {one.stream for one in disturbances(["lost"])[1:]} == set(signals.STREAM_NAMES)
    with pytest.raises(ValueError, match="no disturbance rain"):
        disturbances(["rain"])


@pytest.mark.parametrize("kind", ["dropped", "lost", "clock", "turned"])
def test_only_the_sensor_in_question_is_touched(trial: Trial, plain: np.ndarray, kind: str) -> None:
    axis = "y" if kind == "turned" else ""
    rows = rows_of("a", trial, Disturbance(kind, "imu_thigh_l", 0.2 if kind == "dropped" else 20.0, axis))
    # A tick that waits in vain for a lost sample may meet a newer one of an insole.
    assert np.mean(rows[:, OTHERS] == plain[:, OTHERS]) > (0.99 if kind == "dropped" else 0.99999)
    assert not np.allclose(rows[100:, THIGH], plain[100:, THIGH])


def test_a_lost_sensor_has_no_value_and_lost_samples_are_bridged(trial: Trial, plain: np.ndarray) -> None:
    lost = rows_of("a", trial, Disturbance("lost", "imu_thigh_l", 1.0))
    assert np.isnan(lost[:, THIGH]).all()
    dropped = rows_of("a", trial, Disturbance("dropped", "all", 0.02))
    assert np.isfinite(dropped[50:]).all()
    error = np.abs(dropped - plain)[50:, THIGH]
    assert 0.0 < np.mean(error > 1e-9) < 0.4


def test_a_wrong_clock_moves_a_sensor_in_time(trial: Trial, plain: np.ndarray) -> None:
    """Values of 20 ms, four rows, ago; but for what the aligner makes of other sampling times."""
    rows = rows_of("a", trial, Disturbance("clock", "imu_thigh_l", 20.0))
    scale = np.std(plain[:, THIGH])
    np.testing.assert_allclose(rows[60:, THIGH], plain[56:-4, THIGH], atol=0.02 * scale)
    early = rows_of("a", trial, Disturbance("clock", "imu_thigh_l", -20.0))
    np.testing.assert_allclose(early[60:-8, THIGH], plain[64:-4, THIGH], atol=0.02 * scale)


def test_a_turned_sensor_keeps_its_lengths_and_feels_gravity_askew() -> None:
    still = made_up_trial("s0", 0, seconds=2.0)
    channels = np.tile(np.asarray(signals.CHANNEL_FILL, np.float32), (len(still.time_s), 1))
    rows = rows_of("a", replace(still, channels=channels), Disturbance("turned", "insole_r", 30.0, "z"))
    first = signals.CHANNEL_INDEX["foot_r_accel_x"]
    np.testing.assert_allclose(
        rows[50, first : first + 3],
        9.80665 * np.array([-np.sin(np.pi / 6), np.cos(np.pi / 6), 0.0]),
        atol=1e-3,
    )


def test_tables_and_figure_from_the_command_line(
    tmp_path: Path, trial: Trial, capsys: pytest.CaptureFixture[str]
) -> None:
    write_trial(tmp_path / "s0_W_0.parquet", trial)
    write_trial(tmp_path / "blind.parquet", replace(trial, labels=np.full_like(trial.labels, np.nan)))
    arguments = ["robustness", str(bundles.SHIPPED), str(tmp_path), "--out", str(tmp_path / "out")]
    assert cli.main([*arguments, "--only", "lost", "--seconds", "1.5", "--processes", "2"]) == 0
    assert "9 disturbances of 1 trials, 2 s" in capsys.readouterr().out
    with (tmp_path / "out" / "robustness.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    assert len(rows) == 9 * 8
    none = {row["outcome"]: float(row["rmse"]) for row in rows if row["kind"] == "none"}
    for row in rows:
        assert float(row["growth"]) == pytest.approx(float(row["rmse"]) / none[row["outcome"]])
    assert {row["stream"] for row in rows if row["kind"] == "lost"} == set(signals.STREAM_NAMES)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        f"robustness.{ending}" for ending in ("csv", "md", "png", "pdf")
    }
    assert "| one sensor is lost |" in (tmp_path / "out" / "robustness.md").read_text()
    assert cli.main([*arguments, "--only", "rain"]) == 2


def test_what_would_be_lost_or_means_nothing_is_refused_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.md").write_text("mine")
    with pytest.raises(ValueError, match=r"holds thesis\.md, which would be lost"):
        robustness.robustness(bundles.SHIPPED, tmp_path / "no folder", tmp_path / "out")
    for seconds in (-1.0, 0.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match=r"--seconds .*: above 0 wanted"):
            robustness.robustness(bundles.SHIPPED, tmp_path / "no folder", tmp_path / "new", seconds=seconds)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
