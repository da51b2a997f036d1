"""The demo's arithmetic, on frames and trials whose errors are known beforehand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from jetson_runtime.demo import scoring
from jetson_runtime.demo.scoring import Seen
from jetson_runtime.inference.bundle import Baselines
from jetson_runtime.suit.signals import (
    CHANNEL_FILL,
    CHANNEL_INDEX,
    CHANNELS,
    LABEL_NAMES,
    MIRROR_INDEX,
    MIRROR_SIGN,
    PERIOD_NS,
    SIDES,
    published_outcomes,
)
from jetson_runtime.suit.trial import Trial, TrialMeta

HISTORY = 20
ROWS = 400
START_NS = 7_000_000_000
PUBLISHED = published_outcomes(SIDES)


def make_trial(**edits):
    """Labels that move; a row of channels that holds a value everywhere."""
    time_s = np.arange(ROWS) / 200
    labels = np.stack([np.sin(time_s * 6 + i) * (i + 1) for i in range(14)], axis=1).astype(np.float32)
    channels = np.tile(np.asarray(CHANNEL_FILL, np.float32), (ROWS, 1))
    for (name, rows), value in edits.items():
        if name in CHANNEL_INDEX:
            channels[rows, CHANNEL_INDEX[name]] = value
        else:
            labels[rows, LABEL_NAMES.index(name)] = value
    return Trial(time_s, channels, labels, TrialMeta("s", "SH", 70.0, 0.27, 0.1))


def edited(name, rows, value=np.nan):
    trial = make_trial()
    if name in CHANNEL_INDEX:
        trial.channels[rows, CHANNEL_INDEX[name]] = value
    else:
        trial.labels[rows, LABEL_NAMES.index(name)] = value
    return trial


def frames_of(trial, off=0.0, ticks=range(-50, ROWS + 50), phase=0.0, valid=True):
    """A frame at each of `ticks` (rows of the trial, `phase` of a row late) that is `off` the truth."""
    last = ROWS - 1
    frames = []
    for i in ticks:
        at = min(max(i + phase, 0), last)
        values = tuple(float(np.interp(at, np.arange(ROWS), column)) + off for column in trial.labels.T)
        t_ns = START_NS + round((i + phase) * PERIOD_NS)
        frames.append(Seen(1000 + i, t_ns, t_ns + 4_000_000, 4.0, valid, (), values))
    return frames


def no_baselines(mean=0.0):
    return Baselines(
        mean=np.full(8, mean),
        lags=np.array([0]),
        coefficients=np.zeros((len(CHANNELS), 8)),
        intercept=np.zeros(8),
    )


def errors(frames, trial, baselines=None):
    rows = np.nan_to_num(trial.channels.astype(np.float64))
    return scoring.errors(
        frames,
        PUBLISHED,
        trial,
        START_NS,
        history=HISTORY,
        baselines=baselines or no_baselines(),
        rows=rows,
    )


def test_what_is_off_by_two_has_an_rmse_of_two_and_correlates_perfectly():
    trial = make_trial()
    result = errors(frames_of(trial, off=2.0), trial)
    assert list(result["rmse"]) == list(LABEL_NAMES)
    assert list(result["rmse"].values()) == pytest.approx([2.0] * 14, rel=1e-5)
    assert list(result["r2"].values()) == pytest.approx([1.0] * 14, rel=1e-5)


@pytest.mark.parametrize("phase", [0.0, 0.3, 0.9])
def test_truth_is_interpolated_at_the_frames_own_time(phase):
    trial = make_trial()
    result = errors(frames_of(trial, phase=phase), trial)
    assert max(result["rmse"].values()) < 1e-4


def test_a_frame_late_by_a_row_is_an_error():
    trial = make_trial()
    late = [frame._replace(t_ns=frame.t_ns + PERIOD_NS) for frame in frames_of(trial)]
    assert min(errors(late, trial)["rmse"].values()) > 1e-3


def spoil(frames, rows, by=1e6):
    """The same frames, with a huge error in those at `rows`."""
    return [
        frame._replace(values=tuple(v + by for v in frame.values)) if frame.seq - 1000 in rows else frame
        for frame in frames
    ]


@pytest.mark.parametrize("name", ["insole_r_vgrf", "insole_l_vgrf"])
def test_ticks_of_unknown_force_and_the_history_after_them_are_not_scored(name):
    trial = edited(name, slice(100, 110))
    frames = frames_of(trial)
    assert max(errors(spoil(frames, range(100, 110 + HISTORY)), trial)["rmse"].values()) < 1e-4
    assert min(errors(spoil(frames, [99]), trial)["rmse"].values()) > 1
    assert min(errors(spoil(frames, [110 + HISTORY]), trial)["rmse"].values()) > 1


def test_an_undefined_centre_of_pressure_is_scored():
    trial = edited("insole_r_cop_ap", slice(100, 110))
    assert min(errors(spoil(frames_of(trial), [105]), trial)["rmse"].values()) > 1


def test_unknown_truth_is_left_out_of_its_own_outcome_alone():
    trial = edited("knee_angle_r", slice(50, 60))
    frames = spoil(frames_of(make_trial()), range(50, 60))
    result = errors(frames, trial)["rmse"]
    assert result["knee_angle_r"] < 1e-4
    assert result["knee_angle_l"] > 1


def test_before_the_trial_after_it_and_while_not_valid_nothing_is_scored():
    trial = make_trial()
    frames = spoil(frames_of(trial), [*range(-50, 0), *range(ROWS, ROWS + 50)])
    frames = [frame._replace(valid=frame.seq != 1200) for frame in spoil(frames, [200])]
    assert max(errors(frames, trial)["rmse"].values()) < 1e-4


def test_nothing_valid_is_nothing_scored():
    trial = make_trial()
    result = errors(frames_of(trial, valid=False), trial)
    assert all(math.isnan(value) for value in result["rmse"].values())
    assert all(math.isnan(value) for value in result["r2"].values())
    assert all(math.isnan(value) for kind in result["skill"].values() for value in kind.values())


def test_skill_is_against_the_baseline_on_the_same_frames():
    trial = make_trial()
    result = errors(frames_of(trial, off=0.5), trial, no_baselines(mean=0.25))
    truth = trial.labels[:, 0].astype(np.float64)
    expected = 1 - 0.5 / np.sqrt(np.mean((truth - 0.25) ** 2))
    assert result["skill"]["constant"]["hip_flexion_r"] == pytest.approx(expected, rel=1e-4)
    assert result["skill"]["ridge"]["hip_flexion_r"] == pytest.approx(
        1 - 0.5 / np.sqrt(np.mean(truth**2)), rel=1e-4
    )


def test_ridge_sees_the_left_leg_mirrored_and_the_lower_back_from_both_sides():
    trial = make_trial()
    random = np.random.default_rng(3)
    rows = random.normal(size=(ROWS, len(CHANNELS)))
    coefficients = random.normal(size=(len(CHANNELS), 8))
    baselines = Baselines(np.zeros(8), np.array([0]), coefficients, np.zeros(8))
    right = rows @ coefficients
    left = (rows[:, list(MIRROR_INDEX)] * np.asarray(MIRROR_SIGN)) @ coefficients
    labels = np.stack(
        [
            np.mean([{"r": right, "l": left}[side][:, i] for side, i in item.sources], axis=0)
            for item in PUBLISHED
        ],
        axis=1,
    )
    exact = Trial(trial.time_s, trial.channels, labels + 0.25, trial.meta)
    result = scoring.errors(
        frames_of(exact, off=1.0), PUBLISHED, exact, START_NS, history=HISTORY, baselines=baselines, rows=rows
    )
    # Off by 1 against a ridge that is off by 0.25.
    assert list(result["skill"]["ridge"].values()) == pytest.approx([-3.0] * 14, rel=1e-6)


def test_traffic_counts_what_came_and_what_did_not():
    trial = make_trial()
    frames = frames_of(trial, ticks=range(101))
    del frames[40:42]
    frames = [frame._replace(valid=frame.seq >= 1020 and frame.seq != 1050) for frame in frames]
    result = scoring.traffic(frames, service_start_ns=START_NS - 1_000_000_000)
    assert result["frames"] == 99
    assert result["missed_ticks"] == 2
    assert result["seconds"] == pytest.approx(0.5)
    assert result["rate_hz"] == pytest.approx(98 / 0.5)
    assert result["valid_fraction"] == pytest.approx(78 / 79)
    assert result["age_ms"] == {"p50": 4.0, "p99": 4.0, "max": 4.0}
    assert result["start_to_first_frame_s"] == pytest.approx(1.004)
    assert result["start_to_first_valid_s"] == pytest.approx(1.104)


def test_traffic_without_a_valid_frame_says_so_with_nan():
    result = scoring.traffic(frames_of(make_trial(), valid=False), START_NS)
    assert math.isnan(result["valid_fraction"])
    assert math.isnan(result["start_to_first_valid_s"])


def test_disturbances_name_the_stream_that_was_missing_most():
    frames = frames_of(make_trial(), ticks=range(10))
    gone = [frame._replace(missing=("imu_back",)) for frame in frames]
    both = [frame._replace(missing=("imu_back", "insole_l")) for frame in frames[:3]]
    assert scoring.disturbances([*frames, *gone, *both]) == {"imu_back": 13, "insole_l": 3}
    assert scoring.disturbances([frame._replace(valid=False) for frame in both]) == {}
