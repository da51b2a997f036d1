"""What a sweep's file asks for, and what leaving sensors out means."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from jetson_runtime.suit import signals
from models.data.dataset import Recording, mirrored
from models.sweep import plan, spec
from models.sweep.ablation import GROUPS, ablated, left_out
from models.sweep.errors import SweepError
from models.sweep.spec import Spec

PEOPLE = [f"s{k}" for k in range(10)]


def _load(tmp_path: Path, text: str) -> Spec:
    path = tmp_path / "sweep.toml"
    path.write_text(text)
    return spec.load(path)


def test_ten_people_are_eighty_models_in_ten_jobs_or_in_eighty(tmp_path: Path) -> None:
    ten = plan.jobs(_load(tmp_path, ""), PEOPLE)
    assert [job.fold for job in ten] == PEOPLE
    assert all(job.outcomes == signals.OUTCOME_NAMES for job in ten)
    eighty = plan.jobs(_load(tmp_path, 'by = "model"'), PEOPLE)
    assert len({job.name for job in eighty}) == len(eighty) == 80
    assert {(job.fold, *job.outcomes) for job in eighty} == {
        (person, outcome) for person in PEOPLE for outcome in signals.OUTCOME_NAMES
    }
    for job in ten:
        assert job.split.test == (job.fold,)
        assert len(job.split.validation) == 1
        assert len({*job.split.train, *job.split.validation, *job.split.test}) == 10


def test_a_grid_is_trained_with_every_ablation_and_the_rest_is_the_paper_s(tmp_path: Path) -> None:
    asked = _load(
        tmp_path,
        'ablations = ["all", "without back"]\nfolds = ["s3", "s1"]\n[recipe]\nmax_epochs = 80\n'
        "[grid]\nlearning_rate = [5e-5, 1e-4]\nbatch = [8, 16, 32]\n",
    )
    jobs = plan.jobs(asked, PEOPLE)
    assert len(jobs) == 2 * 3 * 2 * 2
    assert {(job.config.learning_rate, job.config.batch) for job in jobs} == {
        (rate, batch) for rate in (5e-5, 1e-4) for batch in (8, 16, 32)
    }
    assert {job.config.max_epochs for job in jobs} == {80}
    assert {job.config.dropout for job in jobs} == {0.15}
    assert [job.name for job in jobs] == [job.name for job in plan.jobs(asked, reversed(PEOPLE))]


def test_taken_literally_the_withheld_subject_validates(tmp_path: Path) -> None:
    for job in plan.jobs(_load(tmp_path, "[recipe]\npaper_literal = true"), PEOPLE):
        assert job.split.validation == job.split.test == (job.fold,)
        assert len(job.split.train) == 9
        assert job.fold not in job.split.train


def test_groups_of_people_can_be_withheld(tmp_path: Path) -> None:
    jobs = plan.jobs(_load(tmp_path, "folds = 5"), PEOPLE)
    assert [job.fold for job in jobs] == [f"fold{i}" for i in range(5)]
    assert sorted(name for job in jobs for name in job.split.test) == PEOPLE


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "[recipe]\nlearning_rat = 1.0",
            "recipe.learning_rat: is no key of the recipe; there are learning_rate",
        ),
        ('[recipe]\nmax_epochs = "many"', "max_epochs: Input should be a valid integer"),
        ('[grid]\nway = ["device", "offline"]', r"grid.way: rows are made in one way for a whole sweep"),
        ("[grid]\nbatch = [8]\n[recipe]\nbatch = 4", r"grid.batch: stands in \[recipe\] too"),
        ("[grid]\nbatch = []", "grid.batch: has no value"),
        ('outcomes = ["knee"]', "outcomes: 'knee' is none of hip_flexion"),
        (
            'ablations = ["without knees"]',
            "is not `all`, `without GROUP.GROUP` or `only .* groups back, pelvis",
        ),
        ('ablations = ["without imus+insoles"]', "leaves no channel to learn from"),
        ('ablations = ["all", "all"]', "ablations: names one twice"),
        ('base = "slow"', "base: 'slow' is none of paper, quick"),
        ("[recipe]\ndropout = 1.5", "dropout is 1.5, 0 to below 1 wanted"),
        ("fold = 3", "fold: Extra inputs are not permitted"),
        ('by = "subject"', "by: Input should be 'fold' or 'model'"),
        ("folds = [", "is not valid TOML"),
        ("folds = -3", "folds: -3 withholds nobody"),
        ("folds = []", r"folds: \(\) withholds nobody"),
    ],
)
def test_a_wrong_file_is_told_with_its_key(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(SweepError, match=told):
        _load(tmp_path, text)


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(SweepError) as raised:
        _load(tmp_path, 'outcomes = ["knee"]\nablations = ["none"]\n[recipe]\nrate = 1')
    assert "3 mistakes" in str(raised.value)


def test_subjects_that_are_not_there_or_too_few(tmp_path: Path) -> None:
    with pytest.raises(SweepError, match="folds: s11: not among the subjects s0, s1"):
        plan.jobs(_load(tmp_path, 'folds = ["s11"]'), PEOPLE)
    with pytest.raises(SweepError, match="folds: leaving one subject out needs 3 subjects"):
        plan.jobs(_load(tmp_path, ""), PEOPLE[:2])


def test_a_group_left_out_is_a_person_standing_still_there(recordings: list[Recording]) -> None:
    before = recordings[0]
    (after,) = ablated([before], "without thighs+force")
    away = list(left_out("without thighs+force"))
    assert {signals.CHANNELS[i].part for i in away} == {"thigh_r", "thigh_l", "foot_r", "foot_l"}
    assert len(away) == 2 * 6 + 2
    assert np.all(after.rows[:, away] == np.asarray(signals.CHANNEL_FILL, np.float32)[away])
    kept = [i for i in range(54) if i not in away]
    assert np.array_equal(after.rows[:, kept], before.rows[:, kept])
    assert np.array_equal(after.labels, before.labels, equal_nan=True)
    assert not np.array_equal(before.rows[:, away], after.rows[:, away]), "the recordings given were changed"
    # The left leg misses the same sensors: the mirror leaves a fill a fill.
    assert np.array_equal(mirrored(after.rows)[:, away], after.rows[:, away])


def test_only_is_without_the_rest() -> None:
    assert left_out("all") == ()
    assert left_out("only imus") == left_out("without insoles")
    assert left_out("only gyro") == left_out("without accel+insoles")
    assert left_out("only accel+gyro") == left_out("without force+centre")
    assert left_out("without feet+insoles") == left_out("without insole_r+insole_l")
    for pair in ("thigh", "shank"):
        assert left_out(f"without {pair}s") == left_out(f"without imu_{pair}_r+imu_{pair}_l")
    places = [GROUPS[name] for name in ("back", "pelvis", "thighs", "shanks", "feet", "insoles")]
    assert sum(map(len, places)) == len(frozenset[int]().union(*places)) == 54
