"""Series on disk, and which labels belong to an outcome."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from jetson_runtime.suit import signals
from models.evaluation import series as of
from models.evaluation.series import Series


def test_an_outcome_pools_right_and_left_and_the_lower_back_is_one() -> None:
    names = {outcome: [signals.LABEL_NAMES[i] for i in columns] for outcome, columns in of.COLUMNS.items()}
    assert names["knee_angle_moment"] == ["knee_angle_r_moment", "knee_angle_l_moment"]
    assert names["lumbar_extension"] == ["lumbar_extension"]
    assert sorted(label for labels in names.values() for label in labels) == sorted(signals.LABEL_NAMES)


def test_series_come_back_from_disk_as_they_were(tmp_path: Path, cohort: list[Series]) -> None:
    gap = cohort[0].truth.copy()
    gap[10:20, 3] = np.nan
    written = [replace(cohort[0], truth=gap, condition="W3"), cohort[3]]
    of.save(tmp_path / "series.npz", written)
    assert [path.name for path in tmp_path.iterdir()] == ["series.npz"]
    back = of.load(tmp_path / "series.npz")
    for was, now in zip(written, back, strict=True):
        assert (was.name, was.subject, was.task, was.condition) == (
            now.name,
            now.subject,
            now.task,
            now.condition,
        )
        np.testing.assert_allclose(now.truth, was.truth, atol=1e-6)
        assert list(now.estimates) == list(was.estimates)
        np.testing.assert_allclose(now.estimates["ridge"], was.estimates["ridge"], atol=1e-6)


def test_truth_and_estimates_are_filtered_alike(cohort: list[Series]) -> None:
    shake = np.sin(2 * np.pi * 40 * np.arange(800) / 200.0)[:, None]
    one = cohort[0]
    shaken = replace(one, estimates={"tcn": one.estimates["tcn"] + shake}).filtered()
    error = shaken.estimates["tcn"] - shaken.truth
    np.testing.assert_allclose(error[100:-100], 1.0, atol=1e-3)
