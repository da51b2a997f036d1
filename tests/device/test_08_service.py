"""08 The installed service: its rights on this kernel, the names of its ports, and what systemd does when it is killed.

Needs the unit installed (systemd/install.sh) and root; starts the service, and stops it again for the steps behind.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from jetson_runtime.client import FrameClient
from jetson_runtime.suit.config import SuitConfig, load

UNIT = "second-skin.service"
PATIENCE_S = 20.0


def _show(key: str) -> str:
    words = ("systemctl", "show", "--property", key, "--value", UNIT)
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture(scope="module", autouse=True)
def _started() -> Iterator[None]:
    if not Path(f"/etc/systemd/system/{UNIT}").exists() or os.geteuid() != 0:
        pytest.skip("the unit is not installed here (systemd/install.sh), or this is not root")
    subprocess.run(("systemctl", "start", UNIT), check=True)
    yield
    subprocess.run(("systemctl", "stop", UNIT), check=True)


@pytest.fixture
def installed(named_path: Path) -> SuitConfig:
    """What the unit runs with."""
    return load(named_path)


def test_the_kernel_grants_what_the_unit_asks_for() -> None:
    process = Path("/proc") / _show("MainPID")
    tasks = [int(path.name) for path in (process / "task").iterdir()]
    priorities = sorted((os.sched_getparam(task).sched_priority for task in tasks), reverse=True)
    locked = next(line for line in (process / "status").read_text().splitlines() if "VmLck" in line)
    print(f"priorities {priorities}; {locked}; status {_show('StatusText')}")
    assert {os.sched_getscheduler(task) for task in tasks} == {os.SCHED_FIFO}
    assert int(locked.split()[1]) > 0


def test_the_unit_may_open_its_devices(installed: SuitConfig) -> None:
    """What systemd made of unit and drop-ins together, and whether the sensors' ports open under it."""
    policy, allowed = _show("DevicePolicy"), _show("DeviceAllow")
    print(f"DevicePolicy={policy} DeviceAllow={allowed!r}")
    if policy == "auto":
        assert not allowed, "beside DevicePolicy=auto a list means: nothing else"
    else:
        assert "char-ttyACM" in allowed
    with FrameClient(installed.output.public[0]) as client:
        end = time.monotonic() + PATIENCE_S
        while not client.status and time.monotonic() < end:
            client.recv_all(100)
        assert client.status, "no status in time"
        streams = client.status["streams"]
    print({name: stream["state"] for name, stream in streams.items()})
    assert any(stream["rate_hz"] > 0 for stream in streams.values()), "no device could be opened as the unit"


def test_udev_names_the_ports_and_ftdi_bridges_do_not_wait() -> None:
    names = sorted(path.name for path in Path("/dev/second-skin").glob("*"))
    timers = {
        p.parent.name: p.read_text().strip()
        for p in Path("/sys").glob("bus/usb-serial/devices/*/latency_timer")
    }
    print(f"ports {names}; latency timers {timers}")
    assert names
    assert set(timers.values()) <= {"1"}


def test_frames_are_back_after_a_sigkill(installed: SuitConfig) -> None:
    """Where the config names a standby process, the frames go on without settling."""
    with FrameClient(installed.output.public[0]) as client:
        before = client.recv(timeout_ms=5000)
        assert before is not None
        was_valid, session = before.valid, client.session
        killed_s = time.monotonic()
        os.kill(int(_show("MainPID")), 9)
        while client.session == session and time.monotonic() - killed_s < 10.0:
            client.recv(timeout_ms=100)
        print(
            f"frames of a new session {time.monotonic() - killed_s:.2f} s after SIGKILL (2.5 s are allowed)"
        )
        assert client.session != session
        while not client.status and time.monotonic() - killed_s < 20.0:
            client.recv(timeout_ms=100)
        assert client.status
        print(client.status["start"])
        if installed.standby.socket is not None and was_valid:
            assert client.status["start"]["warm"], client.status["start"]
