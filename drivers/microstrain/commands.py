"""MIP commands: what is sent, and how replies are told from each other and from streaming data."""

from __future__ import annotations

import struct
import time
from collections.abc import Iterable
from itertools import zip_longest
from typing import NamedTuple

from drivers.errors import CommandRejected, ReplyTimeout
from drivers.microstrain.codec import MipPacket, MipParser, build_packet
from drivers.serial_port import SerialPort

REPLY_TIMEOUT_S = 0.25  # the vendor's default
TRIES = 3

BASE, SETTINGS, FILTER = 0x01, 0x0C, 0x0D
IMU_STREAM, FILTER_STREAM = 1, 3
NO_HEADING = 0

_ACK = 0xF1
_WRITE, _READ = 1, 2
_OK, _BAD_CHECKSUM = 0, 2
_ERRORS = {
    1: "unknown command",
    2: "bad checksum",
    3: "bad parameter",
    4: "command failed",
    5: "device timeout",
}


class Command(NamedTuple):
    """One command field. `reply`: descriptor of the data field that must come with its ACK, if any."""

    name: str
    descriptor_set: int
    descriptor: int
    data: bytes = b""
    reply: int | None = None

    @property
    def code(self) -> int:
        """As the device's descriptor list (01,04) writes it."""
        return self.descriptor_set << 8 | self.descriptor

    def __str__(self) -> str:
        return f"{self.name} ({self.descriptor_set:02X},{self.descriptor:02X})"


SET_TO_IDLE = Command("set to idle", BASE, 0x02)
GET_DEVICE_INFO = Command("get device info", BASE, 0x03, reply=0x81)
GET_DESCRIPTORS = Command("get descriptors", BASE, 0x04, reply=0x82)
GET_EXTENDED_DESCRIPTORS = Command("get extended descriptors", BASE, 0x07, reply=0x86)
GET_IMU_BASE_RATE = Command("get IMU base rate", SETTINGS, 0x06, reply=0x83)
GET_FILTER_BASE_RATE = Command("get filter base rate", SETTINGS, 0x0B, reply=0x8A)
READ_IMU_FORMAT = Command("read IMU message format", SETTINGS, 0x08, bytes((_READ, 0)), reply=0x80)
RESET_FILTER = Command("reset filter", FILTER, 0x01)


def write_imu_format(descriptors: Iterable[int], decimation: int) -> Command:
    """The IMU packet carries these fields, each at base rate / decimation."""
    return Command(
        "write IMU message format", SETTINGS, 0x08, bytes((_WRITE,)) + format_data(descriptors, decimation)
    )


def format_data(descriptors: Iterable[int], decimation: int) -> bytes:
    """A message format as it is written and read back."""
    channels = [struct.pack(">BH", descriptor, decimation) for descriptor in descriptors]
    return bytes((len(channels),)) + b"".join(channels)


def enable_stream(stream: int, enable: bool) -> Command:
    """Starts or stops IMU_STREAM or FILTER_STREAM."""
    name = f"{'enable' if enable else 'disable'} {'IMU' if stream == IMU_STREAM else 'filter'} stream"
    return Command(name, SETTINGS, 0x11, bytes((_WRITE, stream, enable)))


def heading_source(source: int) -> Command:
    """What the Kalman filter (set 0x82) takes its heading from."""
    return Command("heading source", FILTER, 0x18, bytes((_WRITE, source)))


def complementary_filter(*, up: bool, north: bool, up_s: float = 10.0, north_s: float = 10.0) -> Command:
    """What corrects the complementary filter (quaternion and Euler angles of set 0x80), and its time constants."""
    return Command(
        "complementary filter", SETTINGS, 0x51, struct.pack(">BBBff", _WRITE, up, north, up_s, north_s)
    )


def uart_baud(baud: int) -> Command:
    """The device acknowledges at the old rate and is deaf for 250 ms."""
    return Command("UART baud rate", SETTINGS, 0x40, struct.pack(">BI", _WRITE, baud))


class CommandLink:
    """Sends one command at a time over a port and finds its reply among whatever else arrives."""

    def __init__(self, port: SerialPort) -> None:
        self.port = port
        self.parser = MipParser()

    def send(self, command: Command, tries: int = TRIES) -> bytes:
        """The reply's data (b"" for a command without); ReplyTimeout, CommandRejected or PortLost."""
        packet = build_packet(command.descriptor_set, [(command.descriptor, command.data)])
        for _ in range(tries):
            self.port.write(packet)
            answer = self._await(command)
            if answer is not None and answer[0] != _BAD_CHECKSUM:
                break
        if answer is None:
            raise ReplyTimeout(
                f"{self.port.path}: no reply to '{command}' in {tries} tries; check that it is a MicroStrain device, "
                f"its power and the baud rate ({self.port.baud})"
            )
        error, data = answer
        if error != _OK:
            reason = _ERRORS.get(error, f"error {error}")
            raise CommandRejected(f"{self.port.path}: the device rejected '{command}': {reason}")
        return data

    def drain(self, quiet_s: float = 0.02, limit_s: float = 0.2) -> None:
        """Throws away what is on its way, until the line is quiet or the limit is reached."""
        end = time.monotonic() + limit_s
        while time.monotonic() < end and self.port.wait(quiet_s):
            self.port.read()
        self.parser = MipParser()

    def _await(self, command: Command) -> tuple[int, bytes] | None:
        end = time.monotonic() + REPLY_TIMEOUT_S
        while (left := end - time.monotonic()) > 0:
            if self.port.wait(left):
                for packet in self.parser.feed(*self.port.read()):
                    answer = find_reply(command, packet)
                    if answer is not None:
                        return answer
        return None


def find_reply(command: Command, packet: MipPacket) -> tuple[int, bytes] | None:
    """Error code and reply data for `command` in this packet, which may answer several; None if it has none.

    An ACK without the data that its command must return belongs to an earlier command of the same descriptor.
    """
    if packet.descriptor_set != command.descriptor_set:
        return None
    for field, data in zip_longest(packet.fields, packet.fields[1:]):
        if (
            field.descriptor == _ACK
            and field.data[:1] == bytes((command.descriptor,))
            and len(field.data) == 2
        ):
            error = field.data[1]
            if error != _OK or command.reply is None:
                return error, b""
            if data is not None and data.descriptor == command.reply:
                return _OK, data.data
    return None
