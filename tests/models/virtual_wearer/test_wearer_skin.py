"""Sensors that move on their segments: all that the suit measures moves with them, and the truth does not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from jetson_runtime.suit.signals import CHANNEL_INDEX, LABEL_NAMES, PARTS, RATE_HZ
from jetson_runtime.suit.trial import Trial
from models.analytical.errors import angle_error
from models.analytical.trial_angles import angles, tares
from models.virtual_wearer.anthropometry import BACK, PELVIS, SHANK, THIGH
from models.virtual_wearer.donning import Donning
from models.virtual_wearer.frames import Array, derivative
from models.virtual_wearer.sensors import nominal_places, sensor_poses
from models.virtual_wearer.skin import SkinMotion
from models.virtual_wearer.subject import Subject
from models.virtual_wearer.wearer import Physics, generate, neutral, physics_of

SUBJECT = Subject.random(7)
LIFT = 12.0
ON_BONE = Donning.perfect()
ON_SKIN = replace(ON_BONE, skin=SkinMotion.random(5))


@pytest.fixture(scope="module")
def walk() -> Trial:
    return generate(SUBJECT, "W", 8.0, 1, ON_SKIN)


@pytest.fixture(scope="module")
def lift() -> Trial:
    return generate(SUBJECT, "L3", LIFT, 1, ON_SKIN)


@pytest.fixture(scope="module")
def lifting() -> Physics:
    return physics_of(SUBJECT, "L3", LIFT, 1)[0]


def _turned(physics: Physics, donning: Donning) -> Array:
    """(n, 8) degrees that each sensor is turned from where it was put on."""
    poses = sensor_poses(physics.motion, SUBJECT.body, donning)
    turn = np.swapaxes(physics.motion.rotation, -1, -2) @ poses.rotation
    sizes = Rotation.from_matrix(turn.reshape(-1, 3, 3)).magnitude()
    return np.asarray(np.degrees(sizes.reshape(turn.shape[:2])))


def _between(there: Trial, here: Trial, part: str) -> Array:
    """(n,) degrees from one trial's orientation of a sensor to the other's."""
    first, second = (
        Rotation.from_quat(trial.quaternions[part][:, [1, 2, 3, 0]].astype(np.float64))
        for trial in (there, here)
    )
    return np.asarray(np.degrees((first.inv() * second).magnitude()))


def _errors(trial: Trial, donning: Donning) -> dict[str, float]:
    found = angles(trial, tares(neutral(SUBJECT, donning)))
    return {
        name: angle_error(found[name], trial.labels[:, LABEL_NAMES.index(name)]).rmse_offset_removed
        for name in found
    }


@pytest.mark.parametrize("part", PARTS)
def test_the_gyro_is_the_turning_of_the_sensor_that_moves(walk: Trial, part: str) -> None:
    turns = Rotation.from_quat(walk.quaternions[part][:, [1, 2, 3, 0]].astype(np.float64))
    between = (turns[:-2].inv() * turns[2:]).as_rotvec() * (RATE_HZ / 2.0)
    first = CHANNEL_INDEX[f"{part}_gyro_x"]
    gyro = walk.channels[1:-1, first : first + 3].astype(np.float64)
    assert np.sqrt(((gyro - between) ** 2).mean()) < 0.02 * max(np.sqrt((gyro**2).mean()), 0.5)


def test_the_accelerometer_feels_the_way_of_its_place(lift: Trial, lifting: Physics) -> None:
    """Brought to the world by the moved sensor's orientation, the reading is the acceleration of its own place."""
    poses = sensor_poses(lifting.motion, SUBJECT.body, ON_SKIN)
    nominal = nominal_places(SUBJECT.body)[THIGH]
    rigid = lifting.motion.origin[:, THIGH] + lifting.motion.rotation[:, THIGH] @ nominal
    assert np.ptp(np.linalg.norm(poses.place[:, THIGH] - rigid, axis=1)) > 0.003
    inside = physics_of(SUBJECT, "L3", LIFT, 1)[2]
    first = CHANNEL_INDEX["thigh_r_accel_x"]
    accel = lift.channels[:, first : first + 3].astype(np.float64)
    world = np.einsum("nij,nj->ni", poses.rotation[inside, THIGH], accel) - poses.up
    moved = derivative(derivative(poses.place[inside, THIGH], RATE_HZ), RATE_HZ)
    np.testing.assert_allclose(world[5:-5], moved[5:-5], atol=1e-3)


def test_what_is_true_stays_and_so_do_the_insoles(lift: Trial) -> None:
    bare = generate(SUBJECT, "L3", LIFT, 1, ON_BONE)
    np.testing.assert_array_equal(bare.labels, lift.labels)
    first = CHANNEL_INDEX["insole_r_vgrf"]
    np.testing.assert_array_equal(bare.channels[:, first:], lift.channels[:, first:])
    assert np.abs(bare.channels[:, :first] - lift.channels[:, :first]).max() > 0.5


def test_sizes_are_those_of_people(lifting: Physics) -> None:
    """Of fifteen putting-ons: a deep lift turns thigh, pelvis and back by some 5 to 15 degrees, the shank by less."""
    most = np.array(
        [_turned(lifting, replace(ON_BONE, skin=SkinMotion.random(k))).max(axis=0) for k in range(15)]
    )
    middle = np.median(most, axis=0)
    assert ((middle[[BACK, PELVIS, THIGH]] > 5.0) & (middle[[BACK, PELVIS, THIGH]] < 15.0)).all(), middle
    assert middle[SHANK] < 0.8 * middle[THIGH]
    assert most.max() < 22.0


def test_upright_at_rest_it_hardly_turns() -> None:
    still = neutral(SUBJECT, ON_SKIN)
    bare = neutral(SUBJECT, ON_BONE)
    assert {part: turn for part in PARTS if (turn := _between(bare, still, part).max()) > 4.0} == {}


def test_formulas_no_longer_read_the_bones(lift: Trial) -> None:
    """What a screwed-on sensor tells to half a degree, one on skin tells to some degrees, and the tare is no cure."""
    bone = _errors(generate(SUBJECT, "L3", LIFT, 1, ON_BONE), ON_BONE)
    skin = _errors(lift, ON_SKIN)
    assert max(bone.values()) < 1.0
    assert min(skin[name] for name in ("lumbar_extension", "hip_flexion_r", "hip_flexion_l")) > 3.0


def test_impacts_shake_a_sensor_and_standing_does_not() -> None:
    """Shaking alone, no following: walking moves the thigh sensor by some tenths of a degree to some degrees."""
    walking = physics_of(SUBJECT, "W2", 6.0, 1)[0]
    shaken = [replace(ON_BONE, skin=replace(SkinMotion.random(k), follow=np.zeros((8, 4)))) for k in range(8)]
    most = np.array([_turned(walking, donning)[:, THIGH].max() for donning in shaken])
    assert 0.3 < np.median(most) < 2.0
    assert most.max() < 5.0
    assert _between(neutral(SUBJECT, ON_BONE), neutral(SUBJECT, shaken[0]), "thigh_r").max() < 0.3


def test_straps_creep_towards_a_limit_and_a_new_putting_on_is_another() -> None:
    worn = replace(ON_BONE, skin=replace(ON_SKIN.skin, follow=np.zeros((8, 4)), shake=np.zeros((8, 3))))
    assert worn.skin.still, "as put on, the straps have not crept"
    late = worn.after(120.0)
    crept = _between(neutral(SUBJECT, worn), neutral(SUBJECT, late), "pelvis")
    whole = float(np.degrees(np.linalg.norm(worn.skin.creep[PELVIS])))
    assert whole > 0.5
    np.testing.assert_allclose(crept, (1.0 - np.exp(-3.0)) * whole, rtol=1e-2)
    assert 2.0 < np.degrees(np.std([SkinMotion.random(k).creep[PELVIS, 2] for k in range(80)])) < 8.0
    first, again = Donning.worn(1000, 0).skin, Donning.worn(1000, 1).skin
    assert np.abs(first.follow - again.follow).max() > 0.01


def test_a_perfect_putting_on_is_screwed_to_the_bone(lifting: Physics) -> None:
    assert ON_BONE.skin.still
    assert SkinMotion.none().after(1e6).still
    assert _turned(lifting, ON_BONE).max() < 1e-5
