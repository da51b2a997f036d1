"""What a driver raises, and when.

    DriverError
      PortError             the tty itself
        PortMissing           no such device file: unplugged, or wrong name in the config
        PortBusy              another process holds it (its pid is named where the kernel tells)
        PortLost              it was open and went away: unplugged, powered off
      ReplyTimeout          the device did not answer a command in time
      CommandRejected       the device answered with an error code (NACK)
      WrongDevice           it answered, but is not what the config asks for: model, side, or serial number
      UnsupportedDevice     it answered, but lacks a command or a data field this driver needs

Corrupt bytes are never an error: the parsers count them and search on.
"""


class DriverError(Exception):
    """A device could not be used; the message names the port, what happened and what to do."""


class PortError(DriverError):
    """The serial port itself."""


class PortMissing(PortError):
    """No such device file."""


class PortBusy(PortError):
    """Another process holds the port."""


class PortLost(PortError):
    """The port was open and went away."""


class ReplyTimeout(DriverError):
    """No answer to a command within its time."""


class CommandRejected(DriverError):
    """The device answered with an error code."""


class WrongDevice(DriverError):
    """Another device than the config asks for answered; `serial`: the number it tells."""

    def __init__(self, text: str, serial: str = "") -> None:
        super().__init__(text)
        self.serial = serial


class UnsupportedDevice(DriverError):
    """The device lacks a command or a data field that is needed."""
