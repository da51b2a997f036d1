"""What systemd hears, on sockets as it makes them: from the notifier alone, and from a running service."""

from __future__ import annotations

import logging
import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from worn_suit import ServiceProcess, WornSuit, until

from drivers.emulator.bench import Bench
from jetson_runtime.service.notify import (
    BEAT_PERIOD_NS,
    FRAME_AGE_LIMIT_NS,
    Heartbeat,
    Notifier,
    summary,
)

MS = 1_000_000


class Manager:
    """systemd's end of the socket."""

    def __init__(self, address: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self.socket.settimeout(5.0)
        self.environment = {"NOTIFY_SOCKET": address}
        self.heard: list[str] = []

    def waiting(self) -> list[str]:
        """What has come since the last call."""
        fresh: list[str] = []
        self.socket.setblocking(False)
        try:
            while True:
                fresh.append(self.socket.recv(4096).decode())
        except BlockingIOError:
            self.heard += fresh
            return fresh

    def count(self, text: str) -> int:
        """How many messages so far hold `text`."""
        self.waiting()
        return sum(text in message for message in self.heard)


@contextmanager
def managing(address: str) -> Iterator[Manager]:
    manager = Manager(address)
    try:
        yield manager
    finally:
        manager.socket.close()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    with managing(f"{tmp_path}/notify") as manager:
        yield manager


def test_a_path_and_an_abstract_name_are_both_reached(tmp_path: Path) -> None:
    for address in (f"{tmp_path}/n", f"@second-skin-test-{os.getpid()}"):
        with managing(address) as manager:
            assert Notifier(manager.environment).send("READY=1")
            assert manager.waiting() == ["READY=1"]


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "vsock:2:1234"}])
def test_without_a_manager_nothing_is_sent_and_nothing_raised(environment: dict[str, str]) -> None:
    assert Notifier(environment).send("READY=1")


def test_ready_comes_once_with_the_first_frame_and_the_watchdog_is_fed_by_frames_alone(
    manager: Manager,
) -> None:
    heartbeat = Heartbeat(Notifier(manager.environment))
    heartbeat.beat(0, None)
    assert manager.waiting() == []
    heartbeat.beat(5 * MS, 1 * MS)
    assert manager.waiting() == ["READY=1", "WATCHDOG=1"]
    heartbeat.beat(105 * MS, 102 * MS)
    assert manager.waiting() == ["WATCHDOG=1"]
    heartbeat.beat(102 * MS + FRAME_AGE_LIMIT_NS - 1, 102 * MS)
    assert manager.waiting() == ["WATCHDOG=1"]
    heartbeat.beat(102 * MS + FRAME_AGE_LIMIT_NS, 102 * MS)
    assert manager.waiting() == [], "time alone must never feed it"
    heartbeat.beat(1200 * MS, 1199 * MS)
    assert manager.waiting() == ["WATCHDOG=1"]


def test_a_full_socket_blocks_nobody_and_ready_is_said_again(manager: Manager) -> None:
    notifier = Notifier(manager.environment)
    while notifier.send("WATCHDOG=1"):
        pass
    heartbeat = Heartbeat(notifier)
    heartbeat.beat(5 * MS, 1 * MS)
    assert "READY=1" not in manager.waiting()
    heartbeat.beat(105 * MS, 101 * MS)
    assert manager.waiting() == ["READY=1", "WATCHDOG=1"]


def test_a_manager_that_is_gone_is_told_of_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": f"{tmp_path}/nobody"})
    with caplog.at_level(logging.WARNING):
        assert not notifier.send("WATCHDOG=1")
        assert not notifier.send("WATCHDOG=1")
    assert len(caplog.records) == 1


def test_the_status_is_one_line_and_sent_where_it_changed(manager: Manager) -> None:
    notifier = Notifier(manager.environment)
    notifier.status("suit.toml: 2 mistakes\n  a: is missing\nREADY=1")
    notifier.status("suit.toml: 2 mistakes\n  a: is missing\nREADY=1")
    assert manager.waiting() == ["STATUS=suit.toml: 2 mistakes a: is missing READY=1"]
    notifier.status("x" * 100_000)
    assert len(manager.waiting()[0]) < 1000


def test_the_summary_names_the_first_faults_and_counts_the_others() -> None:
    faults = [{"stream": "imu_back", "text": "is not there"}, {"stream": "", "text": "no wearer is set"}]
    status = {"state": "degraded", "rate_hz": 199.7, "faults": faults}
    assert summary(status) == "degraded, 200 frames/s; imu_back: is not there; no wearer is set"
    assert summary(status | {"faults": faults * 3}).endswith("; imu_back: is not there; and 3 more")


def test_a_running_service_is_ready_without_devices_is_fed_and_says_that_it_stops(
    manager: Manager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", manager.environment["NOTIFY_SOCKET"])
    with Bench() as bench:
        suit = WornSuit(tmp_path, bench, ())
        service = ServiceProcess(suit.write_config(), suit.endpoint)
    assert until(lambda: manager.count("READY=1")), service.log
    assert until(lambda: manager.count("WATCHDOG=1") > 5)
    assert until(lambda: manager.count("STATUS=waiting, "))
    assert service.state() == "waiting"
    assert service.stop() == 0
    assert manager.heard.index("READY=1") < manager.heard.index("WATCHDOG=1")
    assert (manager.count("READY=1"), manager.count("STOPPING=1")) == (1, 1)
    assert manager.heard[-1] == "STOPPING=1"


STUCK = """
import sys, time
from pathlib import Path
from jetson_runtime.inference.pipeline import Pipeline
from jetson_runtime.service import main

step = Pipeline.step
def stuck_in_the_model(self, now_ns):
    if self.ticks > 100:
        time.sleep(3600)
    return step(self, now_ns)

Pipeline.step = stuck_in_the_model
sys.exit(main.run(Path(sys.argv[1])))
"""


def test_a_stuck_model_ends_the_feeding_and_sigabrt_tells_where_it_hangs(
    manager: Manager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Main and publisher are well all the while: only frames may feed the watchdog."""
    monkeypatch.setenv("NOTIFY_SOCKET", manager.environment["NOTIFY_SOCKET"])
    with Bench() as bench:
        suit = WornSuit(tmp_path, bench, ())
        service = ServiceProcess(suit.write_config(), suit.endpoint, ("-c", STUCK))
    assert until(lambda: "WATCHDOG=1" in manager.waiting()), service.log

    def unfed() -> bool:
        time.sleep(5 * BEAT_PERIOD_NS * 1e-9)
        return "WATCHDOG=1" not in manager.waiting()

    assert until(unfed)
    service.process.send_signal(signal.SIGABRT)
    assert service.process.wait(5.0) == -signal.SIGABRT
    assert "Fatal Python error: Aborted" in service.log
    assert "stuck_in_the_model" in service.log
    assert service.log.count("most recent call first") >= 3, "every thread's stack"
