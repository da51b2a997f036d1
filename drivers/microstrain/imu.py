"""One 3DM-GX5-25: from whatever state it is in to streaming, then bytes to samples."""

from __future__ import annotations

import math
import re
import struct
import time
from collections.abc import Callable
from typing import NamedTuple

from drivers.errors import CommandRejected, ReplyTimeout, UnsupportedDevice, WrongDevice
from drivers.microstrain import commands
from drivers.microstrain.commands import Command, CommandLink
from drivers.microstrain.fields import ACCEL, FIELDS, GYRO, IMU_DATA, QUATERNION, TIME
from drivers.microstrain.plan import StreamPlan, plan_stream
from drivers.microstrain.reader import ImuReader
from drivers.samples import FullScale
from drivers.serial_port import SerialPort
from drivers.units import STANDARD_GRAVITY

MODEL = "6253"  # the 3DM-GX5-25's model number, before the dash
POWER_UP_BAUD = 115200
RATE_HZ = 200

_BAUD_CHANGE_S = 0.3
_INFO = struct.Struct(">H16s16s16s16s16s")
# As devices tell their ranges among their options: "8g, 300d/s".
_RANGES = re.compile(r"(\d+) ?g\b.*?(\d+) ?d(?:eg)?/s")


class ImuInfo(NamedTuple):
    """What the device says about itself."""

    firmware: int
    model_name: str
    model_number: str
    serial: str
    lot: str
    options: str


class BaseRates(NamedTuple):
    """What message formats divide; filter_hz (set 0x82, which this driver does not stream) is None where unknown."""

    imu_hz: int
    filter_hz: int | None


class Imu:
    """A configured, streaming device; `feed` turns what `port` reads into samples (`ImuReader.feed`)."""

    clock_facts = ImuReader.clock_facts

    def __init__(
        self, port: SerialPort, info: ImuInfo, rates: BaseRates, reader: ImuReader, notes: tuple[str, ...]
    ) -> None:
        """reader: of what the device was set to send."""
        self.port = port
        self.info = info
        self.rates = rates
        self.base_rate_hz = rates.imu_hz
        self.rate_hz = reader.rate_hz
        self.has_quaternion = QUATERNION in reader.descriptors
        self.full_scale = full_scale(info.options)
        self.serial = info.serial
        self.notes = notes
        self.reader = reader
        self.feed = self.reader.feed
        self.counters = self.reader.counters


def full_scale(options: str) -> FullScale:
    """The ranges that a device's options tell."""
    found = _RANGES.search(options)
    if found is None:
        return FullScale()
    return FullScale(int(found[1]) * STANDARD_GRAVITY, math.radians(int(found[2])))


def bring_up(
    port: SerialPort, *, rate_hz: int = RATE_HZ, serial: str | None = None, log: Callable[[str], None]
) -> Imu:
    """Idle, identify, configure and start the device on `port`; blocks for about 2 s at the most when it is silent.

    `serial`: what the device must say it is. Raises DriverError.
    """
    link = CommandLink(port)
    _set_to_idle(link)
    link.drain()
    info = _identify(link, serial)
    listed = _descriptors(link)
    _require(port, info, listed)
    rates = _base_rates(link, listed)
    notes = [*_model_note(info), *_magnetometer_off(link, listed)]
    plan = plan_stream(
        rates.imu_hz,
        rate_hz,
        quaternion=IMU_DATA << 8 | QUATERNION in listed,
        baud=port.baud if port.has_baud else None,
    )
    _write_format(link, plan)
    _start(link, listed)
    reader = ImuReader(rates.imu_hz / plan.decimation, plan.descriptors, link.parser.pending)
    imu = Imu(port, info, rates, reader, (*notes, *plan.notes))
    log(
        f"{port.path}: {info.model_name} {info.serial}, firmware {info.firmware}, {imu.rate_hz:g} Hz, "
        f"base rate {rates.imu_hz} Hz, of the filter {rates.filter_hz or '-'} Hz"
    )
    for note in imu.notes:
        log(f"{port.path}: {note}")
    return imu


def _set_to_idle(link: CommandLink) -> None:
    """A busy device may miss the first; on a UART it may still be at its power-up rate, and is then raised to ours."""
    port = link.port
    try:
        link.send(commands.SET_TO_IDLE)
    except ReplyTimeout:
        wanted = port.baud
        if not port.has_baud or wanted == POWER_UP_BAUD:
            raise
        port.set_baud(POWER_UP_BAUD)
        try:
            link.send(commands.SET_TO_IDLE)
            link.send(commands.uart_baud(wanted))
            time.sleep(_BAUD_CHANGE_S)
        finally:
            port.set_baud(wanted)
        link.send(commands.SET_TO_IDLE)


def _identify(link: CommandLink, serial: str | None) -> ImuInfo:
    reply = link.send(commands.GET_DEVICE_INFO)
    if len(reply) < _INFO.size:
        raise UnsupportedDevice(f"{link.port.path}: device info is {len(reply)} bytes long, not {_INFO.size}")
    firmware, *texts = _INFO.unpack_from(reply)
    info = ImuInfo(firmware, *(text.split(b"\0")[0].decode("ascii", "replace").strip() for text in texts))
    if serial is not None and info.serial != serial:
        raise WrongDevice(
            f"{link.port.path}: this is {info.model_name} with serial number {info.serial}, "
            f"the config asks for {serial}",
            info.serial,
        )
    return info


def _descriptors(link: CommandLink) -> frozenset[int]:
    """Commands and data fields the device has, as set << 8 | field."""
    listed = _u16_list(link.send(commands.GET_DESCRIPTORS))
    if commands.GET_EXTENDED_DESCRIPTORS.code in listed:
        listed |= _u16_list(link.send(commands.GET_EXTENDED_DESCRIPTORS))
    return listed


def _require(port: SerialPort, info: ImuInfo, listed: frozenset[int]) -> None:
    lacking = [
        FIELDS[IMU_DATA, descriptor].name
        for descriptor in (ACCEL, GYRO, TIME)
        if IMU_DATA << 8 | descriptor not in listed
    ]
    if lacking:
        raise UnsupportedDevice(
            f"{port.path}: {info.model_name} {info.serial} has no {' and no '.join(lacking)}"
        )


def _base_rates(link: CommandLink, listed: frozenset[int]) -> BaseRates:
    imu_hz = _u16(link, commands.GET_IMU_BASE_RATE)
    try:
        has_filter = commands.GET_FILTER_BASE_RATE.code in listed
        return BaseRates(imu_hz, _u16(link, commands.GET_FILTER_BASE_RATE) if has_filter else None)
    except CommandRejected:
        return BaseRates(imu_hz, None)


def _model_note(info: ImuInfo) -> list[str]:
    if info.model_number.startswith(MODEL):
        return []
    return [
        f"model {info.model_number} ({info.model_name}): this driver was made for the 3DM-GX5-25 ({MODEL})"
    ]


def _magnetometer_off(link: CommandLink, listed: frozenset[int]) -> list[str]:
    """Both attitude filters without heading aid; notes say what the device would not do."""
    wanted = (
        commands.heading_source(commands.NO_HEADING),
        commands.complementary_filter(up=True, north=False),
        commands.RESET_FILTER,
    )
    return [
        note
        for command in wanted
        for note in _try(link, listed, command, "the magnetometer may turn its yaw")
    ]


def _try(link: CommandLink, listed: frozenset[int], command: Command, consequence: str) -> list[str]:
    if command.code not in listed:
        return [f"no command '{command}': {consequence}"]
    try:
        link.send(command)
    except CommandRejected as error:
        return [f"{error}: {consequence}"]
    return []


def _write_format(link: CommandLink, plan: StreamPlan) -> None:
    link.send(commands.write_imu_format(plan.descriptors, plan.decimation))
    reply = link.send(commands.READ_IMU_FORMAT)
    if reply != commands.format_data(plan.descriptors, plan.decimation):
        raise UnsupportedDevice(
            f"{link.port.path}: the device did not keep the message format (it has {reply.hex()})"
        )


def _start(link: CommandLink, listed: frozenset[int]) -> None:
    filter_off = commands.enable_stream(commands.FILTER_STREAM, False)
    _try(link, listed, filter_off, "")
    link.send(commands.enable_stream(commands.IMU_STREAM, True))


def _u16(link: CommandLink, command: Command) -> int:
    reply = link.send(command)
    value = int.from_bytes(reply[:2], "big")
    if len(reply) < 2 or value == 0:
        raise UnsupportedDevice(f"{link.port.path}: '{command}' gave {reply.hex() or 'nothing'}")
    return value


def _u16_list(reply: bytes) -> frozenset[int]:
    return frozenset(value for (value,) in struct.iter_unpack(">H", reply[: len(reply) // 2 * 2]))
