"""Rows 12, 44 and 45: devices whose clocks run away, and a wall clock that is set, or was never set."""

from __future__ import annotations

import math
import shutil
import struct
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from broken_suit import BrokenSuit, Start, frames_of, until
from worn_suit import ServiceProcess

from drivers.emulator.bench import Bench
from jetson_runtime.timing.timebase import ClockEstimator

CLOCK = 19
HOUR_S = 3600


class WallClock:
    """The wall clock of processes that are started while this is in place; `shift_s` off the true one."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.set(0)

    def set(self, shift_s: int) -> None:
        mode = "r+b" if self._file.exists() else "wb"
        with self._file.open(mode) as out:
            out.write(struct.pack("q", shift_s))


@pytest.fixture
def wall_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WallClock]:
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler is here (apt install gcc)")
    library = tmp_path / "wall_clock.so"
    source = Path(__file__).parent / "wall_clock.c"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    clock = WallClock(tmp_path / "wall-clock")
    monkeypatch.setenv("WALL_CLOCK_FILE", str(tmp_path / "wall-clock"))
    monkeypatch.setenv("LD_PRELOAD", str(library))
    yield clock


def _utc_s(service: ServiceProcess) -> float:
    """What the service's hello says the wall clock shows."""
    service.client.recv_all(0)
    hello = service.client.hello
    return (hello["utc_minus_monotonic_ns"] + time.monotonic_ns()) * 1e-9 if hello else math.nan


def test_row_44_a_wall_clock_that_is_set_moves_no_frame_and_is_told(
    tmp_path: Path, wall_clock: WallClock
) -> None:
    with Bench() as bench:
        suit = BrokenSuit(tmp_path, bench)
        service = ServiceProcess(suit.write_config(), suit.endpoint)
        try:
            assert until(lambda: service.state() == "running"), service.log
            session, restarts = service.client.session, _restarts(service)
            for shift_s in (HOUR_S, -HOUR_S, 0):
                wall_clock.set(shift_s)
                frames = frames_of(service, 300)
                for before, after in pairwise(frames):
                    assert after.t_ns - before.t_ns == (after.seq - before.seq) * 5_000_000
                    assert 0.0 <= after.age_ms < 1000.0
                assert until(lambda shift_s=shift_s: abs(_utc_s(service) - time.time() - shift_s) < 60.0)
            assert (service.client.session, _restarts(service)) == (session, restarts)
            # The loop that feeds the watchdog and brings devices back does not wait for an hour.
            suit.unplug("imu_back")
            assert until(lambda: service.stream("imu_back")["detail"]), service.log
            suit.replug("imu_back")
            assert until(lambda: service.state() == "running"), service.log
            told = [line for line in service.log.splitlines() if "wall clock" in line]
            assert len(told) == 3, service.log
            assert "forward by 3600 s" in told[0]
            assert "back by 7200 s" in told[1]
        finally:
            assert service.stop() == 0


def _restarts(service: ServiceProcess) -> list[int]:
    """Of each device's clock, as the service counts them."""
    assert until(lambda: service.status.get("streams"))
    return [stream["clock"]["restarts"] for stream in service.status["streams"].values()]


def test_row_45_a_wall_clock_at_1970_is_no_obstacle(tmp_path: Path, wall_clock: WallClock) -> None:
    wall_clock.set(100 - round(time.time()))
    with Bench() as bench:
        suit = BrokenSuit(tmp_path, bench)
        service = ServiceProcess(suit.write_config(), suit.endpoint)
        try:
            assert until(lambda: service.state() == "running"), service.log
            assert until(lambda: 0 < _utc_s(service) < HOUR_S)
            wall_clock.set(0)
            assert until(lambda: abs(_utc_s(service) - time.time()) < 60.0)
            assert until(lambda: service.state() == "running")
        finally:
            assert service.stop() == 0


@pytest.mark.parametrize(("rate_hz", "skew_ppm"), [(199, 200), (201, -200), (78, 100), (82, -100)])
def test_row_12_an_hour_of_a_device_at_another_rate_moves_no_sample_in_time(
    rate_hz: int, skew_ppm: int
) -> None:
    random = np.random.default_rng(rate_hz)
    n = rate_hz * HOUR_S
    device = 5_000_000_000 + np.round(np.arange(n) * (1e9 / rate_hz)).astype(np.int64)
    host = 10**12 + np.round((device - device[0]) * (1 + skew_ppm * 1e-6)).astype(np.int64)
    receive = np.maximum.accumulate(host + random.integers(300_000, 1_400_000, n))
    clock = ClockEstimator(round(1e9 / 200 if rate_hz > 100 else 1e9 / 80))
    mapped = [clock.update(d, r) for d, r in zip(device.tolist(), receive.tolist(), strict=True)]
    error_ms = (np.array(mapped) - host) / 1e6
    minute = 60 * rate_hz
    assert clock.restarts == 0
    assert abs(error_ms[-minute:].mean() - error_ms[5 * minute : 6 * minute].mean()) < 0.2
    assert np.abs(error_ms[5 * minute :] - error_ms[5 * minute :].mean()).max() < 1.0


def test_row_12_a_clock_that_no_crystal_has_is_named(start: Start) -> None:
    """Half a percent off: its samples would be misplaced by more than 10 ms."""
    suit, service = start(("imu_back", "imu_pelvis"))

    def run_away() -> None:
        device = suit.devices["imu_pelvis"]
        device.clock = replace(device.clock, skew_ppm=-5000.0)
        device.restart(time.monotonic_ns())

    suit.bench.do(run_away)

    def named() -> set[str]:
        return {f["stream"] for f in service.status.get("faults", []) if f["number"] == CLOCK}

    assert until(named), service.status
    assert named() == {"imu_pelvis"}
    assert "ppm off" in service.stream("imu_pelvis")["detail"]
