"""The open insole link, version 1: bytes <-> frames <-> bodies. Not XSENSOR's own: their SDK is bridged onto it.

A frame on the wire is COBS(header, body, CRC) and a zero byte. Little-endian; the CRC is CRC-16/CCITT-FALSE.

    u8 version | u8 type | u8 side | u8 flags | u32 sequence | u64 device time in microseconds | body | u16 CRC

Bodies keep the wire's integers; the constants below say what one unit is worth. No port, no clock.
"""

from __future__ import annotations

import struct
from binascii import crc_hqx
from typing import NamedTuple

from drivers.xsensor import cobs

VERSION = 1

SAMPLE, INFO, STATUS, COMMAND, REPLY = 1, 2, 3, 16, 17
LEFT, RIGHT = 0, 1

OP_IDENTIFY, OP_START, OP_STOP, OP_ZERO, OP_SET_RATE = 1, 2, 3, 4, 5
STATUS_OK, STATUS_UNKNOWN, STATUS_BAD_ARGUMENT, STATUS_BUSY, STATUS_FAILED = 0, 1, 2, 3, 4

ACCEL_PER_G = 2048
GYRO_PER_DEG_S = 16
QUATERNION_PER_UNIT = 16384
FORCE_PER_N = 100
COP_PER_CELL = 100
COP_UNDEFINED = -0x8000
PRESSURE_PER_KPA = 100
RATE_PER_HZ = 100
TEMPERATURE_PER_C = 10

# The largest grid the link can describe (255 x 255 cells) would take 130 kB; no insole comes near this.
MAX_FRAME_BYTES = 8192

_HEADER = struct.Struct("<BBBBIQ")
_CRC = struct.Struct("<H")
_SAMPLE = struct.Struct("<3h3h4hI2hHhH")
_INFO = struct.Struct("<16s16sBBHHH")
_REPLY = struct.Struct("<BBB")
_MIN_BYTES = _HEADER.size + _CRC.size


class InsoleFrame(NamedTuple):
    """One valid frame, its body's length right for its type.

    flags: of `drivers.samples`. receive_ns: CLOCK_MONOTONIC of the read that ended it.
    """

    type: int
    side: int
    flags: int
    sequence: int
    device_us: int
    body: bytes
    receive_ns: int


class Sample(NamedTuple):
    """Body of a SAMPLE; `cells` holds one little-endian u16 for each live cell, or nothing."""

    accel: tuple[int, int, int]
    gyro: tuple[int, int, int]
    quaternion: tuple[int, int, int, int]
    force: int
    cop_column: int
    cop_row: int
    battery_mv: int
    temperature: int
    cells: bytes


class Info(NamedTuple):
    """Body of an INFO. `mask`: whether each grid cell is live, row-major from the toes (bit 0 of a byte first)."""

    model: str
    serial: str
    rows: int
    columns: int
    pitch_um: int
    rate_centihz: int
    mask: tuple[bool, ...]

    @property
    def live_cells(self) -> int:
        return sum(self.mask)

    @property
    def geometry(self) -> tuple[int, int, int, tuple[bool, ...]]:
        """Rows, columns, pitch in micrometres, live cells: what a map cannot be read without."""
        return self.rows, self.columns, self.pitch_um, self.mask

    @property
    def rate_hz(self) -> float:
        return self.rate_centihz / RATE_PER_HZ


class Command(NamedTuple):
    """Body of a COMMAND: operation, the tag its reply carries, arguments."""

    op: int
    tag: int
    arguments: bytes = b""


class Reply(NamedTuple):
    """Body of a REPLY."""

    op: int
    tag: int
    status: int


class InsoleParser:
    """Bytes in any pieces in, frames out; corruption is counted, never raised.

    frames: handed on. bad_cobs: not COBS. bad_lengths: too short, too long, or a body whose length disagrees with
    its type. bad_crc: CRC wrong. unknown_versions: right CRC, another version. discarded_bytes: bytes that belong to
    no frame handed on. Bytes fed = bytes of frames + discarded_bytes + pending_bytes.
    """

    def __init__(self, pending: bytes = b"") -> None:
        """pending: of a parser whose work this one goes on with."""
        self.frames = 0
        self.bad_cobs = 0
        self.bad_crc = 0
        self.bad_lengths = 0
        self.unknown_versions = 0
        self.discarded_bytes = 0
        self._buffer = pending
        self._overlong = False

    @property
    def pending(self) -> bytes:
        """Bytes of a frame whose end has not come yet."""
        return self._buffer

    @property
    def pending_bytes(self) -> int:
        """How many those are."""
        return len(self._buffer)

    def feed(self, data: bytes, receive_ns: int) -> list[InsoleFrame]:
        """Frames completed by `data`, in order."""
        pieces = (self._buffer + data).split(b"\0")
        self._buffer = pieces.pop()
        found: list[InsoleFrame] = []
        for piece in pieces:
            frame = None if self._ends_overlong(piece) else self._decode(piece, receive_ns)
            if frame is None:
                self.discarded_bytes += len(piece) + 1
            else:
                found.append(frame)
        if len(self._buffer) > MAX_FRAME_BYTES or self._overlong:
            self._drop_overlong()
        self.frames += len(found)
        return found

    def _drop_overlong(self) -> None:
        self.bad_lengths += not self._overlong
        self.discarded_bytes += len(self._buffer)
        self._buffer = b""
        self._overlong = True

    def _ends_overlong(self, piece: bytes) -> bool:
        """Whether `piece` is (the rest of) a frame above the limit, each such frame counted once."""
        if self._overlong:
            self._overlong = False
            return True
        if len(piece) > MAX_FRAME_BYTES:
            self.bad_lengths += 1
            return True
        return False

    def _decode(self, encoded: bytes, receive_ns: int) -> InsoleFrame | None:
        if not encoded:
            return None
        raw = cobs.decode(encoded)
        if raw is None:
            self.bad_cobs += 1
            return None
        if len(raw) < _MIN_BYTES:
            self.bad_lengths += 1
            return None
        content = raw[: -_CRC.size]
        if crc16(content) != _CRC.unpack_from(raw, len(content))[0]:
            self.bad_crc += 1
            return None
        version, kind, side, flags, sequence, device_us = _HEADER.unpack_from(content)
        if version != VERSION:
            self.unknown_versions += 1
            return None
        body = content[_HEADER.size :]
        if not _length_right(kind, body):
            self.bad_lengths += 1
            return None
        return InsoleFrame(kind, side, flags, sequence, device_us, body, receive_ns)


def build_frame(
    kind: int, side: int, body: bytes, *, flags: int = 0, sequence: int = 0, device_us: int = 0
) -> bytes:
    """One frame as it goes over the wire, its ending zero byte included. struct.error where a number does not fit."""
    content = _HEADER.pack(VERSION, kind, side, flags, sequence, device_us) + body
    return cobs.encode(content + _CRC.pack(crc16(content))) + b"\0"


def encode_sample(sample: Sample) -> bytes:
    """Body of a SAMPLE."""
    numbers = (
        *sample.accel, *sample.gyro, *sample.quaternion, sample.force, sample.cop_column, sample.cop_row,
        sample.battery_mv, sample.temperature, len(sample.cells) // 2,
    )  # fmt: skip
    return _SAMPLE.pack(*numbers) + sample.cells


def decode_sample(body: bytes) -> Sample:
    """The body of a SAMPLE frame that the parser handed on."""
    n = _SAMPLE.unpack_from(body)
    return Sample(n[0:3], n[3:6], n[6:10], n[10], n[11], n[12], n[13], n[14], body[_SAMPLE.size :])


def encode_info(info: Info) -> bytes:
    """Body of an INFO; model and serial are padded with spaces to 16 characters."""
    bits = sum(1 << i for i, live in enumerate(info.mask) if live)
    head = _INFO.pack(
        info.model.encode("ascii").ljust(16),
        info.serial.encode("ascii").ljust(16),
        info.rows,
        info.columns,
        info.pitch_um,
        info.rate_centihz,
        info.live_cells,
    )
    return head + bits.to_bytes(_bitmap_bytes(info.rows, info.columns), "little")


def decode_info(body: bytes) -> Info:
    """The body of an INFO frame that the parser handed on."""
    model, serial, rows, columns, pitch_um, rate, _ = _INFO.unpack_from(body)
    bits = int.from_bytes(body[_INFO.size :], "little")
    mask = tuple(bool(bits >> i & 1) for i in range(rows * columns))
    return Info(_text(model), _text(serial), rows, columns, pitch_um, rate, mask)


def encode_command(command: Command) -> bytes:
    """Body of a COMMAND."""
    return bytes((command.op, command.tag)) + command.arguments


def decode_command(body: bytes) -> Command:
    """The body of a COMMAND frame that the parser handed on."""
    return Command(body[0], body[1], body[2:])


def encode_reply(reply: Reply) -> bytes:
    """Body of a REPLY."""
    return _REPLY.pack(*reply)


def decode_reply(body: bytes) -> Reply:
    """The body of a REPLY frame that the parser handed on."""
    return Reply(*_REPLY.unpack_from(body))


def crc16(data: bytes) -> int:
    """CRC-16/CCITT-FALSE."""
    return crc_hqx(data, 0xFFFF)


def _length_right(kind: int, body: bytes) -> bool:
    if kind == SAMPLE:
        return len(body) >= _SAMPLE.size and len(body) == _SAMPLE.size + 2 * _SAMPLE.unpack_from(body)[-1]
    if kind == INFO:
        if len(body) < _INFO.size:
            return False
        _, _, rows, columns, _, _, live = _INFO.unpack_from(body)
        bits = int.from_bytes(body[_INFO.size :], "little")
        return (
            len(body) == _INFO.size + _bitmap_bytes(rows, columns)
            and bits < 1 << rows * columns
            and bin(bits).count("1") == live
        )
    if kind == COMMAND:
        return len(body) >= 2
    return kind != REPLY or len(body) == _REPLY.size


def _bitmap_bytes(rows: int, columns: int) -> int:
    return (rows * columns + 7) // 8


def _text(raw: bytes) -> str:
    return raw.split(b"\0")[0].decode("ascii", "replace").strip()
