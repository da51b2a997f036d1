"""THE table of what can be wrong with a running suit: stable numbers, so that a guide can explain each one.

Numbers are never reused. 1-19 speak of one stream, 20 and up of the whole service.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from drivers import errors


class Fault(IntEnum):
    """What is wrong. The remedy of each is in `REMEDY`."""

    PORT_MISSING = 1
    PORT_BUSY = 2
    PORT_LOST = 3
    NO_REPLY = 4
    REJECTED = 5
    WRONG_DEVICE = 6
    UNSUPPORTED = 7
    SILENT = 8
    NOT_FOUND = 9
    NOT_WORN = 10
    RATE = 11
    STALE = 12
    NOT_OPENED = 13
    CONNECTING = 14
    NO_MOTION = 15
    DEFECT = 16
    NO_WEARER = 20
    SCHEDULING = 21
    LATE = 22


# {stream} is the stream's name.
REMEDY: dict[Fault, str] = {
    Fault.PORT_MISSING: "plug the sensor in, or correct port in [streams.{stream}] of suit.toml",
    Fault.PORT_BUSY: "stop the other program, or correct port in [streams.{stream}] of suit.toml",
    Fault.PORT_LOST: "check its cable and its plug",
    Fault.NO_REPLY: "check its power and cable, and port and baud in [streams.{stream}] of suit.toml",
    Fault.REJECTED: "switch the device off and on; if it stays, its firmware may be too old",
    Fault.WRONG_DEVICE: "swap the cables, or correct port and serial in [streams.{stream}] of suit.toml",
    Fault.UNSUPPORTED: "use a device of the supported model and firmware",
    Fault.SILENT: "check its power; it is brought up again by itself",
    Fault.NOT_FOUND: "plug the sensor in, or correct serial in [streams.{stream}] of suit.toml",
    Fault.NOT_WORN: "add [streams.{stream}] with port or serial to suit.toml; without it frames are never valid",
    Fault.RATE: "check its cable and the baud rate; other programs may keep the machine busy",
    Fault.STALE: "check its cable; samples come too late or not at all",
    Fault.NOT_OPENED: "check the port and the rights of this user on it (group dialout)",
    Fault.CONNECTING: "wait",
    Fault.NO_MOTION: "switch the device off and on",
    Fault.DEFECT: "restart the service and send the log",
    Fault.NO_WEARER: "add the table [wearer] with mass_kg, foot_length_m, foot_width_m to suit.toml",
    Fault.SCHEDULING: "permit real-time scheduling (LimitRTPRIO= in the unit), or accept late frames",
    Fault.LATE: "stop other programs, or permit real-time scheduling",
}


class NotFound(errors.PortError):
    """No free port leads to the device that was searched for."""


_BY_ERROR: tuple[tuple[type[errors.DriverError], Fault], ...] = (
    (errors.PortMissing, Fault.PORT_MISSING),
    (errors.PortBusy, Fault.PORT_BUSY),
    (errors.PortLost, Fault.PORT_LOST),
    (NotFound, Fault.NOT_FOUND),
    (errors.ReplyTimeout, Fault.NO_REPLY),
    (errors.CommandRejected, Fault.REJECTED),
    (errors.WrongDevice, Fault.WRONG_DEVICE),
    (errors.UnsupportedDevice, Fault.UNSUPPORTED),
)


class Problem(NamedTuple):
    """What is wrong now, in words; `stream` is empty where it is the whole service."""

    fault: Fault
    text: str
    stream: str = ""

    @property
    def remedy(self) -> str:
        """What to do about it."""
        return REMEDY[self.fault].format(stream=self.stream)

    def __str__(self) -> str:
        return f"{self.text}; {self.remedy}"


def of_error(error: Exception, stream: str) -> Problem:
    """An error in the suit's words: what happened is the driver's, the remedy names the config's keys.

    Any other error than a driver's is a defect of this program.
    """
    if not isinstance(error, errors.DriverError):
        return Problem(Fault.DEFECT, f"internal error: {type(error).__name__}: {error}", stream)
    text = str(error).partition("; ")[0]
    for kind, fault in _BY_ERROR:
        if isinstance(error, kind):
            return Problem(fault, text, stream)
    return Problem(Fault.NOT_OPENED, text, stream)
