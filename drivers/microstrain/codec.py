"""MIP framing: bytes <-> packets. No port, no clock: bytes and their receive time come in, packets go out.

    0x75 0x65 | descriptor set | payload length | fields | checksum (two bytes)
    field: length (its two header bytes included) | descriptor | data

A valid packet is handed on with its last byte, always: a header that turns out false, or a packet cut short, never
holds back a good packet that begins inside the bytes it claims. Where two candidates overlap, the one that is
complete first wins. So the result depends on the bytes alone, not on how reads cut them into pieces.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import accumulate
from typing import NamedTuple
from zlib import adler32

SYNC = b"\x75\x65"
MAX_PAYLOAD = 255

_HEADER = 4
_OVERHEAD = 6  # header and checksum
# MIP's two running sums are Adler-32's without its modulus of 65,521, which no 21 bytes can reach from two sums
# below 256, and with another start; upper 16 bits: the sum of the sums.
_SUMS_BLOCK = 21
_SUMS_MASK = 0x00FF_00FF
_SUMS_OF_SYNC = adler32(SYNC, 0) & _SUMS_MASK


class MipField(NamedTuple):
    """One field of a packet; `data` is what follows its length and descriptor bytes."""

    descriptor: int
    data: bytes


class MipPacket(NamedTuple):
    """One valid packet. receive_ns: CLOCK_MONOTONIC of the read that brought its last byte."""

    descriptor_set: int
    fields: tuple[MipField, ...]
    receive_ns: int


class MipParser:
    """Bytes in any pieces in, packets out; corruption is counted, never raised.

    packets: handed on. bad_checksums: headers whose checksum failed or that a good packet cut short.
    bad_lengths: right checksum, but the field lengths do not add up to the payload. discarded_bytes: bytes that
    belong to no packet. Bytes fed = bytes of packets + discarded_bytes + pending_bytes.
    """

    def __init__(self, pending: bytes = b"") -> None:
        """pending: of a parser whose work this one goes on with."""
        self.packets = 0
        self.bad_checksums = 0
        self.bad_lengths = 0
        self.discarded_bytes = 0
        self._buffer = pending

    @property
    def pending(self) -> bytes:
        """Bytes that may still become a packet; at most one packet's worth."""
        return self._buffer

    @property
    def pending_bytes(self) -> int:
        """How many those are."""
        return len(self._buffer)

    def feed(self, data: bytes, receive_ns: int) -> list[MipPacket]:
        """Packets completed by `data`, in order."""
        return [MipPacket(packet[2], split_fields(packet), receive_ns) for packet in self.cut(data)]

    def cut(self, data: bytes) -> list[bytes]:
        """The same packets as bytes, framing included."""
        if not self._buffer and _is_one_packet(data):
            self.packets += 1
            return [data]
        buffer = self._buffer + data
        size = len(buffer)
        found: list[bytes] = []
        head = 0
        while True:
            start = buffer.find(SYNC, head)
            if start < 0:
                start = size - buffer.endswith(SYNC[:1], head)
            self.discarded_bytes += start - head
            head = start
            if size < head + _HEADER:
                break
            if buffer[head + 2] == 0:
                self.discarded_bytes += 1
                head += 1
                continue
            end = head + _OVERHEAD + buffer[head + 3]
            if buffer.find(SYNC, head + 2, end - 1) >= 0:
                inner = _first_inside(buffer, head, end)
                if inner is not None:
                    self._abandon(buffer, head, inner[0])
                    head, end = inner
            if end > size:
                break
            if self._is_packet(buffer, head, end):
                found.append(buffer[head:end])
                head = end
            else:
                self.discarded_bytes += 1
                head += 1
        self._buffer = buffer[head:]
        self.packets += len(found)
        return found

    def _is_packet(self, buffer: bytes, start: int, end: int) -> bool:
        """Whether the complete candidate at `start` is one; the reason is counted where it is not."""
        if buffer[start + 2] == 0:
            return False
        if not _checksum_right(buffer, start, end):
            self.bad_checksums += 1
            return False
        if not _fields_fit(buffer, start, end):
            self.bad_lengths += 1
            return False
        return True

    def _abandon(self, buffer: bytes, head: int, winner: int) -> None:
        """Count what lies before the good packet at `winner`: bytes, and the false headers among them."""
        self.discarded_bytes += winner - head
        while head >= 0:
            end = head + _OVERHEAD + buffer[head + 3]
            if end > winner + _OVERHEAD + buffer[winner + 3]:
                self.bad_checksums += buffer[head + 2] != 0
            else:
                self._is_packet(buffer, head, end)
            head = buffer.find(SYNC, head + 2, winner)


def split_fields(packet: bytes) -> tuple[MipField, ...]:
    """The fields of a packet that `MipParser.cut` handed on."""
    fields: list[MipField] = []
    position, end = _HEADER, len(packet) - 2
    while position < end:
        length = packet[position]
        fields.append(MipField(packet[position + 1], packet[position + 2 : position + length]))
        position += length
    return tuple(fields)


def build_packet(descriptor_set: int, fields: Iterable[tuple[int, bytes]]) -> bytes:
    """The packet's bytes; a field is a MipField or a pair (descriptor, data). ValueError if it does not fit MIP."""
    payload = b"".join(_build_field(descriptor, data) for descriptor, data in fields)
    if not 1 <= descriptor_set <= 255:
        raise ValueError(f"MIP descriptor set must be 1..255, not {descriptor_set}")
    if len(payload) > MAX_PAYLOAD:
        raise ValueError(f"MIP payload must be at most {MAX_PAYLOAD} bytes, not {len(payload)}")
    body = SYNC + bytes((descriptor_set, len(payload))) + payload
    return body + checksum(body)


def checksum(body: bytes) -> bytes:
    """MIP's two running sums over everything before the checksum."""
    return bytes((sum(body) & 0xFF, sum(accumulate(body)) & 0xFF))


def _build_field(descriptor: int, data: bytes) -> bytes:
    if not 0 <= descriptor <= 255 or len(data) > MAX_PAYLOAD - 2:
        raise ValueError(f"MIP field 0x{descriptor:02X} with {len(data)} bytes of data does not fit")
    return bytes((len(data) + 2, descriptor)) + data


def _is_one_packet(data: bytes) -> bool:
    """Whether `data`, the usual read, is one packet and nothing else: no byte of it can belong to another."""
    size = len(data)
    return (
        size >= _OVERHEAD
        and data.startswith(SYNC)
        and data[3] == size - _OVERHEAD
        and data.find(SYNC, 2, size - 1) < 0
        and _is_packet(data, 0, size)
    )


def _checksum_right(buffer: bytes, start: int, end: int) -> bool:
    body = buffer[start + 2 : end - 2]
    sums = _SUMS_OF_SYNC
    for position in range(0, len(body), _SUMS_BLOCK):
        sums = adler32(body[position : position + _SUMS_BLOCK], sums) & _SUMS_MASK
    return sums == buffer[end - 1] << 16 | buffer[end - 2]


def _fields_fit(buffer: bytes, start: int, end: int) -> bool:
    """Whether the fields' lengths add up to the payload exactly."""
    position, stop = start + _HEADER, end - 2
    while position < stop:
        length = buffer[position]
        if length < 2:
            return False
        position += length
    return position == stop


def _first_inside(buffer: bytes, head: int, end: int) -> tuple[int, int] | None:
    """Start and end of the valid packet that begins after `head` and is complete first, before `end`; None if none."""
    limit = min(end - 1, len(buffer))
    best: tuple[int, int] | None = None
    start = buffer.find(SYNC, head + 2, limit)
    while 0 <= start <= limit - _OVERHEAD:
        stop = start + _OVERHEAD + buffer[start + 3]
        if stop <= limit and _is_packet(buffer, start, stop):
            best, limit = (start, stop), stop - 1
        start = buffer.find(SYNC, start + 2, limit)
    return best


def _is_packet(buffer: bytes, start: int, end: int) -> bool:
    return buffer[start + 2] != 0 and _checksum_right(buffer, start, end) and _fields_fit(buffer, start, end)
