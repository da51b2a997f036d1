"""The repeated-measures ANOVA against the hand's own arithmetic."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

pytest.importorskip("pingouin")

from models.evaluation import anova, scores
from models.evaluation.scores import Scores
from models.evaluation.series import Series


def _scored(cohort: list[Series]) -> Scores:
    return Scores(score for one in cohort for score in scores.of_series(one))


def test_with_two_levels_f_is_the_square_of_the_paired_t() -> None:
    values = np.random.default_rng(3).normal([0.0, 0.6], size=(10, 2))
    found = anova.anova(values)
    paired = stats.ttest_rel(values[:, 0], values[:, 1])
    assert found["f"] == pytest.approx(paired.statistic**2)
    assert found["p"] == pytest.approx(paired.pvalue)
    assert found["effect"] == pytest.approx(found["f"] / (found["f"] + 9))
    assert np.isnan(found["mauchly_w"]) and np.isnan(found["mauchly_p"])


def test_with_three_levels_it_is_the_textbook_sum_of_squares() -> None:
    values = np.random.default_rng(4).normal([0.0, 0.4, 1.0], size=(8, 3))
    grand = values.mean()
    between = 8 * ((values.mean(axis=0) - grand) ** 2).sum()
    rest = ((values - values.mean(axis=0) - values.mean(axis=1, keepdims=True) + grand) ** 2).sum()
    found = anova.anova(values)
    assert found["f"] == pytest.approx((between / 2) / (rest / 14))
    assert found["effect"] == pytest.approx(between / (between + rest))
    assert 0.0 < found["mauchly_w"] <= 1.0 and 0.0 < found["mauchly_p"] <= 1.0


def test_a_broken_sphericity_is_corrected_for() -> None:
    random = np.random.default_rng(0)
    common = random.normal(size=(12, 1))
    steady = common + 0.01 * random.normal(size=(12, 1))
    values = np.concatenate([common, steady, 8 * common + 7.0], axis=1)
    found = anova.anova(values)
    assert found["mauchly_p"] < 0.05
    assert found["p"] > stats.f.sf(found["f"], 2, 22)


def test_every_outcome_task_and_measure_is_tested_with_each_subject_once(cohort: list[Series]) -> None:
    made = anova.comparisons(_scored(cohort))
    assert len(made) == 2 * 8 * 3
    knee = next(
        test for test in made if (test.measure, test.group, test.outcome) == ("rmse", "W", "knee_angle")
    )
    assert knee.means == pytest.approx({"tcn": 1.15, "analytical": 2.15 + 14 / 50 / 4})
    assert (knee.subjects, knee.df) == (4, (1, 3))
    by_hand = stats.ttest_rel([1 + k / 10 for k in range(4)], [2 + k / 10 + k**2 / 50 for k in range(4)])
    assert knee.f == pytest.approx(by_hand.statistic**2, rel=1e-3)
    assert knee.p == pytest.approx(by_hand.pvalue, rel=1e-3)


def test_holm_is_over_all_tests_of_a_measure(cohort: list[Series]) -> None:
    made = [test for test in anova.comparisons(_scored(cohort)) if test.measure == "rmse"]
    order = sorted(made, key=lambda test: test.p)
    assert order[0].p_holm == pytest.approx(min(1.0, len(made) * order[0].p))
    wanted, worst = [], 0.0
    for k, test in enumerate(order):
        worst = max(worst, min(1.0, (len(made) - k) * test.p))
        wanted.append(worst)
    assert sorted(test.p_holm for test in made) == pytest.approx(sorted(wanted))
    assert anova.p_values(made)["rmse", "knee_angle", "W"] == pytest.approx(
        next(t.p_holm for t in made if (t.outcome, t.group) == ("knee_angle", "W"))
    )


def test_what_nobody_has_is_not_tested_and_costs_the_others_nothing(cohort: list[Series]) -> None:
    moments = slice(7, 14)
    without = []
    for one in cohort:
        analytical = one.estimates["analytical"].copy()
        analytical[:, moments] = np.nan
        without.append(replace(one, estimates=one.estimates | {"analytical": analytical}))
    made = anova.comparisons(_scored(without))
    for test in made:
        known = not test.outcome.endswith("_moment")
        assert (test.subjects == 4) == known
        assert np.isfinite(test.p) == (known and test.measure == "rmse") or test.measure == "r2"
    lines = anova.markdown(made).splitlines()
    assert "vacuous with two levels" in lines[-1]
    assert len(anova.rows(made)[0]) == len(anova.head(made))
    first = min(test.p for test in made if test.measure == "rmse" and np.isfinite(test.p))
    corrected = min(test.p_holm for test in made if test.measure == "rmse" and np.isfinite(test.p_holm))
    assert corrected == pytest.approx(min(1.0, 12 * first))


def test_the_table_names_every_estimator_and_marks_both_ways_of_counting(cohort: list[Series]) -> None:
    made = anova.comparisons(_scored(cohort), ("tcn", "analytical", "ridge"))
    of = dict(zip(anova.head(made), anova.rows(made)[0], strict=True))
    assert (of["mean_tcn"], of["mean_ridge"]) == pytest.approx((1.15, 3.0), abs=1e-3)
    one = replace(made[0], p=0.03, p_holm=0.4)
    lines = anova.markdown([one]).splitlines()
    cells = dict(
        zip(*([cell.strip() for cell in line.split("|")] for line in (lines[0], lines[2])), strict=True)
    )
    assert (cells["p < 0.05, as in the paper"], cells["Holm < 0.05"]) == ("*", "")
    assert {"tcn", "analytical", "ridge"} <= set(cells)


def test_fewer_than_three_subjects_are_refused(cohort: list[Series]) -> None:
    with pytest.raises(ValueError, match="at least 3 subjects, here are 2"):
        anova.comparisons(_scored(cohort[:4]))
    with pytest.raises(ValueError, match="no trial has an estimate of relative"):
        anova.comparisons(_scored(cohort), ("tcn", "relative"))
