from __future__ import annotations

import numpy as np
import pytest
from trials import META, set_channel, standing_trial

from drivers.units import STANDARD_GRAVITY
from jetson_runtime.demo import orientation
from jetson_runtime.demo.playback import Tape, imu_content, insole_content, pitch_um, worn
from jetson_runtime.demo.suit_config import MOUNTING_OF_PART
from jetson_runtime.suit.mounting import MOUNTINGS
from jetson_runtime.suit.signals import CHANNEL_INDEX, PERIOD_NS, RATE_HZ, STREAM_INDEX, STREAMS, Stream

START_NS = 9_000_000_000_000
WEIGHT = META.body_mass_kg * STANDARD_GRAVITY


def stream(name: str) -> Stream:
    return STREAMS[STREAM_INDEX[name]]


def at_rows(*rows: float) -> np.ndarray:
    return START_NS + np.rint(np.asarray(rows) * PERIOD_NS).astype(np.int64)


def turned(quaternion: np.ndarray, vector: np.ndarray) -> np.ndarray:
    """Rows of `vector` turned by rows of `quaternion`."""
    pure = np.concatenate([np.zeros((len(vector), 1)), vector], axis=1)
    back = quaternion * [1.0, -1.0, -1.0, -1.0]
    return orientation.multiply(orientation.multiply(quaternion, pure), back)[:, 1:]


def test_rows_play_at_5_ms_held_at_both_ends() -> None:
    before, after, share = Tape(10, START_NS, loop=False).at(at_rows(-100, -0.5, 0, 3.25, 9, 9.5, 100))
    assert before.tolist() == [0, 0, 0, 3, 9, 9, 9]
    assert (before + share).tolist() == pytest.approx([0, 0, 0, 3.25, 9, 9, 9])
    assert after.max() == 9


def test_a_loop_begins_again_without_interpolating_across_the_cut() -> None:
    before, _, share = Tape(10, START_NS, loop=True).at(at_rows(-5, 9, 9.5, 10, 12.5, 20))
    assert (before + share).tolist() == pytest.approx([0, 9, 9, 0, 2.5, 0])


@pytest.mark.parametrize("part", MOUNTING_OF_PART)
def test_mounted_as_the_config_says_the_segments_own_values_come_back(part: str) -> None:
    trial = standing_trial(50)
    rng = np.random.default_rng(3)
    name = f"imu_{part}"
    channels = list(stream(name).channels)
    trial.channels[:, channels] = rng.normal(size=(50, 6))
    content = imu_content(trial, stream(name), MOUNTING_OF_PART[part], Tape(50, START_NS, loop=False), 0.3)
    motion = content(at_rows(7, 20.5))
    to_segment = MOUNTINGS[MOUNTING_OF_PART[part]].T
    values = trial.channels[:, channels].astype(float)
    wanted = np.stack([values[7], (values[20] + values[21]) / 2])
    assert motion.accel @ to_segment == pytest.approx(wanted[:, :3])
    assert motion.gyro @ to_segment == pytest.approx(wanted[:, 3:])
    turned_by_90 = MOUNTINGS["x_forward_z_down"].T
    assert np.abs(motion.accel @ turned_by_90 - wanted[:, :3]).max() > 0.1


@pytest.mark.parametrize("with_quaternion", [True, False])
def test_the_quaternion_turns_the_sensors_axes_into_north_east_down(with_quaternion: bool) -> None:
    """At rest the specific force points up, whatever the mounting: (0, 0, -g)."""
    trial = standing_trial(400)
    lean = 0.4  # the trunk bent backward, turned about the axis to the right
    set_channel(trial.channels, "back_accel_x", np.sin(lean) * STANDARD_GRAVITY)
    set_channel(trial.channels, "back_accel_y", np.cos(lean) * STANDARD_GRAVITY)
    if with_quaternion:
        bent = [np.cos(lean / 2), 0.0, 0.0, np.sin(lean / 2)]
        trial.quaternions["back"] = np.tile(bent, (400, 1)).astype(np.float32)
    for mounting in ("x_up_z_back", "x_forward_z_down", "x_left_z_up"):
        content = imu_content(trial, stream("imu_back"), mounting, Tape(400, START_NS, loop=False), 1.0)
        motion = content(at_rows(0, 100, 399))
        in_ned = turned(motion.quaternion, motion.accel)
        assert in_ned == pytest.approx(np.tile([0, 0, -STANDARD_GRAVITY], (3, 1)), abs=2e-3)
        assert np.linalg.norm(motion.quaternion, axis=1) == pytest.approx(np.ones(3))


def test_an_orientation_is_estimated_from_a_swinging_limb() -> None:
    time_s = np.arange(2000) / RATE_HZ
    angle = 0.5 * np.sin(2 * np.pi * 0.5 * time_s)
    zero = np.zeros_like(angle)
    accel = STANDARD_GRAVITY * np.stack([np.sin(angle), np.cos(angle), zero], axis=1)
    gyro = np.stack([zero, zero, np.gradient(angle, time_s)], axis=1)
    quaternion = orientation.estimate(accel, gyro + np.asarray([0.0, 0.0, 0.02]))
    found = 2 * np.arctan2(quaternion[:, 3], quaternion[:, 0])
    assert np.abs(found - angle)[400:].max() < 0.06


def test_an_insole_has_the_trials_force_and_centre_in_si() -> None:
    trial = standing_trial()
    set_channel(trial.channels, "insole_r_cop_ap", 0.8)
    set_channel(trial.channels, "insole_r_cop_ml", 0.3)
    load = insole_content(trial, stream("insole_r"), Tape(400, START_NS, loop=False), 0.0)(at_rows(5.3))
    assert load.force_n == pytest.approx([0.5 * WEIGHT])
    assert load.cop_ap_m == pytest.approx([0.3 * 0.27])
    assert load.cop_ml_m == pytest.approx([-0.2 * 0.10])
    assert load.cop_known.tolist() == [True]
    assert load.imu is not None
    assert load.imu.accel == pytest.approx(np.asarray([[0, STANDARD_GRAVITY, 0]]), abs=1e-5)


def test_nothing_is_interpolated_across_the_edge_of_a_gap() -> None:
    trial = standing_trial(10)
    force = np.asarray([1.0, 0.8, 0.04, 0.02, 0.0, np.nan, np.nan, 0.0, 0.6, 1.0])
    centre = np.asarray([0.9, 0.7, np.nan, np.nan, np.nan, np.nan, np.nan, np.nan, 0.1, 0.2])
    set_channel(trial.channels, "insole_r_vgrf", force)
    set_channel(trial.channels, "insole_r_cop_ap", centre)
    content = insole_content(trial, stream("insole_r"), Tape(10, START_NS, loop=False), 0.0)
    load = content(at_rows(0.5, 1.4, 1.6, 3, 4.4, 4.6, 6.9, 7.2, 7.6, 8.5))
    assert load.force_n / WEIGHT == pytest.approx(
        [0.9, 0.496, 0.344, 0.02, 0, 0, 0, 0.12, 0.36, 0.8], abs=1e-6
    )
    assert load.cop_known.tolist() == [True, True, False, False, False, False, False, False, True, True]
    told = load.cop_ap_m / META.foot_length_m + 0.5
    assert told[[0, 1, 2, 3, 7, 8, 9]] == pytest.approx([0.8, 0.7, 0.7, 0.7, 0.1, 0.1, 0.15], abs=1e-6)


def test_a_device_without_any_value_is_not_worn_and_a_part_without_motion_has_no_imu() -> None:
    trial = standing_trial()
    trial.channels[:, stream("imu_back").channels] = np.nan
    trial.channels[:, stream("insole_l").channels[:6]] = np.nan
    assert not worn(trial, stream("imu_back"))
    assert worn(trial, stream("insole_l"))
    load = insole_content(trial, stream("insole_l"), Tape(400, START_NS, loop=False), 0.0)(at_rows(5))
    assert load.imu is None


def test_a_gap_in_an_imu_is_bridged_by_its_nearest_row() -> None:
    trial = standing_trial(10)
    column = CHANNEL_INDEX["pelvis_gyro_z"]
    trial.channels[:, column] = np.arange(10)
    trial.channels[3:6, column] = np.nan
    content = imu_content(
        trial, stream("imu_pelvis"), "x_forward_z_right", Tape(10, START_NS, loop=False), 0.0
    )
    assert content(at_rows(3, 5)).gyro[:, 2] == pytest.approx([2.0, 6.0])


def test_the_insoles_pitch_spans_the_foot() -> None:
    assert pitch_um(META, 31) == round(0.27 / 31 * 1e6)


@pytest.mark.parametrize("name", sorted(MOUNTINGS))
def test_every_mounting_has_its_quaternion(name: str) -> None:
    quaternion = orientation.from_matrix(MOUNTINGS[name])
    vectors = np.eye(3)
    assert turned(np.tile(quaternion, (3, 1)), vectors) == pytest.approx(
        vectors @ MOUNTINGS[name].T, abs=1e-12
    )
