"""14: supply and heat as the kernel tells them; what becomes of a low supply; the start after a battery swap."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import msgpack
import own_config
import pytest
import zmq
from running import PATIENCE_S, Service
from test_supply import Kernel

LOW_POWER = 40
# Above what any pack of the backpack gives: the rail is low by this limit.
ABOVE_EVERY_RAIL_V = 60.0
# An Orin NX's input may be 5 V, a little less behind its cable.
LOWEST_RAIL_V = 4.0
UNIT = "second-skin.service"


@pytest.fixture
def kernel_root(own_machine: bool, tmp_path: Path) -> Path:
    """The kernel's files; of an emulated monitor where the suit is emulated."""
    return Path("/sys") if own_machine else Kernel(tmp_path / "sys").root


@pytest.fixture
def start(suit_path: Path, kernel_root: Path, tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """Starts a service with [power] of the suit, and with what a test adds to it."""
    services: list[Service] = []

    def start(**power: float) -> Service:
        path = own_config.write(suit_path, tmp_path, power={"sys": str(kernel_root), **power})
        services.append(Service(path, tmp_path / "state"))
        return services[-1]

    yield start
    for service in services:
        service.close()


def test_the_kernel_tells_rail_and_heat(start: Callable[..., Service]) -> None:
    service = start()
    assert service.until(lambda: service.status().get("supply"))
    status = service.status()
    for key in ("power", "temperature", "supply", "disk"):
        print(f"{key}: {status[key]}")
    assert status["power"] is not None, "no power monitor is found: /sys/class/hwmon/*/in1_input, curr1_input"
    assert LOWEST_RAIL_V < status["power"]["rail_v"] < ABOVE_EVERY_RAIL_V
    assert status["temperature"]


def test_a_low_supply_is_told_at_once(start: Callable[..., Service]) -> None:
    """The limit is set above what the rail gives: the same to the service as a rail that has sunk."""
    service = start(low_v=ABOVE_EVERY_RAIL_V)
    with zmq.Context() as context, context.socket(zmq.SUB) as events:
        events.setsockopt(zmq.LINGER, 0)
        events.subscribe("event")
        events.connect(service.client.endpoint)
        assert service.until(lambda: LOW_POWER in service.faults())
        print(service.faults()[LOW_POWER])
        if events.poll(1000):  # it leaves once, perhaps before anybody listens
            assert msgpack.unpackb(events.recv_multipart()[1])["kind"] == "power_low"
        assert service.watch(1.0), "frames go on"


def test_the_service_starts_with_the_machine() -> None:
    """By hand, before this step: switch the computer's battery off and on, and type nothing but the step."""
    if not Path(f"/etc/systemd/system/{UNIT}").exists():
        pytest.skip("the unit is not installed here (systemd/install.sh)")
    words = ("systemctl", "show", "--property", "ActiveEnterTimestampMonotonic,NRestarts", UNIT)
    shown = dict(line.split("=", 1) for line in subprocess.check_output(words, text=True).splitlines())
    seconds = int(shown["ActiveEnterTimestampMonotonic"]) / 1e6
    boot = subprocess.run(("systemd-analyze",), capture_output=True, text=True, check=False).stdout
    boot_s = sum(float(found) for found in re.findall(r"([\d.]+)s \((?:kernel|userspace)\)", boot))
    print(f"ready {seconds:.1f} s after the kernel's start, {shown['NRestarts']} restarts; {boot.strip()}")
    assert 0.0 < seconds < boot_s + PATIENCE_S, "it was started later, by hand: run this step after a boot"
