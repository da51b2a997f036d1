"""One running service on a whole suit: what comes out, and what a fault in one device does to it."""

from __future__ import annotations

import math
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from worn_suit import ServiceProcess, WornSuit, make_device, run_service, serial_of, until

from drivers.emulator.bench import Bench
from jetson_runtime.client import ReceivedFrame
from jetson_runtime.suit.signals import (
    RATE_HZ,
    SIDES,
    STREAM_INDEX,
    STREAM_NAMES,
    STREAMS,
    published_outcomes,
)


class Running:
    """A suit and the service on it; a test that breaks something mends it again."""

    def __init__(self, suit: WornSuit, service: ServiceProcess) -> None:
        self.suit = suit
        self.service = service

    def until_state(self, state: str) -> bool:
        return until(lambda: self.service.state() == state)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Bench() as bench:
        suit = WornSuit(tmp_path_factory.mktemp("suit"), bench)
        service = ServiceProcess(suit.write_config(), suit.endpoint)
        try:
            assert until(lambda: service.state() == "running"), service.log
            yield Running(suit, service)
        finally:
            service.stop()


def test_a_whole_suit_gives_valid_frames_at_the_rate(running: Running) -> None:
    frames: list[ReceivedFrame] = []

    def mostly_valid() -> bool:
        frames[:] = running.service.client.recv_all(0)
        while len(frames) < RATE_HZ:
            frames.extend(running.service.client.recv_all(1000))
        return sum(frame.valid for frame in frames) > len(frames) / 2

    assert until(mostly_valid)
    for before, after in pairwise(frames):
        assert (after.t_ns - before.t_ns) * RATE_HZ == (after.seq - before.seq) * 1_000_000_000
    valid = [frame for frame in frames if frame.valid]
    for frame in valid:
        values = frame.angle | frame.moment
        assert list(values) == [item.name for item in published_outcomes(SIDES)]
        assert all(math.isfinite(value) for value in values.values())
        assert frame.missing == ()


def test_a_stall_of_the_host_is_stepped_through(running: Running) -> None:
    """The service is stopped for 30 ticks: it computes them late, sends the newest alone, and needs no settling.

    A stall of the emulator in the same moment would lose samples, so that one good try of five tells.
    """
    service = running.service

    def jump_while_valid() -> bool:
        assert running.until_state("running")
        before = service.client.latest
        service.process.send_signal(signal.SIGSTOP)
        time.sleep(0.15)
        service.process.send_signal(signal.SIGCONT)
        frames = service.client.recv_all(1000)
        while len(frames) < 20:
            frames += service.client.recv_all(1000)
        assert before is not None
        jumps = [b.seq - a.seq for a, b in pairwise([before, *frames])]
        return max(jumps) >= 15 and all(frame.valid for frame in frames)

    assert any(jump_while_valid() for _ in range(5))
    assert until(lambda: service.status["late_ticks"] >= 15)


def test_status_names_devices_rates_and_nothing_wrong(running: Running) -> None:
    service = running.service

    seen: list[dict[str, Any]] = []

    def nothing_wrong() -> bool:
        """In one status; of the faults only those of a busy machine, which may also cost a while of settling."""
        seen[:] = [service.status]
        told = seen[0]
        return (
            told.get("state") == "running"
            and all(stream["rate_ok"] and not stream["detail"] for stream in told["streams"].values())
            and {fault["number"] for fault in told["faults"]} <= {21, 22}
        )

    assert until(nothing_wrong), service.status
    status = seen[0]
    assert status["engine"] == "numpy"
    assert set(status["streams"]) == set(STREAM_NAMES)
    for name, stream in status["streams"].items():
        assert stream["serial"] == serial_of(name)
        assert stream["port"] == str(running.suit.path(name))
        assert (stream["alive"], stream["valid"], stream["detail"]) == (True, True, "")
    lateness = status["lateness_ms"]
    assert 0.0 <= lateness["p50"] <= lateness["p99"] <= lateness["max"]


def test_an_unplugged_imu_is_named_and_comes_back_without_a_restart(running: Running) -> None:
    service, suit = running.service, running.suit
    session = service.status["session"]
    suit.unplug("imu_thigh_r")
    assert running.until_state("degraded")
    # A machine that stalls for more than 20 ms makes the others miss a frame too.
    assert until(lambda: service.client.latest.missing == ("imu_thigh_r",))
    frame = service.client.latest
    assert frame is not None
    assert not frame.valid
    assert all(math.isnan(value) for value in frame.angle.values())
    assert until(lambda: service.stream("imu_thigh_r")["detail"] and service.stream("imu_back")["alive"])
    status = service.status
    assert "imu_thigh_r" in [fault["stream"] for fault in status["faults"] if fault["number"] in (1, 3)]
    assert str(suit.path("imu_thigh_r")) in status["streams"]["imu_thigh_r"]["detail"]
    assert status["streams"]["imu_thigh_r"]["missing_since_s"] is not None
    suit.replug("imu_thigh_r")
    assert running.until_state("running"), service.log
    assert service.status["session"] == session
    assert until(lambda: not service.stream("imu_thigh_r")["detail"])
    lines = [line for line in service.log.splitlines() if "imu_thigh_r" in line]
    assert len(lines) <= 8, "a line for each change of state, not for each look or try"
    assert serial_of("imu_thigh_r") in lines[-1]


def test_a_silent_insole_is_brought_up_again(running: Running) -> None:
    service, suit = running.service, running.suit
    insole = suit.devices["insole_l"]

    def fall_silent() -> None:
        insole.streaming = False  # type: ignore[misc]

    suit.bench.do(fall_silent)
    assert running.until_state("degraded")
    assert running.until_state("running"), service.log
    assert insole.streaming
    assert until(lambda: service.stream("insole_l")["alive"])


def test_a_second_service_on_the_same_config_is_refused(running: Running) -> None:
    service = running.service
    before = service.client.latest
    assert before is not None
    second = run_service(running.suit.config, subprocess.PIPE)
    _, errors = second.communicate(timeout=10)
    assert second.returncode == 2
    assert "another service is running" in errors
    assert len(errors.splitlines()) <= 3
    assert until(lambda: service.client.latest.valid and service.client.latest.seq > before.seq)
    assert service.client.session == before.session


def test_what_is_unusual_about_a_device_is_told_and_sigterm_ends_in_order(tmp_path: Path) -> None:
    """A base rate that 200 Hz does not divide, and an insole without motion."""
    with Bench() as bench:
        suit = WornSuit(tmp_path, bench, ())
        suit.plug_in("insole_r", make_device(STREAMS[STREAM_INDEX["insole_r"]], foot_moves=False))
        suit.plug_in("imu_back", make_device(STREAMS[0], base_rate_hz=500))
        service = ServiceProcess(suit.write_config(), suit.endpoint)
        assert until(lambda: service.stream("imu_back").get("rate_ok")), service.log
        back = service.stream("imu_back")
        assert 225 < back["rate_hz"] < 275
        assert any("250 Hz" in note and "500 Hz" in note for note in back["notes"])
        assert until(lambda: "motion" in service.stream("insole_r")["detail"]), service.log
        assert (service.stream("insole_r")["alive"], service.stream("insole_r")["valid"]) == (True, False)
        assert 15 in [fault["number"] for fault in service.status["faults"]]
        assert service.stop() == 0
        assert not (tmp_path / "public").exists()
        assert "250 Hz" in service.log
        assert "Traceback" not in service.log


BROKEN = """
import sys
from pathlib import Path
from jetson_runtime.inference.pipeline import Pipeline
from jetson_runtime.service import main

def step(self, now_ns):
    raise ArithmeticError("a bug in a tick")

Pipeline.step = step
sys.exit(main.run(Path(sys.argv[1])))
"""


def test_a_bug_in_the_reactor_ends_the_process_for_systemd_to_restart(tmp_path: Path) -> None:
    with Bench() as bench:
        suit = WornSuit(tmp_path, bench, ("imu_back",))
        command = [sys.executable, "-c", BROKEN, str(suit.write_config())]
        result = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    assert result.returncode == 1
    assert "reactor died" in result.stderr
    assert "a bug in a tick" in result.stderr
