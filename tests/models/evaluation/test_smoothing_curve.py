"""Errors against a client's low-pass: the same numbers as the client's own, and what they must show."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("scipy")

from jetson_runtime.inference.bundle import SHIPPED
from jetson_runtime.stream import smoothing as client
from jetson_runtime.stream.smoothing import LowPass
from jetson_runtime.suit.signals import LABEL_NAMES, RATE_HZ
from models import cli
from models.evaluation import smoothing
from models.evaluation.series import COLUMNS, Series
from models.virtual_wearer import cohort

COUNT = 2000


def series_of(estimate: np.ndarray, truth: np.ndarray) -> Series:
    columns = (COUNT, len(LABEL_NAMES))
    return Series(
        "a",
        "s",
        "W",
        "W1",
        np.broadcast_to(truth[:, None], columns).copy(),
        {"tcn": np.broadcast_to(estimate[:, None], columns).copy()},
    )


def test_it_is_the_clients_own_filter_to_rounding_gaps_included() -> None:
    values = np.random.default_rng(0).normal(size=(400, 2)).cumsum(axis=0)
    values[100:130, 0] = np.nan
    values[0, 1] = np.nan
    low_pass = LowPass(6.0)
    told = smoothing.smoothed(values, low_pass)
    for column, expected in zip(told.T, values.T, strict=True):
        one = client.Series(low_pass)
        np.testing.assert_allclose(column, [one.update(float(value)) for value in expected], rtol=1e-9)


def test_noise_shrinks_and_movement_comes_late() -> None:
    random = np.random.default_rng(1)
    truth = 30.0 * np.sin(2 * np.pi * 1.0 * np.arange(COUNT) / RATE_HZ)
    rows = smoothing.curve([series_of(truth + random.normal(0, 5.0, COUNT), truth)], (10.0, 1.0))
    as_sent, mild, strong = rows
    assert (as_sent["cutoff_hz"], as_sent["delay_ms"], as_sent["roughness"]) == (None, 0.0, 1.0)
    assert mild["rmse"]["knee_angle"] < as_sent["rmse"]["knee_angle"] < strong["rmse"]["knee_angle"]
    assert mild["roughness"] < 0.1
    assert as_sent["delay_ms"] < mild["delay_ms"] < strong["delay_ms"]
    assert mild["late_ms"]["knee_angle"] - as_sent["late_ms"]["knee_angle"] == pytest.approx(
        mild["delay_ms"], abs=3.0
    )


def test_what_is_not_known_anywhere_is_not_told() -> None:
    nothing = np.full(COUNT, np.nan)
    (row,) = smoothing.curve([series_of(nothing, nothing)], ())
    assert all(map(math.isnan, row["rmse"].values()))
    assert "| as sent | 0.0 | - |" in smoothing.markdown([row], 1, 1)


def test_the_command_tells_the_curve_of_a_bundle(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cohort.write(tmp_path, range(700, 701), ("W1",), 4.0)
    assert cli.main(["smoothing", str(SHIPPED), str(tmp_path)]) == 0
    told = capsys.readouterr().out
    assert "RMSE, each person's averaged; 1 people" in told
    assert f"| cut-off Hz | delay ms | roughness | {next(iter(COLUMNS))} deg |" in told
    lines = [line for line in told.splitlines() if line.startswith("| 6 |")]
    assert len(lines) == 2
    assert LowPass(6.0).delay_ms == pytest.approx(float(lines[0].split("|")[2]), abs=0.1)
