"""What came out, in numbers and in words."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

pytest.importorskip("torch")

from models.sweep import plan, state, tables
from models.sweep.spec import Spec

SPEC = Spec(ablations=("all", "without back"), outcomes=("hip_flexion", "knee_angle_moment"))
JOBS = plan.jobs(SPEC, ["a", "b", "c"])
# RMSE of the hip by ablation and fold.
HIP = {"all": {"a": 5.0, "b": 6.0, "c": 7.0}, "without back": {"a": 6.0, "b": 8.0, "c": 10.0}}


@pytest.fixture
def done(tmp_path: Path) -> Path:
    for job in JOBS:
        rows = [
            {"outcome": "hip_flexion", "rmse": HIP[job.ablation][job.fold], "rmse_raw": 9.0, "r2": 0.5},
            {"outcome": "knee_angle_moment", "rmse": 0.25, "rmse_raw": 0.5, "r2": 0.25},
        ]
        place = state.job_folder(tmp_path, job.name)
        place.mkdir(parents=True)
        state.write(place / state.DONE, {"job": job.as_table(), "rows": rows})
    return tmp_path


def test_every_model_has_a_row(done: Path) -> None:
    tables.write(done, JOBS)
    with (done / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3 * 2 * 2
    assert {(row["fold"], row["ablation"], float(row["rmse"])) for row in rows if row["unit"] == "deg"} == {
        (fold, ablation, rmse) for ablation, by_fold in HIP.items() for fold, rmse in by_fold.items()
    }
    assert (
        "| hip_flexion | deg | 3 | 6.00 ± 1.00 | 9.00 ± 0.00 | 0.500 ± 0.000 |"
        in (done / "results.md").read_text()
    )


def test_what_an_ablation_costs_is_taken_fold_by_fold(done: Path) -> None:
    tables.write(done, JOBS)
    with (done / "ablation.csv").open() as file:
        hip = next(row for row in csv.DictReader(file) if row["outcome"] == "hip_flexion")
    # 1, 2 and 3 degrees more, whatever the folds' own spread.
    assert (float(hip["increase"]), float(hip["increase_sd"]), float(hip["rmse_all"])) == (2.0, 1.0, 6.0)
    text = (done / "ablation.md").read_text()
    assert "| hip_flexion | deg | 6.00 | +2.00 ± 1.00 |" in text
    assert "| knee_angle_moment | Nm/kg | 0.250 | +0.000 ± 0.000 |" in text


def test_a_fold_that_is_not_done_does_not_count(done: Path) -> None:
    gone = next(job for job in JOBS if job.fold == "c" and job.ablation == "all")
    (state.job_folder(done, gone.name) / state.DONE).unlink()
    (hip, _) = tables.increases(tables.rows(done, JOBS))
    assert (hip["folds"], hip["increase"], hip["rmse_all"]) == (2, 1.5, 5.5)


def test_nothing_done_is_an_empty_table(tmp_path: Path) -> None:
    assert [path.name for path in tables.write(tmp_path, JOBS)] == ["results.csv", "results.md"]
