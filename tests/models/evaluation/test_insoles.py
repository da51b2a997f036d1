"""Insoles against plates: errors that are known by construction, and the virtual insoles' against the paper's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from jetson_runtime.suit.signals import CHANNEL_INDEX
from jetson_runtime.suit.trial import Trial, TrialMeta
from models.evaluation import insoles
from models.evaluation.insoles import Row

FIRST = CHANNEL_INDEX["insole_r_vgrf"]
ROWS = 600


def _trial(subject: str, task: str, off: tuple[float, float, float]) -> Trial:
    """Slow waves under both feet; the insoles are off by so much in force and both centres."""
    t = np.arange(ROWS) / 200.0
    foot = np.stack([0.5 + 0.2 * np.sin(t), 0.4 + 0.1 * np.sin(1.3 * t), 0.5 + 0.05 * np.cos(t)], axis=1)
    plates = np.concatenate([foot, foot[::-1]], axis=1)
    channels = np.zeros((ROWS, 54))
    channels[:, FIRST : FIRST + 6] = plates + np.tile(off, 2)
    return Trial(
        t,
        channels.astype(np.float32),
        np.zeros((ROWS, 14), np.float32),
        TrialMeta(subject, task, 70.0, 0.27, 0.1),
        plates=plates.astype(np.float32),
    )


def _rows(*trials: Trial) -> dict[tuple[str, str], Row]:
    scores = [score for i, trial in enumerate(trials) for score in insoles.of_trial(str(i), trial)]
    return {(row.value, row.group): row for row in insoles.table(scores)}


def test_a_constant_error_is_its_rmse_and_leaves_the_correlation() -> None:
    rows = _rows(_trial("a", "L", (0.1, -0.05, 0.02)), _trial("b", "L", (0.3, -0.05, 0.04)))
    force = rows["vgrf", "overall"]
    assert (force.rmse.mean, force.rmse.sd, force.rmse.subjects) == pytest.approx((0.2, 0.1414, 2), abs=1e-4)
    assert force.r2.mean == pytest.approx(1.0)
    assert rows["cop_ap", "overall"].rmse.mean == pytest.approx(0.05, abs=1e-5)
    assert rows["cop_ml", "L"].rmse.mean == pytest.approx(0.03, abs=1e-5)


def test_points_of_all_trials_are_pooled_within_a_person() -> None:
    """Two tasks of the same length: the root of the mean of 0.1 and 0.3 squared, not their mean."""
    rows = _rows(_trial("a", "L", (0.1, 0.0, 0.0)), _trial("a", "W", (0.3, 0.0, 0.0)))
    assert rows["vgrf", "overall"].rmse.mean == pytest.approx(np.sqrt(0.05), abs=1e-5)
    assert rows["vgrf", "W"].rmse.mean == pytest.approx(0.3, abs=1e-5)
    assert rows["vgrf", "cyclic"].rmse.mean == rows["vgrf", "W"].rmse.mean


def test_the_centre_counts_where_plate_and_insole_both_define_one() -> None:
    trial = _trial("a", "W", (0.0, 0.1, 0.0))
    assert trial.plates is not None
    trial.plates[:100, 1:3] = np.nan
    trial.channels[500:, FIRST + 1 : FIRST + 3] = np.nan
    trial.channels[:100, FIRST + 1] = 5.0
    scored = {
        score.label: score
        for score in insoles.of_trial("t", trial)
        if score.filtered and "_r_" in score.label
    }
    assert scored["insole_r_vgrf"].points == ROWS
    assert scored["insole_r_cop_ap"].points == 400
    assert np.sqrt(scored["insole_r_cop_ap"].squares / 400) == pytest.approx(0.1, abs=1e-5)


def test_a_trial_without_plates_is_refused() -> None:
    with pytest.raises(ValueError, match="no force plates"):
        insoles.of_trial("t", replace(_trial("a", "W", (0.0, 0.0, 0.0)), plates=None))
