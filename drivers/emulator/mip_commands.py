"""The commands of an emulated 3DM-GX5-25: what it answers to each, and the settings that they change."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from drivers.emulator.mip_stream import FIELDS, FILTER_DATA, IMU_DATA
from drivers.microstrain.codec import MipField

Setting = tuple[int, int]  # descriptor set, command

BASE, SETTINGS, FILTER = 0x01, 0x0C, 0x0D
IMU_FORMAT: Setting = (SETTINGS, 0x08)
FILTER_FORMAT: Setting = (SETTINGS, 0x0A)
STREAM_ENABLE: Setting = (SETTINGS, 0x11)
UART_BAUD: Setting = (SETTINGS, 0x40)
IMU_STREAM, FILTER_STREAM = 1, 3

OK, UNKNOWN_COMMAND, BAD_PARAMETER, COMMAND_FAILED = 0, 1, 3, 4
_ACK = 0xF1
_WRITE, _READ, _SAVE, _LOAD, _DEFAULT, _WRITE_SILENTLY = 1, 2, 3, 4, 5, 6

SAVE_S = 0.3  # the real device takes up to 2.5 s
BAUD_CHANGE_S = 0.25


@dataclass
class ImuIdentity:
    """What the device says about itself; each text at most 16 characters."""

    firmware: int = 1153
    model_name: str = "3DM-GX5-25"
    model_number: str = "6253-4220"
    serial: str = "6253.104956"
    lot: str = ""
    options: str = "20g, 900d/s"

    def encoded(self) -> bytes:
        """The body of field 0x81."""
        texts = (self.model_name, self.model_number, self.serial, self.lot, self.options)
        return struct.pack(">H", self.firmware) + b"".join(
            text.rjust(16).encode("ascii")[:16] for text in texts
        )


class Answer(NamedTuple):
    """The fields of one command's reply, how long the device takes for it, and what happens to it then."""

    fields: tuple[MipField, ...]
    seconds: float = 0.0
    then: str = ""  # "", "idle", "resume", "restart", "restream", "mute"


class _Layout(NamedTuple):
    """How one setting is answered, checked, and what it is ex factory; `keyed`: its first byte selects an instance."""

    reply: int
    check: Callable[[bytes], bool]
    default: dict[bytes, bytes]
    keyed: bool = False
    then: str = ""


class CommandSet:
    """Answers one command field at a time; holds the current and the saved settings."""

    def __init__(self, identity: ImuIdentity, base_rate_hz: int, filter_rate_hz: int) -> None:
        self.identity = identity
        self.attitude_valid = True
        self._rates = {(SETTINGS, 0x06): (0x83, base_rate_hz), (SETTINGS, 0x0B): (0x8A, filter_rate_hz)}
        self._saved = {setting: dict(layout.default) for setting, layout in _LAYOUTS.items()}
        self._current = {setting: dict(values) for setting, values in self._saved.items()}
        self._plain: dict[Setting, Callable[[bytes], Answer | None]] = {
            (BASE, 0x01): lambda _: _acknowledge(0x01),
            (BASE, 0x02): lambda _: _acknowledge(0x02, then="idle"),
            (BASE, 0x03): lambda _: _acknowledge(0x03, (0x81, self.identity.encoded())),
            (BASE, 0x04): lambda _: _acknowledge(0x04, (0x82, self._descriptors())),
            (BASE, 0x05): lambda _: _acknowledge(0x05, (0x83, bytes(4)), seconds=0.1),
            (BASE, 0x06): lambda _: _acknowledge(0x06, then="resume"),
            (BASE, 0x7E): lambda _: _acknowledge(0x7E, then="restart"),
            (SETTINGS, 0x30): self._startup,
            (SETTINGS, 0x39): _capture_gyro_bias,
            (SETTINGS, 0x64): self._device_status,
            (FILTER, 0x01): lambda _: _acknowledge(0x01),
        }
        self.uptime_ms = 0

    def answer(self, descriptor_set: int, field: MipField) -> Answer:
        """The reply to one command; an unknown or ill-formed one gets its NACK."""
        command = (descriptor_set, field.descriptor)
        if command in self._rates:
            reply, rate_hz = self._rates[command]
            return _acknowledge(field.descriptor, (reply, struct.pack(">H", rate_hz)))
        if command in self._plain:
            return self._plain[command](field.data) or _refuse(field.descriptor, BAD_PARAMETER)
        if command in _LAYOUTS:
            return self._select(command, field.data)
        return _refuse(field.descriptor, UNKNOWN_COMMAND)

    def value(self, setting: Setting, key: bytes = b"") -> bytes:
        """The current value of a setting."""
        return self._current[setting][key]

    def power_up(self) -> None:
        """What was not saved is forgotten."""
        self._current = {setting: dict(values) for setting, values in self._saved.items()}

    def _select(self, setting: Setting, data: bytes) -> Answer:
        """A command with a function selector: write, read, save, load, default, write without ACK."""
        layout, command = _LAYOUTS[setting], setting[1]
        selector, rest = data[:1], data[1:]
        key, value = (rest[:1], rest[1:]) if layout.keyed else (b"", rest)
        if (
            len(selector) == 0
            or selector[0] not in range(_WRITE, _WRITE_SILENTLY + 1)
            or key not in layout.default
        ):
            return _refuse(command, BAD_PARAMETER)
        if selector[0] in (_WRITE, _WRITE_SILENTLY):
            return self._write(setting, key, value, silent=selector[0] == _WRITE_SILENTLY)
        if selector[0] == _READ:
            return _acknowledge(command, (layout.reply, key + self._current[setting][key]))
        if selector[0] == _SAVE:
            self._saved[setting][key] = self._current[setting][key]
            return _acknowledge(command, seconds=SAVE_S)
        source = self._saved[setting] if selector[0] == _LOAD else layout.default
        self._current[setting][key] = source[key]
        return _acknowledge(command, then=layout.then)

    def _write(self, setting: Setting, key: bytes, value: bytes, *, silent: bool) -> Answer:
        layout, command = _LAYOUTS[setting], setting[1]
        if not layout.check(value):
            return _refuse(command, BAD_PARAMETER)
        if setting == _TARE and not self.attitude_valid:
            return _refuse(command, COMMAND_FAILED)
        self._current[setting][key] = value
        answer = _acknowledge(command, then=layout.then)
        return answer._replace(fields=()) if silent else answer

    def _startup(self, data: bytes) -> Answer | None:
        """0C,30: save, load or reset every setting at once."""
        if data == bytes([_SAVE]):
            self._saved = {setting: dict(values) for setting, values in self._current.items()}
            return _acknowledge(0x30, seconds=SAVE_S)
        if data in (bytes([_LOAD]), bytes([_DEFAULT])):
            ex_factory = {setting: dict(layout.default) for setting, layout in _LAYOUTS.items()}
            source = self._saved if data[0] == _LOAD else ex_factory
            self._current = {setting: dict(values) for setting, values in source.items()}
            return _acknowledge(0x30, then="restream")
        return None

    def _device_status(self, data: bytes) -> Answer | None:
        """0C,64: model number and selector 1 (basic), answered by 13 bytes."""
        if data != struct.pack(">HB", int(self.identity.model_number[:4]), 1):
            return None
        return _acknowledge(0x64, (0x90, data + struct.pack(">IHI", 0, 0, self.uptime_ms & 0xFFFFFFFF)))

    def _descriptors(self) -> bytes:
        commands = sorted([*self._plain, *self._rates, *_LAYOUTS])
        return b"".join(bytes(pair) for pair in [*commands, *sorted(FIELDS)])


def _acknowledge(command: int, *data: tuple[int, bytes], seconds: float = 0.0, then: str = "") -> Answer:
    return Answer(
        (MipField(_ACK, bytes([command, OK])), *(MipField(*field) for field in data)), seconds, then
    )


def _refuse(command: int, error: int) -> Answer:
    return Answer((MipField(_ACK, bytes([command, error])),))


def _capture_gyro_bias(data: bytes) -> Answer | None:
    """0C,39: the ACK comes with the bias once the sampling time is over."""
    if len(data) != 2 or not 1000 <= struct.unpack(">H", data)[0] <= 30_000:
        return None
    return _acknowledge(0x39, (0x9B, bytes(12)), seconds=struct.unpack(">H", data)[0] / 1000)


def decode_format(value: bytes) -> tuple[tuple[int, int], ...]:
    """A message format's (descriptor, decimation) pairs."""
    return tuple(struct.unpack_from(">BH", value, 1 + 3 * i) for i in range(value[0]))


def _format_check(data_set: int) -> Callable[[bytes], bool]:
    def check(value: bytes) -> bool:
        if len(value) == 0 or len(value) != 1 + 3 * value[0]:
            return False
        return all((data_set, descriptor) in FIELDS and n >= 1 for descriptor, n in decode_format(value))

    return check


def _one_of(*allowed: int) -> Callable[[bytes], bool]:
    return lambda value: len(value) == 1 and value[0] in allowed


def _baud_check(value: bytes) -> bool:
    return len(value) == 4 and struct.unpack(">I", value)[0] in (115_200, 230_400, 460_800, 921_600)


def _complementary_check(value: bytes) -> bool:
    if len(value) != 10:
        return False
    up, north, up_s, north_s = struct.unpack(">BBff", value)
    return up in (0, 1) and north in (0, 1) and 1 <= up_s <= 1000 and 1 <= north_s <= 1000


def _format(*pairs: tuple[int, int]) -> bytes:
    return bytes([len(pairs)]) + b"".join(struct.pack(">BH", *pair) for pair in pairs)


_TARE: Setting = (FILTER, 0x21)
_LAYOUTS: dict[Setting, _Layout] = {
    IMU_FORMAT: _Layout(
        0x80, _format_check(IMU_DATA), {b"": _format((0x04, 10), (0x05, 10))}, then="restream"
    ),
    FILTER_FORMAT: _Layout(0x82, _format_check(FILTER_DATA), {b"": _format((0x05, 5))}, then="restream"),
    STREAM_ENABLE: _Layout(
        0x85,
        _one_of(0, 1),
        {bytes([IMU_STREAM]): b"\x01", bytes([FILTER_STREAM]): b"\x00"},
        keyed=True,
        then="resume",
    ),
    UART_BAUD: _Layout(0x87, _baud_check, {b"": struct.pack(">I", 115_200)}, then="mute"),
    (SETTINGS, 0x51): _Layout(0x97, _complementary_check, {b"": struct.pack(">BBff", 1, 1, 10.0, 10.0)}),
    (FILTER, 0x18): _Layout(0x87, _one_of(0, 1, 3), {b"": b"\x01"}),
    (FILTER, 0x19): _Layout(0x88, _one_of(0, 1), {b"": b"\x01"}),
    _TARE: _Layout(0xA1, lambda value: len(value) == 1 and 0 <= value[0] <= 7, {b"": b"\x00"}),
}
