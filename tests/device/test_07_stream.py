"""07: the live stream on the body: rate, missed ticks, age, validity."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from jetson_runtime.client import FrameClient, ReceivedFrame
from jetson_runtime.suit.config import SuitConfig


@pytest.fixture
def service(suit_path: Path) -> Iterator[None]:
    process = subprocess.Popen(
        [sys.executable, "-m", "jetson_runtime.cli", "run", "--config", str(suit_path)]
    )
    yield
    process.terminate()
    process.wait(10)


def _watch(suit: SuitConfig, seconds: float) -> list[ReceivedFrame]:
    frames: list[ReceivedFrame] = []
    end = time.monotonic() + seconds
    with FrameClient(suit.output.public[-1]) as client:
        while time.monotonic() < end:
            frames += client.recv_all(timeout_ms=100)
    return frames


@pytest.mark.usefixtures("service")
def test_two_hundred_a_second_and_valid(suit: SuitConfig, pytestconfig: pytest.Config) -> None:
    frames = _watch(suit, 60.0 * pytestconfig.getoption("--minutes"))
    first = next(i for i, frame in enumerate(frames) if frame.valid)
    seen = frames[first:]
    ticks = seen[-1].seq - seen[0].seq + 1
    ages = np.percentile([frame.age_ms for frame in seen], (50, 99, 100))
    print(f"{len(seen)} frames of {ticks} ticks, age p50/p99/worst {ages} ms")
    assert len(seen) > 0.999 * ticks
    assert np.mean([frame.valid for frame in seen]) > 0.999


@pytest.mark.usefixtures("service")
def test_an_unplugged_imu_is_named_and_comes_back(suit: SuitConfig) -> None:
    """By hand, within 40 s of the first valid frame: pull the right thigh's cable, wait 5 s, plug it in again."""
    frames = _watch(suit, 50.0)
    lost = [i for i, frame in enumerate(frames) if frame.missing == ("imu_thigh_r",)]
    assert lost, "imu_thigh_r was never missing alone: was its cable pulled?"
    assert not any(frames[i].valid for i in lost)
    assert any(frame.valid for frame in frames[lost[-1] :]), "no valid frame after the cable came back"
