"""Intervals hold as often as they say for people who were not asked."""

from __future__ import annotations

import numpy as np
import pytest

from jetson_runtime.inference.confidence import WIDTH_INPUTS
from models.confidence import intervals
from models.confidence.played import Errors

OUTCOMES = 8


def _people(count: int, seed: int, rows: int = 300) -> list[Errors]:
    """Errors that grow with the second input, and by a factor of each person's own."""
    random = np.random.default_rng(seed)
    made = []
    for i in range(count):
        inputs = random.normal(size=(rows, 2, WIDTH_INPUTS))
        inputs[..., 0] = 1.0
        size = np.exp(0.8 * inputs[..., 1:2]) * np.exp(0.3 * random.normal())
        error = size * random.normal(size=(rows, 2, OUTCOMES))
        made.append(Errors(f"p{i}", "W", inputs, error, error.mean(axis=1)))
    return made


@pytest.fixture(scope="module")
def fitted() -> intervals.Intervals:
    return intervals.fit(_people(40, 0))


def test_new_people_are_covered_as_often_as_is_said(fitted: intervals.Intervals) -> None:
    new = _people(60, 1)
    covered = np.mean(
        [np.mean(intervals.ratio(e, fitted.width) <= fitted.factor, axis=0) for e in new], axis=0
    )
    assert np.abs(covered - intervals.COVERAGE).max() < 0.03
    covered = [
        np.mean(intervals.ratio_of_mean(e, fitted.width) <= fitted.factor_of_mean, axis=0) for e in new
    ]
    assert np.abs(np.mean(covered, axis=0) - intervals.COVERAGE).max() < 0.03


def test_the_width_follows_what_makes_errors_great(fitted: intervals.Intervals) -> None:
    slope = fitted.width[1]
    assert np.all(slope > 0.5)
    assert np.all(np.abs(fitted.width[2:]) < 0.1)
    rare = _people(40, 2)
    for level in (-1.0, 1.0):
        for e in rare:
            e.inputs[..., 1] = level
            e.error[:] = np.exp(0.8 * level) * np.random.default_rng(3).normal(size=e.error.shape)
        covered = np.mean([np.mean(intervals.ratio(e, fitted.width) <= fitted.factor) for e in rare])
        assert abs(covered - intervals.COVERAGE) < 0.06


def test_people_count_alike_however_long_they_were_recorded() -> None:
    people = _people(10, 4)
    people[0].error[:] *= 10.0
    once, often = (intervals.fit([*people, *[people[0]] * n]) for n in (0, 5))
    assert np.allclose(once.coverage.mean(axis=0), intervals.COVERAGE, atol=0.02)
    assert np.allclose(often.coverage.mean(axis=0), intervals.COVERAGE, atol=0.02)
    assert len(often.coverage) == 10


def test_unknown_truth_is_left_out() -> None:
    people = _people(8, 5)
    for e in people:
        e.error[::2] = np.nan
        e.of_mean[::2] = np.nan
    fitted = intervals.fit(people)
    assert np.isfinite(fitted.factor).all()
    people[0].error[:] = people[0].of_mean[:] = np.nan
    assert np.isnan(intervals.fit(people).coverage[0]).all()


def test_too_few_people_are_refused() -> None:
    with pytest.raises(ValueError, match=r"at least 5 people .* here are 4: calibrate on a folder of more"):
        intervals.fit(_people(4, 0))


def test_an_outcome_that_nobody_has_is_named() -> None:
    people = _people(6, 0)
    for e in people:
        e.error[..., 2] = np.nan
    with pytest.raises(ValueError, match="ankle_angle: nobody has a true value of it"):
        intervals.fit(people)
