"""`velocity` beside the truth: the derivative of the angles of a trial whose angles are known."""

from __future__ import annotations

import math

import numpy as np
import pytest

pytest.importorskip("pyarrow")

from jetson_runtime.demo.demo import SHIPPED_TRIAL
from jetson_runtime.inference.joint_rates import JointRates
from jetson_runtime.suit.signals import CHANNEL_INDEX, LABEL_NAMES, RATE_HZ, SIDES
from jetson_runtime.suit.trial import read_trial

ANGLES = [name for name in LABEL_NAMES if not name.endswith("_moment")]


def rates(**gyro_z: float) -> dict[str, float]:
    row = np.zeros(len(CHANNEL_INDEX))
    for part, value in gyro_z.items():
        row[CHANNEL_INDEX[f"{part}_gyro_z"]] = value
    return dict(zip(ANGLES, JointRates(SIDES).of(row), strict=True))


@pytest.mark.parametrize("side", SIDES)
def test_a_turn_of_one_segment_turns_the_joints_at_its_ends(side: str) -> None:
    one = math.degrees(1.0)
    told = rates(**{f"shank_{side}": 1.0})
    assert told.pop(f"knee_angle_{side}") == pytest.approx(-one)
    assert told.pop(f"ankle_angle_{side}") == pytest.approx(-one)
    assert set(told.values()) == {0.0}


def test_a_trunk_that_bends_forward_flexes_and_a_pelvis_carries_both_hips() -> None:
    assert rates(back=-1.0)["lumbar_extension"] == pytest.approx(-math.degrees(1.0))
    pelvis = rates(pelvis=1.0)
    assert pelvis["hip_flexion_r"] == pelvis["hip_flexion_l"] == pytest.approx(-math.degrees(1.0))
    assert pelvis["knee_angle_r"] == 0.0


def test_a_missing_sensor_takes_its_own_joints_alone() -> None:
    told = rates(thigh_r=math.nan)
    assert {name for name, value in told.items() if math.isnan(value)} == {"hip_flexion_r", "knee_angle_r"}


@pytest.mark.parametrize("sides", [("r",), ("l",)])
def test_one_side_has_four(sides: tuple[str, ...]) -> None:
    assert len(JointRates(sides).of(np.zeros(len(CHANNEL_INDEX)))) == 4


@pytest.mark.parametrize("name", ANGLES)
def test_on_a_trial_it_is_the_derivative_of_the_true_angle(name: str) -> None:
    """With its sign and its size. Skin, straps and the segments' other turns leave a share that is not: of the lower
    back, which turns least of all, as much again."""
    trial = read_trial(SHIPPED_TRIAL)
    joint_rates = JointRates(SIDES)
    told = np.array([joint_rates.of(row) for row in trial.channels.astype(np.float64)])[:, ANGLES.index(name)]
    true = np.gradient(trial.labels[:, LABEL_NAMES.index(name)].astype(np.float64)) * RATE_HZ
    known = np.isfinite(told) & np.isfinite(true)
    told, true = told[known], true[known]
    assert known.sum() > 1000
    assert np.corrcoef(told, true)[0, 1] > (0.6 if name == "lumbar_extension" else 0.9)
    size = np.dot(told, true) / np.dot(true, true)
    assert size == pytest.approx(1.0, abs=0.8 if name == "lumbar_extension" else 0.25)
