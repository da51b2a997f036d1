"""Stretches of recordings for a training, and sensors put on anew."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

from jetson_runtime.suit import signals
from models.data.dataset import Recording
from models.data.segments import Segments, donning_matrices


def test_segments_carry_the_outcomes_of_their_own_rows(recordings: list[Recording]) -> None:
    outputs = 12
    segments = Segments(recordings, outputs)
    rows, outcomes = segments.draw(np.random.default_rng(0), 20)
    assert rows.shape == (20, 249 + 8 * 11, 54)
    assert outcomes.shape == (20, outputs, 8)
    sides = set()
    for stretch, truth in zip(rows, outcomes, strict=True):
        found = [
            (recording, side, int(np.flatnonzero((recording.leg(side)[0] == stretch[0]).all(axis=1))[0]))
            for recording in recordings
            for side in signals.SIDES
            if (recording.leg(side)[0] == stretch[0]).all(axis=1).any()
        ]
        assert len(found) == 1
        recording, side, start = found[0]
        sides.add(side)
        np.testing.assert_array_equal(truth, recording.leg(side)[1][start + 248 : start + 249 + 8 * 11 : 8])
    assert sides == {"r", "l"}


def test_all_segments_cover_every_scored_row_once(recordings: list[Recording]) -> None:
    segments = Segments(recordings, 16)
    scored = sum(outcomes.shape[0] * outcomes.shape[1] for _, outcomes in segments.all(8))
    possible = segments.rows_in_all / 8
    assert 0.85 * possible < scored <= possible + 2 * len(recordings)


def test_a_short_trial_is_led_in_by_its_first_row_and_scored_only_where_it_is(
    recordings: list[Recording],
) -> None:
    long = recordings[0]
    short = Recording("short", "s", "W", long.rows[:100], long.labels[:100])
    rows, outcomes = Segments([short], 20).draw(np.random.default_rng(1), 1)
    assert rows.shape == (1, 401, 54)
    assert (rows[0, :301] == rows[0, 0]).all()
    known = np.isfinite(outcomes[0]).all(axis=1)
    np.testing.assert_array_equal(np.flatnonzero(known), np.arange(7, 20))


def test_donning_turns_each_sensor_as_a_whole_and_leaves_its_strength() -> None:
    random = np.random.default_rng(3)
    rows = random.standard_normal((5, 40, 54)).astype(np.float32)
    turned = rows @ donning_matrices(random, 5, 4.0)
    angles = []
    for part in signals.PARTS:
        for quantity in ("accel", "gyro"):
            axes = slice(
                signals.CHANNEL_INDEX[f"{part}_{quantity}_x"],
                signals.CHANNEL_INDEX[f"{part}_{quantity}_z"] + 1,
            )
            before, after = rows[..., axes], turned[..., axes]
            np.testing.assert_allclose(
                np.linalg.norm(after, axis=-1), np.linalg.norm(before, axis=-1), rtol=1e-4
            )
            rotation = np.linalg.lstsq(before[0], after[0], rcond=None)[0]
            angles.append(np.degrees(np.arccos((np.trace(rotation) - 1) / 2)))
    accel, gyro = angles[::2], angles[1::2]
    np.testing.assert_allclose(accel, gyro, rtol=1e-3)
    assert 3.0 < np.mean(accel) < 11.0
    cop = signals.CHANNEL_INDEX["insole_r_cop_ap"]
    np.testing.assert_array_equal(turned[..., cop : cop + 2], rows[..., cop : cop + 2])
    np.testing.assert_array_equal(rows @ donning_matrices(random, 5, 0.0), rows)
