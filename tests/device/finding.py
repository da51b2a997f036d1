"""Which port a stream's device is on, by its serial number where the config names no port."""

from __future__ import annotations

from pathlib import Path

import pytest

from drivers.errors import DriverError
from drivers.microstrain import imu
from drivers.serial_port import SerialPort
from drivers.xsensor import insole
from jetson_runtime.service.bringup import candidates
from jetson_runtime.suit.config import SuitConfig
from jetson_runtime.suit.signals import STREAM_INDEX, STREAMS


def port_of(suit: SuitConfig, name: str) -> str:
    """Asks each candidate who it is; fails the step where none is the device."""
    settings = suit.streams[name]
    if settings.port and (settings.serial is None or Path(settings.port).exists()):
        return settings.port
    assert settings.serial, f"{name}: the config has neither a port nor a serial number"
    tried = []
    for path in candidates(suit.discovery.ports, settings.serial, ()):
        refused = _refused(path, name, settings.serial, settings.baud)
        if not refused:
            return path
        tried.append(refused)
    pytest.fail(f"{name}: no device {settings.serial} on {' '.join(suit.discovery.ports)}: {tried}")


def _refused(path: str, name: str, serial: str, baud: int) -> str:
    """Why the device there is not the one of this serial number; '' where it is."""
    stream = STREAMS[STREAM_INDEX[name]]
    try:
        port = SerialPort(path, baud)
    except DriverError as error:
        return str(error)
    try:
        if stream.kind == "imu":
            imu.bring_up(port, serial=serial, log=_say_nothing)
        else:
            insole.bring_up(
                port,
                side="r" if stream.side == "r" else "l",
                serial=serial,
                load_on_n=1.0,
                load_off_n=1.0,
                log=_say_nothing,
            )
    except DriverError as error:
        return str(error)
    finally:
        port.close()
    return ""


def _say_nothing(line: str) -> None:
    """What a device says while it is only asked who it is."""
