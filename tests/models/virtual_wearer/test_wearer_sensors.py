"""What the suit measures of a known motion: clean sensors read the truth, a donned suit errs within its bounds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from jetson_runtime.suit.signals import CHANNEL_INDEX, LABEL_NAMES, PARTS, RATE_HZ, STANDARD_GRAVITY
from jetson_runtime.suit.trial import Trial
from models.virtual_wearer.donning import MOUNTING_MAX, PLACE_MAX_M, Donning
from models.virtual_wearer.subject import Subject
from models.virtual_wearer.wearer import filter_labels, generate

SUBJECT = Subject.random(7)
LOADS = [CHANNEL_INDEX["insole_r_vgrf"], CHANNEL_INDEX["insole_l_vgrf"]]
CENTRES = [CHANNEL_INDEX[f"insole_{side}_cop_{axis}"] for side in "rl" for axis in ("ap", "ml")]


@pytest.fixture(scope="module")
def clean_walk() -> Trial:
    return generate(SUBJECT, "W", 8.0, 1, clean=True)


@pytest.fixture(scope="module")
def donned_walk() -> Trial:
    return generate(SUBJECT, "W", 8.0, 1)


@pytest.fixture(scope="module")
def clean_standing() -> Trial:
    return generate(SUBJECT, "PS", 5.0, 1, clean=True)


def _vectors(trial: Trial, part: str, quantity: str) -> np.ndarray:
    first = CHANNEL_INDEX[f"{part}_{quantity}_x"]
    return trial.channels[:, first : first + 3].astype(np.float64)


def _turns(trial: Trial, part: str) -> Rotation:
    return Rotation.from_quat(trial.quaternions[part][:, [1, 2, 3, 0]].astype(np.float64))


@pytest.mark.parametrize("part", PARTS)
def test_gyro_is_the_turning_between_two_orientations(clean_walk: Trial, part: str) -> None:
    """From the quaternions by the rotation's logarithm; the generator differentiates matrices."""
    turns = _turns(clean_walk, part)
    between = (turns[:-2].inv() * turns[2:]).as_rotvec() * (RATE_HZ / 2.0)
    gyro = _vectors(clean_walk, part, "gyro")[1:-1]
    assert np.sqrt(((gyro - between) ** 2).mean()) < 0.02 * max(np.sqrt((gyro**2).mean()), 0.5)


def test_knee_rate_is_the_difference_of_thigh_and_shank_gyro(clean_walk: Trial) -> None:
    """Filtered as the labels are; the legs' planes turn a little, hence the tolerance."""
    for side in "rl":
        knee = np.radians(clean_walk.labels[:, LABEL_NAMES.index(f"knee_angle_{side}")].astype(np.float64))
        rate = np.gradient(knee) * RATE_HZ
        gyros = (
            _vectors(clean_walk, f"thigh_{side}", "gyro") - _vectors(clean_walk, f"shank_{side}", "gyro")
        )[:, 2]
        inner = slice(100, -100)
        off = (rate - filter_labels(gyros[:, None])[:, 0])[inner]
        assert np.std(rate[inner]) > 1.0
        assert np.std(off) < 0.05 * np.std(rate[inner])


@pytest.mark.parametrize("part", PARTS)
def test_standing_sensors_read_gravity_upwards(clean_standing: Trial, part: str) -> None:
    accel = _vectors(clean_standing, part, "accel")
    assert np.linalg.norm(accel, axis=1).mean() == pytest.approx(STANDARD_GRAVITY, abs=0.03)
    assert accel[:, 1].mean() > 0.9 * STANDARD_GRAVITY
    assert np.abs(_vectors(clean_standing, part, "gyro")).max() < 0.5


def test_orientation_brings_standing_acceleration_upright(clean_standing: Trial) -> None:
    for part in PARTS:
        up = _turns(clean_standing, part).apply(_vectors(clean_standing, part, "accel")).mean(axis=0)
        np.testing.assert_allclose(up, [0.0, STANDARD_GRAVITY, 0.0], atol=0.05)


def test_clean_insoles_carry_the_body_and_know_no_centre_in_the_air(clean_walk: Trial) -> None:
    loads, centres = clean_walk.channels[:, LOADS], clean_walk.channels[:, CENTRES]
    assert loads.min() >= 0.0
    assert loads.sum(axis=1).mean() == pytest.approx(1.0, abs=0.02)
    assert np.nanmin(centres) > 0.0
    assert np.nanmax(centres) < 1.0
    for side in range(2):
        unknown = np.isnan(centres[:, 2 * side])
        np.testing.assert_array_equal(unknown, loads[:, side] < 0.05)
        assert 0.2 < unknown.mean() < 0.5


def test_walking_rolls_the_centre_of_pressure_from_heel_to_toes(clean_walk: Trial) -> None:
    along = clean_walk.channels[:, CENTRES[0]]
    known = ~np.isnan(along)
    starts = np.flatnonzero(known[1:] & ~known[:-1]) + 1
    ends = np.flatnonzero(~known[1:] & known[:-1])
    assert len(starts) >= 4
    assert (along[starts[:-1]] < 0.15).all(), "the last step, which ends the walk, lands nearly flat"
    assert (along[ends[ends > starts[0]]] > 0.75).all()


def test_putting_on_changes_what_is_measured_and_not_what_is_true(
    clean_walk: Trial, donned_walk: Trial
) -> None:
    np.testing.assert_array_equal(clean_walk.labels, donned_walk.labels)
    difference = np.abs(clean_walk.channels - donned_walk.channels)
    assert np.nanmean(difference[:, :48]) > 0.05
    off = difference[:, LOADS].mean(axis=0)
    assert ((off > 0.005) & (off < 0.25)).all()


def test_a_donned_insole_reads_force_in_swing(clean_walk: Trial, donned_walk: Trial) -> None:
    swing = clean_walk.channels[:, LOADS[0]] == 0.0
    assert swing.sum() > RATE_HZ
    floor = Donning.random(1_000_003 * SUBJECT.seed + 1).insoles[0].offset
    assert donned_walk.channels[swing, LOADS[0]].mean() == pytest.approx(floor, abs=0.03)


def test_hysteresis_reads_less_while_loading_than_while_unloading() -> None:
    perfect = Donning.perfect()
    lagging = replace(perfect.insoles[0], hysteresis=0.06)
    trial = generate(SUBJECT, "W", 8.0, 1, donning=replace(perfect, insoles=(lagging, lagging)))
    truth = generate(SUBJECT, "W", 8.0, 1, clean=True).channels[:, LOADS[0]]
    off, rate = trial.channels[:, LOADS[0]] - truth, np.gradient(truth)
    assert off[rate > 0.01].mean() < -0.005
    assert off[rate < -0.01].mean() > 0.005


def test_donnings_stay_within_15_degrees_and_3_centimetres() -> None:
    donnings = [Donning.random(seed) for seed in range(150)]
    turns = np.concatenate([Rotation.from_matrix(d.rotation).magnitude() for d in donnings])
    moves = np.concatenate([np.linalg.norm(d.offset, axis=1) for d in donnings])
    assert turns.max() <= MOUNTING_MAX + 1e-9
    assert np.degrees(np.percentile(turns, [5, 50, 90])) == pytest.approx([4, 9.5, 15], abs=2)
    assert moves.max() <= PLACE_MAX_M
    assert np.median(moves) > 0.01


def test_a_perfect_donning_has_no_error() -> None:
    perfect = Donning.perfect()
    np.testing.assert_array_equal(perfect.rotation, np.tile(np.eye(3), (8, 1, 1)))
    assert not perfect.offset.any()
    assert not perfect.accel_bias.any()
    assert not perfect.gyro_bias.any()
    assert (perfect.accel_noise, perfect.gyro_noise, perfect.shock) == (0.0, 0.0, 0.0)


def test_a_sensor_turned_by_90_degrees_has_gravity_on_another_axis() -> None:
    """The thigh sensor strapped on a quarter turn about its x axis; nothing else changes."""
    perfect = Donning.perfect()
    rotation = perfect.rotation.copy()
    rotation[PARTS.index("thigh_r")] = Rotation.from_euler("x", 90, degrees=True).as_matrix()
    wrong = generate(SUBJECT, "PS", 3.0, 1, donning=replace(perfect, rotation=rotation))
    right = generate(SUBJECT, "PS", 3.0, 1, clean=True)
    turned, upright = _vectors(wrong, "thigh_r", "accel"), _vectors(right, "thigh_r", "accel")
    np.testing.assert_allclose(
        turned, np.stack([upright[:, 0], upright[:, 2], -upright[:, 1]], axis=1), atol=1e-5
    )
    assert turned[:, 2].mean() < -0.9 * STANDARD_GRAVITY
    np.testing.assert_array_equal(_vectors(wrong, "thigh_l", "accel"), _vectors(right, "thigh_l", "accel"))


def test_a_sensor_moved_outwards_feels_more_of_a_swinging_shank(clean_walk: Trial) -> None:
    """Moved down by 3 cm, the shank sensor is farther from the knee about which it swings: r (omega squared) more."""
    perfect = Donning.perfect()
    offset = np.zeros((8, 3))
    offset[PARTS.index("shank_r"), 1] = -0.03
    moved = generate(SUBJECT, "W", 8.0, 1, donning=replace(perfect, offset=offset))
    gyro = _vectors(clean_walk, "shank_r", "gyro")
    expected = 0.03 * (gyro[:, 0] ** 2 + gyro[:, 2] ** 2)
    change = _vectors(moved, "shank_r", "accel")[:, 1] - _vectors(clean_walk, "shank_r", "accel")[:, 1]
    assert expected.max() > 0.3
    np.testing.assert_allclose(change[5:-5], expected[5:-5], atol=0.05 * expected.max())
