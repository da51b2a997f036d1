"""The one table: its size, its names and its mirror."""

from __future__ import annotations

import numpy as np

from jetson_runtime.suit import signals
from jetson_runtime.suit.mounting import IN_SEGMENT_AXES, MOUNTINGS


def test_54_channels_8_outcomes_14_labels_8_streams() -> None:
    assert len(signals.CHANNELS) == len(set(signals.CHANNEL_NAMES)) == 54
    assert len(signals.OUTCOMES) == 8
    assert len(signals.LABEL_NAMES) == 14
    assert len(signals.STREAMS) == 8


def test_every_channel_belongs_to_one_stream() -> None:
    covered = sorted(i for stream in signals.STREAMS for i in stream.channels)
    assert covered == list(range(54))


def test_a_streams_channels_stand_in_the_order_of_its_values() -> None:
    names = [signals.CHANNEL_NAMES[i] for i in signals.STREAMS[signals.STREAM_INDEX["insole_l"]].channels]
    assert names[0] == "foot_l_accel_x"
    assert names[5] == "foot_l_gyro_z"
    assert names[6:] == ["insole_l_vgrf", "insole_l_cop_ap", "insole_l_cop_ml"]


def test_mirroring_twice_changes_nothing() -> None:
    row = np.random.default_rng(0).normal(size=54)
    index, sign = np.array(signals.MIRROR_INDEX), np.array(signals.MIRROR_SIGN)
    once = sign * row[index]
    assert not np.allclose(once, row)
    assert np.allclose(sign * once[index], row)


def test_mirror_swaps_sides_and_changes_accel_z_gyro_x_gyro_y() -> None:
    changed = {
        name for name, sign in zip(signals.CHANNEL_NAMES, signals.MIRROR_SIGN, strict=True) if sign < 0
    }
    assert all(name.endswith(("accel_z", "gyro_x", "gyro_y")) for name in changed)
    assert len(changed) == 8 * 3
    swapped = signals.CHANNEL_NAMES[signals.MIRROR_INDEX[signals.CHANNEL_INDEX["thigh_r_gyro_x"]]]
    assert swapped == "thigh_l_gyro_x"


def test_published_names_are_opensims() -> None:
    right = [item.name for item in signals.published_outcomes(("r",))]
    assert right == [
        "hip_flexion_r",
        "knee_angle_r",
        "ankle_angle_r",
        "lumbar_extension",
        "hip_flexion_r_moment",
        "knee_angle_r_moment",
        "ankle_angle_r_moment",
        "lumbar_extension_moment",
    ]
    both = {item.name: item.sources for item in signals.published_outcomes(("r", "l"))}
    assert len(both) == 14
    assert [side for side, _ in both["lumbar_extension"]] == ["r", "l"]


def test_model_channels_speak_of_ipsi_and_contra() -> None:
    assert "thigh_ipsi_accel_x" in signals.MODEL_CHANNEL_NAMES
    assert "insole_contra_vgrf" in signals.MODEL_CHANNEL_NAMES
    assert not any(token in name.split("_") for name in signals.MODEL_CHANNEL_NAMES for token in ("r", "l"))


def test_24_right_handed_mountings() -> None:
    assert len(MOUNTINGS) == 24
    for rotation in MOUNTINGS.values():
        assert np.allclose(rotation @ rotation.T, np.eye(3))
        assert np.isclose(np.linalg.det(rotation), 1.0)
    assert np.array_equal(MOUNTINGS[IN_SEGMENT_AXES], np.eye(3))


def test_a_level_gx5_reads_minus_one_g_on_z_and_its_segment_plus_g_on_y() -> None:
    segment = MOUNTINGS["x_forward_z_down"] @ [0.0, 0.0, -signals.STANDARD_GRAVITY]
    assert np.allclose(segment, [0.0, signals.STANDARD_GRAVITY, 0.0])
