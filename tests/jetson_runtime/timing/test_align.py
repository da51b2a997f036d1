"""What the aligner puts on the grid."""

from __future__ import annotations

import numpy as np
import pytest

from jetson_runtime.suit.signals import STREAM_INDEX, STREAMS
from jetson_runtime.suit.trial import Trial, TrialMeta
from jetson_runtime.timing.align import Aligner, empty_row
from jetson_runtime.timing.resample import random_links, resample_trial

MS = 1_000_000
FRESH = [20 * MS if stream.kind == "imu" else 45 * MS for stream in STREAMS]
BACK, INSOLE = STREAM_INDEX["imu_back"], STREAM_INDEX["insole_r"]


def _row(aligner: Aligner, t_ms: float) -> np.ndarray:
    row = empty_row()
    aligner.row(round(t_ms * MS), row)
    return row


def test_an_imu_is_interpolated_between_its_two_samples() -> None:
    aligner = Aligner(FRESH)
    aligner.push(BACK, 10 * MS, (0.0, 10.0, 0.0, 0.0, 0.0, 1.0))
    aligner.push(BACK, 15 * MS, (5.0, 20.0, 0.0, 0.0, 0.0, 2.0))
    assert _row(aligner, 12)[list(STREAMS[BACK].channels)] == pytest.approx([2.0, 14.0, 0.0, 0.0, 0.0, 1.4])


def test_a_tick_waits_for_the_imus_later_sample_but_not_for_an_insoles() -> None:
    aligner = Aligner(FRESH)
    aligner.push(BACK, 10 * MS, (0.0,) * 6)
    aligner.push(INSOLE, 4 * MS, (0.0,) * 9)
    assert not aligner.ready(12 * MS)
    aligner.push(BACK, 15 * MS, (0.0,) * 6)
    assert aligner.ready(12 * MS)


def test_lost_packets_are_bridged_up_to_the_limit_and_not_beyond() -> None:
    aligner = Aligner(FRESH)
    aligner.push(BACK, 10 * MS, (1.0,) * 6)
    channel = STREAMS[BACK].channels[0]
    assert _row(aligner, 30)[channel] == 1.0
    assert np.isnan(_row(aligner, 30.001)[channel])
    assert not aligner.streams[BACK].fresh


def test_an_insole_is_held_and_its_undefined_centre_stays_undefined() -> None:
    aligner = Aligner(FRESH)
    aligner.push(INSOLE, 0, (1.0,) * 6 + (0.8, 0.4, 0.5))
    aligner.push(INSOLE, 13 * MS, (2.0,) * 6 + (0.0, np.nan, np.nan))
    channels = list(STREAMS[INSOLE].channels)
    assert _row(aligner, 12.9)[channels].tolist() == [1.0] * 6 + [0.8, 0.4, 0.5]
    held = _row(aligner, 13)[channels]
    assert held[6] == 0.0
    assert np.isnan(held[7:]).all()
    assert aligner.streams[INSOLE].fresh


def test_duplicates_and_late_samples_are_counted_and_refused() -> None:
    aligner = Aligner(FRESH)
    assert aligner.push(BACK, 10 * MS, (1.0,) * 6)
    assert not aligner.push(BACK, 10 * MS, (2.0,) * 6)
    assert not aligner.push(BACK, 5 * MS, (3.0,) * 6)
    assert aligner.streams[BACK].ring.out_of_order == 2
    assert _row(aligner, 10)[STREAMS[BACK].channels[0]] == 1.0


def test_the_ring_goes_on_after_it_is_full() -> None:
    aligner = Aligner(FRESH)
    for i in range(5000):
        aligner.push(BACK, i * 5 * MS, (float(i),) * 6)
    assert _row(aligner, 4998.5 * 5)[STREAMS[BACK].channels[0]] == pytest.approx(4998.5)


def _sine_trial() -> Trial:
    time = np.arange(800) / 200
    channels = (2.0 + np.sin(2 * np.pi * 1.5 * time))[:, None] * np.ones(54, dtype=np.float32)
    return Trial(
        time, channels.astype(np.float32), np.zeros((800, 14), np.float32), TrialMeta("s", "W", 70, 0.27, 0.1)
    )


def test_a_trial_comes_back_from_the_aligner_almost_as_it_was() -> None:
    trial = _sine_trial()
    rows = resample_trial(trial, seed=1)
    imu, insole = list(STREAMS[BACK].channels), list(STREAMS[INSOLE].channels)
    slope = 2 * np.pi * 1.5
    assert np.max(np.abs(rows - trial.channels)[2:-10, imu]) < 0.002
    # A held value lags by at most one insole period and the delay that hides the newest sample.
    assert np.max(np.abs(rows - trial.channels)[2:-10, insole]) < slope * (1 / 75.13 + 0.006)


def test_a_device_that_the_trial_lacks_is_missing_from_every_row() -> None:
    trial = _sine_trial()
    trial.channels[:, list(STREAMS[BACK].channels)] = np.nan
    rows = resample_trial(trial, seed=1)
    assert np.isnan(rows[:, list(STREAMS[BACK].channels)]).all()
    assert np.isfinite(np.delete(rows, list(STREAMS[BACK].channels), axis=1)).all()


def test_links_differ_by_seed_and_repeat_for_one() -> None:
    assert random_links(1) == random_links(1)
    assert random_links(1) != random_links(2)
