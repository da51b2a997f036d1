from __future__ import annotations

import os
import select
from pathlib import Path

import pytest

from drivers.emulator.pty_port import PtyPort
from drivers.errors import PortLost, PortMissing
from drivers.serial_port import SerialPort


@pytest.fixture
def port(tmp_path: Path) -> PtyPort:
    return PtyPort(tmp_path / "ports" / "imu_back")


def test_bytes_cross_unchanged_both_ways(port: PtyPort) -> None:
    every_byte = bytes(range(256))
    host = SerialPort(str(port.link), 115_200)
    port.write(every_byte)
    assert host.wait(1.0)
    assert host.read()[0] == every_byte
    host.write(every_byte)
    assert port.read() == every_byte
    assert port.read() == b""
    host.close()


def test_what_nobody_reads_is_dropped_and_counted(port: PtyPort) -> None:
    packet = bytes(66)
    for _ in range(1000):
        port.write(packet)
    assert 600 < port.dropped_writes < 1000
    host = os.open(port.link, os.O_RDONLY | os.O_NOCTTY)
    kept = 0
    while select.select([host], [], [], 0.1)[0]:
        kept += len(os.read(host, 4096))
    os.close(host)
    assert kept + port.dropped_bytes == 66_000


def test_unplugging_ends_the_hosts_reads_and_removes_the_name(port: PtyPort) -> None:
    host = SerialPort(str(port.link), 115_200)
    port.unplug()
    with pytest.raises(PortLost):
        host.read()
    assert not os.path.lexists(port.link)
    port.write(b"into the air")
    assert port.read() == b""
    with pytest.raises(PortMissing):
        SerialPort(str(port.link), 115_200)


def test_replugging_under_the_same_and_another_name(port: PtyPort, tmp_path: Path) -> None:
    first = port.link
    port.unplug()
    port.plug()
    assert first.exists()
    port.plug(tmp_path / "ports" / "ttyUSB7")
    assert not os.path.lexists(first)
    host = SerialPort(str(tmp_path / "ports" / "ttyUSB7"), 115_200)
    port.write(b"here")
    assert host.wait(1.0)
    assert host.read()[0] == b"here"


def test_a_name_that_points_elsewhere_by_now_is_left_alone(port: PtyPort) -> None:
    other = PtyPort(port.link)
    port.unplug()
    assert port.link.exists()
    other.unplug()
    assert not os.path.lexists(port.link)
