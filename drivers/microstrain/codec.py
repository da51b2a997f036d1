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

SYNC = b"\x75\x65"
MAX_PAYLOAD = 255

_HEADER = 4
_OVERHEAD = 6  # header and checksum


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

    def __init__(self) -> None:
        self.packets = 0
        self.bad_checksums = 0
        self.bad_lengths = 0
        self.discarded_bytes = 0
        self._buffer = b""

    @property
    def pending_bytes(self) -> int:
        """Bytes that may still become a packet; at most one packet's worth."""
        return len(self._buffer)

    def feed(self, data: bytes, receive_ns: int) -> list[MipPacket]:
        """Packets completed by `data`, in order."""
        buffer = self._buffer + data
        size = len(buffer)
        found: list[MipPacket] = []
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
            fields = self._fields(buffer, head, end)
            if fields is None:
                self.discarded_bytes += 1
                head += 1
            else:
                found.append(MipPacket(buffer[head + 2], fields, receive_ns))
                head = end
        self._buffer = buffer[head:]
        self.packets += len(found)
        return found

    def _fields(self, buffer: bytes, start: int, end: int) -> tuple[MipField, ...] | None:
        """The fields of the complete candidate at `start`, or None with the reason counted."""
        if buffer[start + 2] == 0:
            return None
        if not _checksum_right(buffer, start, end):
            self.bad_checksums += 1
            return None
        fields = _split_fields(buffer, start + _HEADER, end - 2)
        if fields is None:
            self.bad_lengths += 1
        return fields

    def _abandon(self, buffer: bytes, head: int, winner: int) -> None:
        """Count what lies before the good packet at `winner`: bytes, and the false headers among them."""
        self.discarded_bytes += winner - head
        while head >= 0:
            end = head + _OVERHEAD + buffer[head + 3]
            if end > winner + _OVERHEAD + buffer[winner + 3]:
                self.bad_checksums += buffer[head + 2] != 0
            else:
                self._fields(buffer, head, end)
            head = buffer.find(SYNC, head + 2, winner)


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


def _checksum_right(buffer: bytes, start: int, end: int) -> bool:
    body = buffer[start : end - 2]
    return sum(body) & 0xFF == buffer[end - 2] and sum(accumulate(body)) & 0xFF == buffer[end - 1]


def _split_fields(buffer: bytes, position: int, end: int) -> tuple[MipField, ...] | None:
    """The fields between two positions, or None where their lengths do not add up exactly."""
    fields: list[MipField] = []
    while position < end:
        length = buffer[position]
        if length < 2 or position + length > end:
            return None
        fields.append(MipField(buffer[position + 1], buffer[position + 2 : position + length]))
        position += length
    return tuple(fields)


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
    return (
        buffer[start + 2] != 0
        and _checksum_right(buffer, start, end)
        and _split_fields(buffer, start + _HEADER, end - 2) is not None
    )
