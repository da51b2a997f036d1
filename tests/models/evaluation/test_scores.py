"""The paper's measures against hand-made cases."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.evaluation import scores
from models.evaluation.scores import Scores
from models.evaluation.series import Series


def _one(subject: str, task: str, errors: tuple[float, float], rows: int = 400) -> Series:
    """The right side off by the first error, the left (and the lower back) by the second."""
    truth = np.tile(np.sin(np.arange(rows) / 30.0)[:, None], (1, 14))
    estimate = truth.copy()
    for i, label in enumerate(scores.signals.LABEL_NAMES):
        estimate[:, i] += errors[0] if "_r" in label else errors[1]
    return Series(f"{subject}_{task}_{rows}", subject, task, "", truth, {"tcn": estimate})


def test_points_are_pooled_within_a_subject_and_subjects_weigh_the_same() -> None:
    long, short = _one("a", "W", (3.0, 3.0), 900), _one("a", "L", (1.0, 1.0), 300)
    other = _one("b", "W", (5.0, 5.0), 300)
    table = Scores(score for one in (long, short, other) for score in scores.of_series(one))
    own = np.sqrt((900 * 9 + 300 * 1) / 1200)
    spread = table.spread(scores.rmse, "tcn", "knee_angle")
    assert spread.mean == pytest.approx((own + 5.0) / 2)
    assert spread.sd == pytest.approx(np.std([own, 5.0], ddof=1))
    assert spread.subjects == 2
    pooled = np.sqrt((900 * 9 + 300 * 1 + 300 * 25) / 1500)
    assert scores.rmse(table.of("tcn", "knee_angle")) == pytest.approx(pooled)


def test_sides_are_pooled_and_can_be_had_apart() -> None:
    table = Scores(scores.of_series(_one("a", "W", (1.0, 3.0))))
    assert scores.rmse(table.of("tcn", "ankle_angle")) == pytest.approx(np.sqrt(5.0))
    assert scores.rmse(table.of("tcn", "ankle_angle", side="r")) == pytest.approx(1.0)
    assert scores.rmse(table.of("tcn", "ankle_angle", side="l")) == pytest.approx(3.0)
    assert scores.rmse(table.of("tcn", "lumbar_extension", side="l")) == pytest.approx(3.0)
    assert scores.mae(table.of("tcn", "ankle_angle")) == pytest.approx(2.0)


def test_groups_are_the_tasks_and_cyclic_is_walking_alone() -> None:
    trials = [_one("a", "W", (1.0, 1.0)), _one("a", "SH", (2.0, 2.0)), _one("a", "other:jump", (4.0, 4.0))]
    table = Scores(score for one in trials for score in scores.of_series(one))
    assert scores.groups_of(table.tasks) == ("overall", "cyclic", "non-cyclic", "SH", "W", "other:jump")
    of = {
        group: scores.rmse(table.of("tcn", "knee_angle", group=group))
        for group in scores.groups_of(table.tasks)
    }
    assert of["cyclic"] == of["W"] == pytest.approx(1.0)
    assert of["SH"] == pytest.approx(2.0)
    assert of["non-cyclic"] == pytest.approx(np.sqrt(10.0))
    assert of["overall"] == pytest.approx(np.sqrt(7.0))
    assert scores.groups_of({"W"}) == ("overall", "W")


def test_rows_without_truth_count_nowhere() -> None:
    one = _one("a", "W", (2.0, 2.0))
    truth = one.truth.copy()
    truth[:100] = np.nan
    truth[:, 2] = np.nan
    table = Scores(scores.of_series(replace(one, truth=truth)))
    assert scores.rmse(table.of("tcn", "hip_flexion")) == pytest.approx(2.0, abs=1e-3)
    assert all(score.points == 300 for score in table.all)
    assert np.isnan(scores.rmse(table.of("tcn", "hip_flexion", group="L")))
    assert len({score.label for score in table.all}) == 13


def test_r2_is_averaged_over_trials_and_skill_is_of_rmse(cohort: list[Series]) -> None:
    noisy = replace(cohort[1], estimates={"tcn": np.random.default_rng(0).standard_normal((800, 14))})
    table = Scores(score for one in (cohort[0], noisy) for score in scores.of_series(one))
    each = [scores.r2([score]) for score in table.of("tcn", "lumbar_extension")]
    assert each[0] == pytest.approx(1.0) and each[1] < 0.3
    assert scores.r2(table.of("tcn", "lumbar_extension")) == pytest.approx(np.mean(each))
    own = Scores(scores.of_series(cohort[0]))
    assert scores.skill(own.of("tcn", "knee_angle"), own.of("ridge", "knee_angle")) == pytest.approx(2 / 3)


def test_skill_is_each_subjects_own_then_their_mean_however_much_they_moved() -> None:
    """Errors 1 of 4 (0.75) and 3 of 4 (0.25), the second three times as long; pooled it would be 0.34."""
    truth = np.sin(np.arange(1200) / 30.0)[:, None] * np.ones(14)
    made = [
        Series(name, name, "W", "", truth[:rows], {"tcn": truth[:rows] + off, "ridge": truth[:rows] - 4.0})
        for name, off, rows in (("a", 1.0, 400), ("b", 3.0, 1200))
    ]
    alone = replace(made[0], name="c", subject="c", estimates={"tcn": truth[:400] + 2.0})
    table = Scores(score for one in (*made, alone) for score in scores.of_series(one))
    own, reference = table.of("tcn", "knee_angle"), table.of("ridge", "knee_angle")
    assert scores.skill(own, reference) == pytest.approx(0.5, abs=1e-3)
    assert np.isnan(scores.skill(own, []))


def test_what_was_sent_is_scored_beside_what_was_filtered(cohort: list[Series]) -> None:
    shake = 0.5 * np.sin(2 * np.pi * 40 * np.arange(800) / 200.0)[:, None]
    one = replace(cohort[0], estimates={"tcn": cohort[0].estimates["tcn"] + shake})
    table = Scores(scores.of_series(one))
    assert scores.rmse(table.of("tcn", "knee_angle")) == pytest.approx(1.0, abs=0.005)
    assert scores.rmse(table.of("tcn", "knee_angle", filtered=False)) == pytest.approx(
        np.sqrt(1.125), abs=0.01
    )
    assert scores.delay_ms(table.of("tcn", "knee_angle", filtered=False)) == pytest.approx(0.0, abs=1.0)
