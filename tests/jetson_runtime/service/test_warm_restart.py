"""kill -9 and a restart: with a standby process the frames go on as if nothing had happened, or the reason is told."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from standby_process import standing_by
from worn_suit import ServiceProcess, WornSuit, until

from drivers.emulator.bench import Bench
from jetson_runtime.client import ReceivedFrame


@pytest.fixture
def suit(tmp_path: Path, standby: Path) -> Iterator[WornSuit]:
    with Bench() as bench:
        suit = WornSuit(tmp_path, bench)
        suit.write_config(extra=f'[standby]\nsocket = "{standby}"')
        yield suit


Start = Callable[[], ServiceProcess]


@pytest.fixture
def start(suit: WornSuit) -> Iterator[Start]:
    """Starts a service on the suit; none outlives the test."""
    services: list[ServiceProcess] = []

    def start() -> ServiceProcess:
        services.append(ServiceProcess(suit.config, suit.endpoint))
        return services[-1]

    yield start
    for service in services:
        service.process.kill()
        service.process.wait()


def killed_after_a_while(start: Start) -> ReceivedFrame:
    """The last frame of a service that ran for 700 ticks and was killed."""
    first = start()
    assert until(lambda: first.state() == "running", 30.0), first.log
    begin = first.client.latest.seq
    assert until(lambda: first.state() and first.client.latest.seq - begin > 700, 30.0), first.log
    first.process.kill()
    first.process.wait()
    last = first.client.latest
    assert last is not None
    first.client.close()  # else it would hear the next service, too
    return last


def next_start(start: Start) -> tuple[ServiceProcess, dict[str, Any]]:
    """The service after it, and how its status says that it started."""
    second = start()
    assert until(lambda: second.status.get("start"), 30.0), second.log
    return second, second.status["start"]


def test_after_a_kill_the_frames_go_on_without_settling(start: Start) -> None:
    """No device is brought up anew, no history is waited for.

    Cold only where a busy machine took so long that the ports had been let go; settling where it was kept from reading.
    """

    def went_on() -> str:
        last = killed_after_a_while(start)
        second, told = next_start(start)
        if told["warm"]:
            assert "8 devices" in told["text"], told
            serials = {name: stream["serial"] for name, stream in second.status["streams"].items()}
            assert all(serials.values()), serials
            # The status may have come before any frame: what is waited for must go on receiving.
            assert until(second.state, 30.0), (second.client.frames, second.status, second.log)
            newest = second.client.latest
            assert newest.seq > last.seq, (newest, last, told)
            assert newest.session != last.session, newest.session
        assert second.stop() == 0, second.log
        return str(told["text"])

    told = [went_on() for _ in range(4)]
    assert all(text.startswith("warm") or "let devices go" in text for text in told), told
    assert any("running" in text for text in told), told


def test_with_another_config_it_starts_cold_and_says_why(suit: WornSuit, standby: Path, start: Start) -> None:
    killed_after_a_while(start)
    suit.write_config(extra=f'[standby]\nsocket = "{standby}"\n[limits]\nimu_fresh_ms = 25.0')
    second, told = next_start(start)
    assert told == {"warm": False, "text": "cold: another config than the service before had"}
    assert until(lambda: second.state() == "running", 30.0), second.log
    assert second.stop() == 0


def test_after_a_stop_in_order_the_ports_are_free_and_the_next_start_is_cold(start: Start) -> None:
    first = start()
    assert until(lambda: first.state() == "running", 30.0), first.log
    assert first.stop() == 0
    second, told = next_start(start)
    assert not told["warm"]
    assert "ended in order" in told["text"]
    assert until(lambda: second.state() == "running", 30.0), second.log
    assert second.stop() == 0


def test_after_a_service_that_was_killed_at_its_first_frame_the_next_settles(start: Start) -> None:
    """On what little there is, or cold: in either case it gets there."""
    first = start()
    assert until(first.state, 30.0), first.log
    first.process.kill()
    first.process.wait()
    second, told = next_start(start)
    assert told["text"].startswith("warm: went on" if told["warm"] else "cold: ")
    assert until(lambda: second.state() == "running", 30.0), second.log
    assert second.stop() == 0


def test_a_standby_process_that_comes_late_or_comes_back_is_told_all_anew(
    suit: WornSuit, tmp_path: Path, start: Start
) -> None:
    """The service starts beside none; then there is one, which dies, and another, on which a kill goes on."""
    path = tmp_path / "another"
    suit.write_config(extra=f'[standby]\nsocket = "{path}"')
    first = start()
    assert until(lambda: first.state() == "running", 30.0), first.log
    assert first.log.count("no standby process answered") == 1
    with standing_by(path):
        assert until(lambda: "it holds 8 ports" in first.log), first.log
    assert until(lambda: "the standby process is gone" in first.log), first.log
    with standing_by(path):
        assert until(lambda: first.log.count("it holds 8 ports") == 2), first.log
        first.process.kill()
        first.process.wait()
        second, told = next_start(start)
        assert "8 devices" in told["text"] or "let devices go" in told["text"], told
        assert until(lambda: second.state() == "running", 30.0), second.log
        assert second.stop() == 0


def test_a_standby_process_that_hangs_costs_neither_frames_nor_status_nor_a_replug(
    suit: WornSuit, tmp_path: Path, start: Start
) -> None:
    path = tmp_path / "hanging"
    suit.write_config(extra=f'[standby]\nsocket = "{path}"')
    with standing_by(path) as hung:
        first = start()
        assert until(lambda: first.state() == "running", 60.0), first.log
        os.kill(hung.pid, signal.SIGSTOP)
        suit.unplug("imu_back")
        assert until(lambda: first.state() == "degraded", 30.0), first.log
        suit.replug("imu_back")
        before, statuses = first.client.latest.seq, {first.status["uptime_s"]}
        assert until(lambda: first.state() == "running", 60.0), first.status
        assert until(lambda: statuses.add(first.status["uptime_s"]) or len(statuses) > 4, 30.0), statuses
        assert first.client.latest.seq - before > 400
        assert first.log.count("no standby process answered within") == 1, first.log
        first.process.kill()
        first.process.wait()
        second, told = next_start(start)
        assert told == {"warm": False, "text": "cold: no standby process answered"}
        os.kill(hung.pid, signal.SIGCONT)
        assert until(lambda: second.state() == "running", 60.0), second.log
        assert until(lambda: "the standby process is there" in second.log, 60.0), second.log
        assert second.stop() == 0, second.log
