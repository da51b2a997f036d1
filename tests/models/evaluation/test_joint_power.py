"""Joint power of a known swing; repetitions found in a known rhythm."""

from __future__ import annotations

import numpy as np
import pytest

from jetson_runtime.suit.signals import LABEL_NAMES, RATE_HZ
from models.evaluation.cycles import PERCENT, mean_of, repetitions, stretched
from models.evaluation.power import COORDINATES, joint_power


def _labels(**columns: np.ndarray) -> np.ndarray:
    count = len(next(iter(columns.values())))
    labels = np.zeros((count, len(LABEL_NAMES)))
    for name, values in columns.items():
        labels[:, LABEL_NAMES.index(name)] = values
    return labels


def test_a_moment_that_moves_its_joint_gives_energy_and_one_that_resists_takes_it() -> None:
    """10 degrees at 1 Hz: the rate is 0.1745 * 2 pi cos; a moment of 2 cos Nm/kg does 1.0966 W/kg on average."""
    t = np.arange(4 * RATE_HZ) / RATE_HZ
    swing, push = 10.0 * np.sin(2 * np.pi * t), 2.0 * np.cos(2 * np.pi * t)
    power = joint_power(
        _labels(knee_angle_r=swing, knee_angle_r_moment=push, ankle_angle_l=swing, ankle_angle_l_moment=-push)
    )
    mean = dict(zip(COORDINATES, power[1:-1].mean(axis=0), strict=True))
    assert mean["knee_angle_r"] == pytest.approx(1.0966, rel=5e-3)
    assert mean["ankle_angle_l"] == pytest.approx(-1.0966, rel=5e-3)
    assert [mean[name] for name in COORDINATES if name not in ("knee_angle_r", "ankle_angle_l")] == [0.0] * 5


def test_work_is_the_moment_times_the_way() -> None:
    """A constant 1.5 Nm/kg over 40 degrees, however fast."""
    t = np.linspace(0.0, 1.0, 301)
    angle = 40.0 * (3 * t**2 - 2 * t**3)
    power = joint_power(_labels(lumbar_extension=angle, lumbar_extension_moment=np.full(301, 1.5)))
    work = power[:, COORDINATES.index("lumbar_extension")].sum() / RATE_HZ
    assert work == pytest.approx(1.5 * np.radians(40.0), rel=0.01)


def test_power_is_unknown_where_angle_or_moment_is() -> None:
    moment = np.ones(50)
    moment[20] = np.nan
    power = joint_power(_labels(hip_flexion_r=np.arange(50.0), hip_flexion_r_moment=moment))
    unknown = np.isnan(power[:, COORDINATES.index("hip_flexion_r")])
    assert np.flatnonzero(unknown).tolist() == [20]


def test_repetitions_run_from_peak_to_peak_at_the_wearers_own_pace() -> None:
    """Six lifts of 2.0 to 3.0 s, the hip leading and the trunk in a rhythm of its own."""
    lengths = [2.0, 3.0, 2.4, 2.8, 2.2, 2.6]
    phase = np.concatenate([i + np.arange(round(s * RATE_HZ)) / (s * RATE_HZ) for i, s in enumerate(lengths)])
    labels = _labels(
        hip_flexion_r=50.0 * (1.0 - np.cos(2 * np.pi * phase)),
        lumbar_extension=5.0 * np.sin(2 * np.pi * 7 * phase),
    )
    labels[:248] = np.nan
    found = repetitions(labels)
    peaks = np.flatnonzero(np.diff(np.floor(phase + 0.5))) + 1
    peaks = peaks[peaks > 248]
    assert len(found) == len(peaks) - 1 == 4
    np.testing.assert_allclose([cycle.start for cycle in found], peaks[:-1], atol=2)
    np.testing.assert_allclose([cycle.stop for cycle in found], peaks[1:] + 1, atol=2)


@pytest.mark.parametrize("seconds", [0.5, 30.0])
def test_a_posture_repeats_nothing(seconds: float) -> None:
    assert repetitions(_labels(hip_flexion_r=np.full(round(seconds * RATE_HZ), 30.0))) == []


def test_a_repetition_is_stretched_to_a_percent_grid() -> None:
    values = np.stack([np.linspace(0.0, 1.0, 77), np.linspace(3.0, 5.0, 77) ** 2], axis=1)
    whole = stretched(values)
    assert whole.shape == (len(PERCENT), 2)
    np.testing.assert_allclose(whole[:, 0], PERCENT / 100.0)
    np.testing.assert_allclose(whole[:, 1], (3.0 + PERCENT / 50.0) ** 2, atol=1e-3)


def test_the_mean_is_of_what_is_known() -> None:
    first, second = np.ones((101, 2)), np.full((101, 2), 3.0)
    first[5, 0], second[9, 1] = np.nan, np.nan
    first[7], second[7] = np.nan, np.nan
    mean = mean_of([first, second])
    assert (mean[5, 0], mean[9, 1], mean[50, 0]) == (3.0, 1.0, 2.0)
    assert np.isnan(mean[7]).all()
