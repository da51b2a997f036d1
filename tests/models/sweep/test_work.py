"""A job's numbers: those of its training, whoever else trains beside it, with what is left out left out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from jetson_runtime.suit import signals
from models import metrics
from models.data.dataset import Recording
from models.evaluation.networks import series
from models.sweep import as_runs, driver, plan, state
from models.sweep.spec import Spec
from models.sweep.work import train_and_score
from models.training import opening, runs

TINY = Spec(
    base="quick",
    folds=("s1",),
    recipe={"batch": 2, "outputs": 4, "min_epochs": 1, "max_epochs": 2, "epoch_steps": 2},
    outcomes=("hip_flexion", "ankle_angle_moment"),
)


@pytest.fixture
def four(recordings: list[Recording]) -> list[Recording]:
    return [replace(one, rows=one.rows[:600], labels=one.labels[:600]) for one in recordings[:4]]


def test_a_model_alone_is_what_it_is_in_its_fold(four: list[Recording], tmp_path: Path) -> None:
    """80 jobs of a model or 10 of a fold: the same 80 networks."""
    people = [one.subject for one in four]
    (fold,) = plan.jobs(TINY, people)
    together = train_and_score(fold, four, tmp_path / "fold")
    alone = plan.jobs(TINY.model_copy(update={"by": "model"}), people)
    assert len(alone) == 2
    apart = [row for job in alone for row in train_and_score(job, four, tmp_path / job.outcomes[0])]
    assert apart == together
    assert not (tmp_path / "hip_flexion" / "s1" / "ankle_angle_moment.pt").exists()
    assert [row["epochs"] for row in apart] == [2, 2]


def test_the_errors_are_those_of_the_best_weights_on_the_withheld(
    four: list[Recording], tmp_path: Path
) -> None:
    (job,) = plan.jobs(TINY, [one.subject for one in four])
    (hip, _) = train_and_score(job, four, tmp_path)
    network = runs.best_network(tmp_path / "s1", "hip_flexion")
    withheld = next(one for one in four if one.subject == "s1")
    made = series({"hip_flexion": network}, withheld).filtered()
    both = [signals.LABEL_NAMES.index(name) for name in ("hip_flexion_r", "hip_flexion_l")]
    assert hip["rmse"] == pytest.approx(
        metrics.rmse(made.estimates["tcn"][:, both], made.truth[:, both]), rel=1e-12
    )


def test_a_long_recording_is_told_in_one_piece(four: list[Recording], tmp_path: Path) -> None:
    """Chunks have their history with them; an unsided outcome is the mean of both passes."""
    import torch

    from models.network.tcn import Tcn

    torch.manual_seed(0)
    network = Tcn().eval()
    one = four[0]
    times = 5
    long = replace(one, rows=np.tile(one.rows, (times, 1)), labels=np.tile(one.labels, (times, 1)))
    made = series({"lumbar_extension": network, "knee_angle": network}, long).estimates["tcn"]
    legs = []
    with torch.no_grad():
        for side in signals.SIDES:
            legs.append(network(torch.from_numpy(long.leg(side)[0])[None])[0].numpy())
    column = signals.LABEL_NAMES.index
    for label, wanted in (
        ("knee_angle_r", legs[0]),
        ("knee_angle_l", legs[1]),
        ("lumbar_extension", np.mean(legs, axis=0)),
    ):
        np.testing.assert_allclose(made[248:, column(label)], wanted[248:], rtol=1e-5, atol=1e-5)
    assert np.isnan(made[:248]).all()
    assert np.isnan(made[:, column("hip_flexion_r")]).all()


def test_what_is_left_out_teaches_nothing(four: list[Recording], tmp_path: Path) -> None:
    """Two data sets that differ in the insoles alone give the same networks without them, others with them."""
    people = [one.subject for one in four]
    insoles = [i for i, name in enumerate(signals.CHANNEL_NAMES) if name.startswith("insole")]
    changed = []
    for one in four:
        rows = one.rows.copy()
        rows[:, insoles] = rows[::-1, insoles]
        changed.append(replace(one, rows=rows))
    rows_of = {}
    for ablation in ("all", "without insoles"):
        (job,) = plan.jobs(TINY.model_copy(update={"ablations": (ablation,)}), people)
        rows_of[ablation] = [
            train_and_score(job, given, tmp_path / f"{ablation}{i}")
            for i, given in enumerate((four, changed))
        ]
    assert rows_of["without insoles"][0] == rows_of["without insoles"][1]
    assert rows_of["all"][0] != rows_of["all"][1]


def test_a_sweep_s_folds_are_those_of_a_run(four: list[Recording], tmp_path: Path) -> None:
    asked = TINY.model_copy(update={"by": "model", "outcomes": signals.OUTCOME_NAMES, "folds": ("s1", "s2")})
    asked = asked.model_copy(update={"recipe": {**TINY.recipe, "max_epochs": 1}})
    jobs = plan.jobs(asked, [one.subject for one in four])
    for job in jobs[:-1]:
        driver.attempt(train_and_score, job, four, tmp_path / "sweep")
    (run,) = as_runs.write(tmp_path / "sweep", jobs)
    assert as_runs.write(tmp_path / "sweep", jobs) == [run]
    (tmp_path / "sweep").rename(tmp_path / "moved")
    run = tmp_path / "moved" / run.relative_to(tmp_path / "sweep")
    assert list(runs.folds(run)) == ["s1"], "one outcome of s2 is not done"
    assert runs.finished(run / "s1")
    assert runs.read_run(run / "s1")["data"]["sha256"] == opening.data_hash(four)
    best = runs.best_networks(run / "s1")
    for job, network in zip(jobs, best.members(), strict=False):
        alone = runs.best_network(
            state.job_folder(tmp_path / "moved", job.name) / "run" / "s1", job.outcomes[0]
        )
        assert all(v.equal(alone.state_dict()[k]) for k, v in network.state_dict().items())
