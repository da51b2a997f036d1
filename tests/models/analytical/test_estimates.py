"""The analytical baselines of whole trials: moments from what the suit measures, everything else true."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from jetson_runtime.suit.signals import CHANNEL_INDEX, LABEL_NAMES
from jetson_runtime.suit.trial import Trial
from models.analytical import wearer_dynamics
from models.analytical.estimates import estimates
from models.analytical.inverse_dynamics import ANGLE_NAMES, MOMENT_NAMES, Point
from models.metrics import rmse
from models.virtual_wearer.donning import Donning
from models.virtual_wearer.subject import Subject
from models.virtual_wearer.wearer import generate, neutral

ANGLES = [LABEL_NAMES.index(name) for name in ANGLE_NAMES]
MOMENTS = [LABEL_NAMES.index(name) for name in MOMENT_NAMES]
INNER = slice(248, -100)


@pytest.fixture(scope="module")
def worn() -> tuple[Trial, Trial]:
    """A lift and the neutral stance before it, in the same donning; the insoles are without fault."""
    askew = dataclasses.replace(Donning.random(4), shock=0.0, insoles=Donning.perfect().insoles)
    subject = Subject.random(3)
    return generate(subject, "L", 12.0, seed=1, donning=askew), neutral(subject, askew)


def _hip_and_ankle(trial: Trial, standing: Trial, point: Point) -> tuple[float, float]:
    found = estimates(trial, standing, wearer_dynamics.of_trial(trial, point))["analytical"]
    errors = {
        name: rmse(found[INNER, LABEL_NAMES.index(name)], trial.labels[INNER, LABEL_NAMES.index(name)])
        for name in MOMENT_NAMES
    }
    return errors["hip_flexion_r_moment"], errors["ankle_angle_r_moment"]


@pytest.mark.parametrize("task", ["W", "L"])
@pytest.mark.parametrize("point", ["ground", "foot"])
def test_with_the_truth_put_in_place_the_moments_are_the_truth(task: str, point: Point) -> None:
    trial = generate(Subject.random(3), task, 8.0, seed=1, clean=True)
    dynamics = wearer_dynamics.of_trial(trial, point)
    true = {name: trial.labels[:, k].astype(np.float64) for name, k in zip(ANGLE_NAMES, ANGLES, strict=True)}
    soles = trial.channels[:, CHANNEL_INDEX["insole_r_vgrf"] :].astype(np.float64).reshape(-1, 2, 3)
    bare = dynamics.moments({}, None)[INNER]
    full = dynamics.moments(true, np.where(np.isfinite(soles), soles, 0.5))[INNER]
    assert np.abs(bare - trial.labels[INNER, MOMENTS]).max() < 0.02
    # The labels' angles are low-passed at 6 Hz, which moves a walking foot by up to a centimetre.
    assert np.sqrt(np.mean((full - bare) ** 2, axis=0)).max() < (0.01 if task == "L" else 0.06)


def test_an_angles_error_grows_towards_the_ground_or_away_from_it(worn: tuple[Trial, Trial]) -> None:
    """The paper's numbers are printed in the first order, its discussion tells the second."""
    hip, ankle = _hip_and_ankle(*worn, "ground")
    assert hip < 0.5 * ankle
    hip, ankle = _hip_and_ankle(*worn, "foot")
    assert ankle < 0.5 * hip


def test_the_three_estimators(worn: tuple[Trial, Trial]) -> None:
    trial, standing = worn
    found = estimates(trial, standing, wearer_dynamics.of_trial(trial))
    assert list(found) == ["analytical", "analytical_centred", "relative"]
    assert all(values.shape == trial.labels.shape for values in found.values())
    errors = {
        name: np.array([rmse(values[:, k], trial.labels[:, k]) for k in range(len(LABEL_NAMES))])
        for name, values in found.items()
    }
    assert (errors["analytical_centred"][ANGLES] <= errors["analytical"][ANGLES]).all()
    assert np.mean(errors["analytical_centred"][MOMENTS]) < np.mean(errors["analytical"][MOMENTS])
    mean = np.nanmean(found["analytical_centred"] - trial.labels, axis=0)[ANGLES]
    assert np.abs(mean).max() < 1e-5
    assert np.isnan(found["relative"][:, MOMENTS]).all()


def test_gaps_are_bridged_for_the_dynamics_and_told_as_unknown(worn: tuple[Trial, Trial]) -> None:
    trial, standing = worn
    channels = trial.channels.copy()
    channels[900:910, CHANNEL_INDEX["insole_l_vgrf"]] = np.nan
    holed = dataclasses.replace(trial, channels=channels)
    whole = estimates(trial, standing, wearer_dynamics.of_trial(trial))["analytical"]
    found = estimates(holed, standing, wearer_dynamics.of_trial(holed))["analytical"]
    assert np.isnan(found[900:910, MOMENTS]).all() and np.isfinite(found[900:910, ANGLES]).all()
    beside = np.r_[300:880, 930:2300]
    np.testing.assert_allclose(found[beside], whole[beside], atol=0.01)


def test_a_back_sensor_that_was_not_worn_leaves_the_true_lumbar_angle(worn: tuple[Trial, Trial]) -> None:
    trial, standing = worn
    bare = dataclasses.replace(
        trial, quaternions={part: q for part, q in trial.quaternions.items() if part != "back"}
    )
    channels = bare.channels.copy()
    channels[:, CHANNEL_INDEX["back_accel_x"] : CHANNEL_INDEX["back_accel_x"] + 6] = np.nan
    bare = dataclasses.replace(bare, channels=channels)
    found = estimates(bare, standing, wearer_dynamics.of_trial(bare))["analytical"]
    lumbar = LABEL_NAMES.index("lumbar_extension")
    assert np.isnan(found[:, lumbar]).all()
    moment = LABEL_NAMES.index("lumbar_extension_moment")
    np.testing.assert_allclose(found[INNER, moment], trial.labels[INNER, moment], atol=0.02)


def test_without_inverse_dynamics_there_are_angles_alone(worn: tuple[Trial, Trial]) -> None:
    found = estimates(*worn, None)["analytical"]
    assert np.isnan(found[:, MOMENTS]).all() and np.isfinite(found[:, ANGLES]).all()


def test_only_a_virtual_wearers_own_trial_is_made_again(worn: tuple[Trial, Trial]) -> None:
    trial = worn[0]
    real = dataclasses.replace(trial, meta=dataclasses.replace(trial.meta, source="a laboratory"))
    with pytest.raises(ValueError, match="cannot be made again"):
        wearer_dynamics.of_trial(real)
    older = dataclasses.replace(trial, labels=trial.labels + 1.0)
    with pytest.raises(ValueError, match="write the trial again"):
        wearer_dynamics.of_trial(older)
