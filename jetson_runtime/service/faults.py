"""THE table of what can be wrong with a running suit: stable numbers, so that a guide can explain each one.

Numbers are never reused. 1-19 speak of one stream, 20 and up of the whole service.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, NamedTuple

from drivers import errors
from jetson_runtime.suit.languages import texts


class Fault(IntEnum):
    """What is wrong. In words, and what to do: `suit/texts/`, a file for each language."""

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
    STUCK = 17
    SATURATED = 18
    CLOCK = 19
    NO_WEARER = 20
    SCHEDULING = 21
    LATE = 22
    MODEL_COPY = 23
    CLIENT_KEYS = 24
    NO_NUMBERS = 25
    ADDRESS_NOT_UP = 26
    CONFIG_DAMAGED = 30
    STATE_DAMAGED = 31
    STATE_NOT_KEPT = 32
    TARE_STALE = 33
    TARE_DEVICE = 34
    NOT_FITTED = 35
    DIVERGING = 36
    LOW_POWER = 40
    BATTERY = 41
    HOT = 42
    THROTTLED = 43
    NOT_RECORDING = 50
    RECORDER_SILENT = 51
    NOT_OBEYED = 52
    SYNC_LINE = 60
    SYNC_LOST = 61


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
        """What to do about it, in English, as the log is."""
        return texts().faults[self.fault].remedy.format(stream=self.stream)

    def told(self, language: str) -> dict[str, Any]:
        """For `status`: `what` and `remedy` in one of LANGUAGES, `text` with its particulars in English."""
        words = texts(language).faults[self.fault]
        return {
            "number": int(self.fault),
            "stream": self.stream,
            "what": words.what,
            "text": self.text,
            "remedy": words.remedy.format(stream=self.stream),
        }

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
