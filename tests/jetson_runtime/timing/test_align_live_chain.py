"""Emulated clocks and links in simulated time, clock estimation, aligner: what reaches the grid of a trial."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from sine_trial import sines

from jetson_runtime.suit.signals import STREAMS
from jetson_runtime.suit.trial import Trial
from jetson_runtime.timing.align import default_max_wait_ns

IMUS = [c for stream in STREAMS if stream.kind == "imu" for c in stream.channels]
FEET = [c for stream in STREAMS if stream.kind == "insole" for c in stream.channels[:7]]


@pytest.fixture(scope="module")
def suit() -> ModuleType:
    """The benchmark's emulated suit."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).resolve().parents[3] / "benchmarks"))
        return importlib.import_module("alignment_suit")


@pytest.fixture(scope="module")
def trial() -> Trial:
    """Five seconds of sines of 1 to 12 Hz."""
    return sines(5.0, 1, 12)


def _error(rows: np.ndarray, trial: Trial, columns: list[int]) -> float:
    return float(np.sqrt(np.mean((rows - trial.channels)[20:-20, columns] ** 2)))


@pytest.mark.parametrize("imu_hz", [200.0, 500.0])
def test_live_rows_are_the_trials_within_what_clocks_are_off(
    suit: ModuleType, trial: Trial, imu_hz: float
) -> None:
    truth = suit.Truth(trial)
    late = np.roll(trial.channels, 1, axis=0)
    errors = {}
    for policy in ("low_latency", "smooth"):
        setup = suit.Setup(policy, imu_hz, warm_up_s=12.0)
        live, exact = (suit.play(trial, truth, setup, exact=true_times) for true_times in (False, True))
        assert live.valid.all()
        assert np.all(live.age_ms <= default_max_wait_ns(policy) * 1e-6 + 1e-6)
        assert np.all(live.oldest_ms >= live.age_ms)
        assert _error(exact.rows, trial, IMUS) < 0.02 * _error(late, trial, IMUS)
        assert _error(live.rows, trial, IMUS) < 0.15 * _error(late, trial, IMUS)
        errors[policy] = _error(live.rows, trial, FEET), float(np.median(live.age_ms))
    assert errors["smooth"][0] < 0.15 * errors["low_latency"][0]
    assert errors["smooth"][1] > errors["low_latency"][1] + 5.0


@pytest.mark.parametrize("policy", ["low_latency", "smooth"])
def test_frames_stay_valid_while_a_packet_in_200_is_lost_on_every_stream(
    suit: ModuleType, trial: Trial, policy: str
) -> None:
    played = [
        suit.play(trial, suit.Truth(trial), suit.Setup(policy, warm_up_s=12.0, loss=loss))
        for loss in (0.0, 1 / 200)
    ]
    assert all(one.valid.all() for one in played)
    whole, lossy = (_error(one.rows, trial, IMUS + FEET) for one in played)
    assert lossy < whole + 0.02
