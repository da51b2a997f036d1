"""Whole trials: a virtual wearer's angles, with quaternions and without, and real motion."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from jetson_runtime.suit.signals import CHANNEL_INDEX, LABEL_NAMES
from jetson_runtime.suit.trial import Trial, read_trial
from models.analytical import trial_angles
from models.analytical.errors import angle_error
from models.virtual_wearer.donning import Donning
from models.virtual_wearer.skin import SkinMotion
from models.virtual_wearer.subject import Subject
from models.virtual_wearer.wearer import generate


def _error(trial: Trial, found: dict[str, np.ndarray], name: str) -> float:
    return angle_error(found[name], trial.labels[:, LABEL_NAMES.index(name)]).rmse_offset_removed


@pytest.fixture(scope="module")
def lift() -> Trial:
    return generate(Subject.random(3), "L", 12.0, seed=1, clean=True)


def test_a_clean_lift_is_read_from_gravity_to_half_a_degree(lift: Trial) -> None:
    """What is left is what the plane leaves out: lean and twist, and the labels' own 6 Hz filter."""
    found = trial_angles.angles(lift)
    assert sorted(found) == sorted(name for name in LABEL_NAMES if not name.endswith("_moment"))
    assert lift.labels[:, LABEL_NAMES.index("hip_flexion_r")].max() > 130.0
    assert {name: e for name in found if (e := _error(lift, found, name)) > 0.5} == {}


def test_a_tare_takes_most_of_the_mounting_out() -> None:
    """The same lift with every sensor askew by some 6 degrees about each axis, on bone."""
    subject = Subject.random(3)
    askew = dataclasses.replace(Donning.random(4), shock=0.0, skin=SkinMotion.none())
    trial = generate(subject, "L", 12.0, seed=1, donning=askew)
    standing = generate(subject, "PS", 4.0, seed=1, donning=askew)
    still = dataclasses.replace(standing, quaternions={p: q[:20] for p, q in standing.quaternions.items()})
    tared = trial_angles.angles(trial, trial_angles.tares(still))
    raw = trial_angles.angles(trial)
    errors = [_error(trial, tared, name) for name in tared]
    assert max(errors) < 1.2
    assert np.mean(errors) < 0.8 * np.mean([_error(trial, raw, name) for name in raw])


def test_without_quaternions_the_filter_finds_them(lift: Trial) -> None:
    pytest.importorskip("vqf")
    given = trial_angles.angles(lift)
    found = trial_angles.angles(dataclasses.replace(lift, quaternions={}))
    assert set(found) == set(given)
    assert max(angle_error(found[name], given[name]).rmse for name in given) < 0.5


@pytest.mark.parametrize(
    ("name", "joints"),
    [("subject4_squats1", 7), ("subject4_walking1", 7), ("camargo_levelground_a", 6)],
)
def test_real_motion_has_opensims_signs_and_names(shared: Path, name: str, joints: int) -> None:
    """Angles from OpenSim, sensors computed from the same motion; Camargo's suit had no back sensor."""
    pytest.importorskip("vqf")
    trial = read_trial(shared / "data/trials" / f"{name}.parquet")
    found = trial_angles.angles(trial)
    assert len(found) == joints
    assert {angle: e for angle in found if (e := _error(trial, found, angle)) > 1.5} == {}


def test_a_sensor_that_broke_in_mid_trial_gives_no_orientation(lift: Trial) -> None:
    pytest.importorskip("vqf")
    channels = lift.channels.copy()
    channels[700, CHANNEL_INDEX["shank_l_gyro_x"]] = np.nan
    found = trial_angles.angles(dataclasses.replace(lift, channels=channels, quaternions={}))
    assert {"knee_angle_l", "ankle_angle_l"} == set(trial_angles.angles(lift)) - set(found)


def test_errors_are_told_with_the_offset_and_without() -> None:
    truth = np.array([0.0, 10.0, 20.0, np.nan, 30.0])
    error = angle_error(np.array([5.0, 15.0, 25.0, 7.0, np.nan]), truth)
    assert (error.rmse, error.offset, error.rmse_offset_removed) == pytest.approx((5.0, 5.0, 0.0))
    assert error.r == pytest.approx(1.0)
    nothing = angle_error(np.full(3, np.nan), np.zeros(3))
    assert np.isnan([nothing.rmse, nothing.offset, nothing.rmse_offset_removed, nothing.r]).all()
