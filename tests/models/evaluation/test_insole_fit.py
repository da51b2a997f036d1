"""A small part of benchmarks/insole_errors.py: virtual insoles err most in walking, about as much as the paper's."""

from __future__ import annotations

import numpy as np
import pytest

from models.evaluation import insoles
from models.evaluation.printed import INSOLES_WALKING
from models.virtual_wearer import cohort

WEARERS, SECONDS = (1000, 1002, 1003), 5.0


@pytest.fixture(scope="module")
def rows() -> dict[tuple[str, str], insoles.Row]:
    scores = [
        score
        for seed in WEARERS
        for session, code in ((0, "W2"), (1, "W2"), (0, "L2"), (1, "SP1"))
        for score in insoles.of_trial(f"{seed}{code}", cohort.trial_of(seed, session, code, SECONDS))
    ]
    return {(row.value, row.group): row for row in insoles.table(scores)}


@pytest.mark.parametrize("value", insoles.VALUES)
def test_walking_errs_most_and_about_as_much_as_printed(
    value: str, rows: dict[tuple[str, str], insoles.Row]
) -> None:
    """Six putting-ons' mean has a standard error of a tenth or two; a factor of 1.5 would be another insole."""
    walking = rows[value, "W"].rmse
    assert walking.subjects == len(WEARERS)
    assert 1 / 1.5 < walking.mean / INSOLES_WALKING[value].mean < 1.5
    assert walking.mean > max(rows[value, "L"].rmse.mean, rows[value, "SP"].rmse.mean)


def test_the_force_is_followed_and_a_posture_has_little_to_follow(
    rows: dict[tuple[str, str], insoles.Row],
) -> None:
    """As in the paper's figure 4: errors of one size, R2 near 1 in walking and low where hardly anything changes."""
    assert rows["vgrf", "W"].r2.mean > 0.9
    assert rows["vgrf", "SP"].r2.mean < rows["vgrf", "W"].r2.mean
    assert np.isfinite(rows["vgrf", "SP"].rmse.mean)
