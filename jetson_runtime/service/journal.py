"""The last seconds of what the reactor was given, in shared memory: they outlive the process that wrote them, not the
machine's next boot.

BANKS of half a second each: what the frames to come depend on (`Reactor._state`), then every read and wake-up after it,
each with a checksum, counted as written only once it is. Writing is a copy into memory: it never blocks.
"""

from __future__ import annotations

import mmap
import os
import struct
import zlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgpack  # type: ignore[import-untyped]  # ships none

from jetson_runtime.suit.signals import PERIOD_NS

BANKS = 5
BANK_BYTES = 512 * 1024
# Between two banks.
SPAN_NS = 500_000_000
READ, WAKE = 1, 2
# number of the bank (0: not whole), where its records end and the same inverted, length and checksum of its state.
_BANK = struct.Struct("<QIIII")
# checksum, kind, stream, length, receive or wake time.
_RECORD = struct.Struct("<IBBHq")
_USED = struct.Struct("<II")
_USED_AT = 8
_MOST = 0xFFFF
_ALL = 0xFFFFFFFF


class JournalError(Exception):
    """What is there cannot be gone on from; the text says why."""


class Record(NamedTuple):
    """A read of `data` from stream `stream` at `ns`, or a wake-up at `ns`."""

    kind: int
    stream: int
    ns: int
    data: bytes


class Past(NamedTuple):
    """What a pipeline is to be given to be where the one before was."""

    state: dict[str, Any]
    records: list[Record]


class Journal:
    """The reactor's thread alone writes. descriptor: of the memory, for another process."""

    def __init__(self) -> None:
        self.descriptor = os.memfd_create("second-skin-journal", os.MFD_CLOEXEC)
        os.ftruncate(self.descriptor, BANKS * BANK_BYTES)
        self._memory = mmap.mmap(self.descriptor, 0)
        self._number = 0
        self._base = self._at = self._end = 0
        self._next_ns = 0

    def read(self, index: int, data: bytes, receive_ns: int) -> None:
        """The reactor has read `data`."""
        self._add(READ, index, data, receive_ns)

    def woke(self, now_ns: int) -> None:
        """The reactor is about to parse what was read, and to step at `now_ns`."""
        self._add(WAKE, 0, b"", now_ns)

    def due(self, now_ns: int) -> bool:
        """Whether it is time for a state."""
        return now_ns >= self._next_ns

    def tell(self, state: Mapping[str, Any], now_ns: int) -> None:
        """What the frames to come depend on, where nothing that was read waits."""
        packed = msgpack.packb(state)
        self._next_ns = now_ns + SPAN_NS
        self._number += 1
        self._base = base = self._number % BANKS * BANK_BYTES
        _BANK.pack_into(self._memory, base, 0, 0, 0, 0, 0)
        begin = base + _BANK.size
        self._at, self._end = begin + len(packed), base + BANK_BYTES
        if self._at > self._end:
            self.spoil()
            return
        self._memory[begin : self._at] = packed
        used, checksum = self._at - base, zlib.crc32(packed, self._number)
        _BANK.pack_into(self._memory, base, self._number, used, _ALL - used, len(packed), checksum)

    def spoil(self) -> None:
        """Something happened that is not told here: what was before is of no use, and is gone."""
        self._at = self._end = 0
        self._next_ns = 0
        for bank in range(BANKS):
            _BANK.pack_into(self._memory, bank * BANK_BYTES, 0, 0, 0, 0, 0)

    def close(self) -> None:
        """Gives the memory back; whoever else has the descriptor keeps it."""
        self._memory.close()
        os.close(self.descriptor)

    def _add(self, kind: int, index: int, data: bytes, ns: int) -> None:
        at, size = self._at, len(data)
        after = at + _RECORD.size + size
        if after > self._end or size > _MOST:
            if self._end:
                self.spoil()
            return
        memory = self._memory
        if data:
            memory[at + _RECORD.size : after] = data
        _RECORD.pack_into(memory, at, _checksum(kind, index, ns, data), kind, index, size, ns)
        self._at = after
        used = after - self._base
        _USED.pack_into(memory, self._base + _USED_AT, used, _ALL - used)


def load(descriptor: int, from_ns: int) -> Past:
    """From the newest state that is no younger than `from_ns`, or from the oldest there is. JournalError."""
    if os.fstat(descriptor).st_size != BANKS * BANK_BYTES:
        raise JournalError("the journal has another size")
    with mmap.mmap(descriptor, 0, prot=mmap.PROT_READ) as memory:
        numbers = [_BANK.unpack_from(memory, bank * BANK_BYTES)[0] for bank in range(BANKS)]
        if any(number and number % BANKS != bank for bank, number in enumerate(numbers)):
            raise JournalError("the journal is damaged")
        newest = max(numbers)
        if newest == 0:
            raise JournalError("the journal is empty")
        past = Past(*_bank(memory, newest))
        for number in range(newest - 1, max(0, newest - BANKS), -1):
            if number not in numbers or not past.state["ticks"] or past.state["tick"] * PERIOD_NS <= from_ns:
                break
            state, found = _bank(memory, number)
            past = Past(state, found + past.records)
    return past


def _bank(memory: mmap.mmap, number: int) -> tuple[dict[str, Any], list[Record]]:
    base = number % BANKS * BANK_BYTES
    found, used, inverted, length, checksum = _BANK.unpack_from(memory, base)
    at, end = base + _BANK.size + length, base + used
    if found != number or used != _ALL - inverted or not at <= end <= base + BANK_BYTES:
        raise JournalError("the journal is damaged")
    packed = memory[base + _BANK.size : at]
    if zlib.crc32(packed, number) != checksum:
        raise JournalError("the journal's state is damaged")
    records = []
    while at < end:
        if at + _RECORD.size > end:
            raise JournalError("the journal is cut off")
        told, kind, index, size, ns = _RECORD.unpack_from(memory, at)
        at += _RECORD.size + size
        data = memory[at - size : at]
        if at > end or told != _checksum(kind, index, ns, data):
            raise JournalError("the journal's bytes are damaged")
        records.append(Record(kind, index, ns, data))
    return msgpack.unpackb(packed), records


def _checksum(kind: int, index: int, ns: int, data: bytes) -> int:
    return zlib.crc32(data, (ns ^ ns >> 32 ^ kind << 24 ^ index << 16) & 0xFFFFFFFF)
