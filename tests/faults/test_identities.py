"""Rows 3, 4 and 17: devices on other ports, in another's place, from elsewhere, or held by another program."""

from __future__ import annotations

import subprocess
import sys

from broken_suit import BrokenSuit, Start, until
from worn_suit import ServiceProcess, serial_of

PORT_MISSING, PORT_BUSY, WRONG_DEVICE = 1, 2, 6


def _by_port_and_serial(suit: BrokenSuit) -> None:
    suit.write_config(streams=suit.with_serials(), extra=suit.searched_ports())


def _by_serial(suit: BrokenSuit) -> None:
    serials = {name: f'serial = "{serial_of(name)}"' for name in suit.devices}
    suit.write_config(streams=dict.fromkeys(suit.with_serials(), "") | serials, extra=suit.searched_ports())


def _fault(service: ServiceProcess, stream: str) -> int:
    """Its number, 0 where the stream has none."""
    found = [f["number"] for f in service.status.get("faults", []) if f["stream"] == stream]
    return found[0] if found else 0


def _is_worn(service: ServiceProcess, stream: str) -> bool:
    return bool(service.stream(stream).get("valid")) and service.stream(stream)["serial"] == serial_of(stream)


def test_row_03_an_imu_under_another_port_name_is_found_by_its_serial_number(start: Start) -> None:
    suit, service = start(("imu_back", "imu_pelvis", "imu_thigh_r"), _by_port_and_serial)
    for name in suit.devices:
        assert until(lambda name=name: _is_worn(service, name)), service.log
    session = service.client.session
    suit.outlets["imu_thigh_r"].unplug()
    assert until(lambda: _fault(service, "imu_thigh_r") == PORT_MISSING), service.status
    detail = service.stream("imu_thigh_r")["detail"]
    assert str(suit.path("imu_thigh_r")) in detail
    assert serial_of("imu_thigh_r") in detail
    elsewhere = suit.folder / "ports" / "ttyUSB5"
    suit.outlets["imu_thigh_r"].replug(elsewhere)
    assert until(lambda: _is_worn(service, "imu_thigh_r")), service.log
    assert service.stream("imu_thigh_r")["port"] == str(elsewhere)
    assert service.client.session == session


def test_row_03_the_number_of_a_port_means_nothing_where_devices_are_named_by_serial(start: Start) -> None:
    """Two unplugged at once come back on each other's ports: each is the segment that it was."""
    suit, service = start(("imu_thigh_r", "imu_shank_r"), _by_serial)
    for name in suit.devices:
        assert until(lambda name=name: _is_worn(service, name)), service.log
    for name in suit.devices:
        suit.outlets[name].unplug()
    assert until(lambda: not any(service.stream(name)["valid"] for name in suit.devices))
    for name, other in (("imu_thigh_r", "imu_shank_r"), ("imu_shank_r", "imu_thigh_r")):
        suit.outlets[name].replug(suit.path(other))
    for name, other in (("imu_thigh_r", "imu_shank_r"), ("imu_shank_r", "imu_thigh_r")):
        assert until(lambda name=name: _is_worn(service, name)), service.log
        assert service.stream(name)["port"] == str(suit.path(other))


def test_row_04_two_swapped_imus_are_refused_and_each_is_told_by_the_other_s_name(start: Start) -> None:
    suit, service = start(("imu_back", "imu_thigh_r", "imu_shank_r"), _by_port_and_serial)
    pair = {"imu_thigh_r": "imu_shank_r", "imu_shank_r": "imu_thigh_r"}
    for name in suit.devices:
        assert until(lambda name=name: _is_worn(service, name)), service.log
    for name, other in pair.items():
        suit.outlets[name].unplug()
        suit.outlets[name].exchange(serial_of(other))
    for name in pair:
        suit.outlets[name].replug()
    for name, other in pair.items():
        assert until(lambda name=name: _fault(service, name) == WRONG_DEVICE), service.log
        detail = service.stream(name)["detail"]
        assert serial_of(other) in detail
        assert f"the number of {other}" in detail
        assert "swap the cables" in detail
    assert _is_worn(service, "imu_back")
    missing = service.client.latest.missing  # type: ignore[union-attr]
    assert set(pair) <= set(missing)


def test_row_04_an_imu_of_another_stream_is_refused_where_only_a_port_is_named(start: Start) -> None:
    """The stream that names no serial number must not take the device that another one asks for."""

    def write(suit: BrokenSuit) -> None:
        suit.write_config(streams={"imu_thigh_l": f'serial = "{serial_of("imu_thigh_r")}"'})

    _, service = start(("imu_thigh_r",), write)
    assert until(lambda: _fault(service, "imu_thigh_r") == WRONG_DEVICE), service.log
    assert "the number of imu_thigh_l" in service.stream("imu_thigh_r")["detail"]


def test_row_04_a_foreign_imu_and_two_of_one_number_are_refused_by_name(start: Start) -> None:
    suit, service = start(
        ("imu_back", "imu_pelvis", "imu_thigh_r"),
        lambda suit: suit.write_config(streams={"imu_back": suit.with_serials()["imu_back"]}),
    )
    for name in suit.devices:
        assert until(lambda name=name: _is_worn(service, name)), service.log
    suit.outlets["imu_back"].unplug()
    suit.outlets["imu_back"].exchange("6253.999")
    suit.outlets["imu_back"].replug()
    assert until(lambda: _fault(service, "imu_back") == WRONG_DEVICE), service.log
    assert "6253.999" in service.stream("imu_back")["detail"]
    suit.outlets["imu_thigh_r"].unplug()
    suit.outlets["imu_thigh_r"].exchange(serial_of("imu_pelvis"))
    suit.outlets["imu_thigh_r"].replug()
    assert until(lambda: _fault(service, "imu_thigh_r") == WRONG_DEVICE), service.log
    assert "which is imu_pelvis already" in service.stream("imu_thigh_r")["detail"]
    assert _is_worn(service, "imu_pelvis")


HOLD = """
import serial, sys
port = serial.Serial(sys.argv[1], exclusive=True)
print("held", flush=True)
sys.stdin.read()
"""


def test_row_17_a_port_that_another_program_holds_is_named_with_its_pid_and_tried_again(start: Start) -> None:
    """Taken while the cable is out: a technician's terminal program is faster than the service."""
    suit, service = start(("imu_back", "imu_pelvis"))
    for name in suit.devices:
        assert until(lambda name=name: _is_worn(service, name)), service.log
    suit.outlets["imu_pelvis"].unplug()
    assert until(lambda: _fault(service, "imu_pelvis") == PORT_MISSING)
    hidden = suit.folder / "hidden"
    suit.outlets["imu_pelvis"].replug(hidden)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(hidden)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        suit.path("imu_pelvis").symlink_to(hidden.resolve())
        assert until(lambda: _fault(service, "imu_pelvis") == PORT_BUSY), service.log
        detail = service.stream("imu_pelvis")["detail"]
        assert f"process {holder.pid} (python" in detail
        assert str(suit.path("imu_pelvis")) in detail
        assert _is_worn(service, "imu_back")
    finally:
        holder.communicate("")
    assert until(lambda: _is_worn(service, "imu_pelvis")), service.log
