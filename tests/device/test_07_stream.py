"""07: the live stream on the body: rate, missed ticks, age, validity."""

from __future__ import annotations

import numpy as np
import pytest
from hands import Hands
from running import Service


def test_two_hundred_a_second_and_valid(
    service: Service, pytestconfig: pytest.Config, own_machine: bool
) -> None:
    service.until_valid()
    seen = service.watch(60.0 * pytestconfig.getoption("--minutes"))
    ticks = seen[-1].seq - seen[0].seq + 1
    ages = np.percentile([frame.age_ms for frame in seen], (50, 99, 100))
    print(f"{len(seen)} frames of {ticks} ticks, age p50/p99/worst {ages} ms")
    assert any(frame.valid for frame in seen)
    if own_machine:
        assert len(seen) > 0.999 * ticks
        assert np.mean([frame.valid for frame in seen]) > 0.999


def test_an_unplugged_imu_is_named_and_comes_back(service: Service, hands: Hands) -> None:
    """By hand: the right thigh's cable is pulled for 5 s."""
    service.until_valid()
    hands.unplug("imu_thigh_r")
    frames = service.watch(5.0)
    hands.replug("imu_thigh_r")
    frames += service.watch(10.0)
    lost = [i for i, frame in enumerate(frames) if frame.missing == ("imu_thigh_r",)]
    assert lost, "imu_thigh_r was never missing alone: was its cable pulled?"
    assert not any(frames[i].valid for i in lost)
    assert any(frame.valid for frame in frames[lost[-1] :]), "no valid frame after the cable came back"
