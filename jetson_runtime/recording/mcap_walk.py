"""The records of an MCAP file as they lie there, across whatever is damaged.

The library's reader ends at the first record that it cannot read, and believes a length that is damaged. Here what
follows is found again by the shape of a chunk's head, so that damage costs what it hit and nothing behind it.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from mcap.opcode import Opcode

# In the place of an opcode: something that is no record; the end of one that was being written.
DAMAGED, TORN = -1, -2

# A file's first and last bytes.
MAGIC = bytes((137, 77, 67, 65, 80, 48, 13, 10))
_HEAD = struct.Struct("<BQ")
# Opcode, length; first and last time, size, checksum, the compression's name with its length, bytes.
_CHUNK_HEAD = struct.Struct("<BQQQQI8sQ")
_COMPRESSION, _COMPRESSION_AT = b"\x04\x00\x00\x00zstd", 37
_FOOTER_BYTES = 20
# No record of ours comes near it.
_LARGEST_BYTES = 64 * 1024 * 1024
_SEARCHED_BYTES = 1024 * 1024


class Record(NamedTuple):
    """opcode: of the format, or DAMAGED, or TORN; the latter two have no body."""

    opcode: int
    body: bytes


def walk(file: BinaryIO) -> Iterator[Record]:
    """The records in order; DAMAGED for each place between them that cannot be read, TORN where the last was cut.

    Footer is the last one, and only where it is the file's end.
    """
    size = os.fstat(file.fileno()).st_size
    at = len(MAGIC)
    sound = _bytes(file, 0, at) == MAGIC
    if not sound and size > at:
        at = 0
    while at < size:
        record = _record(file, at, size) if sound else None
        if record is not None:
            yield record
            at += _HEAD.size + len(record.body)
            if record.opcode == Opcode.FOOTER:
                return
            continue
        found = _next_chunk(file, at + 1, size)
        if found is None:
            yield Record(TORN if sound and _is_torn(file, at, size) else DAMAGED, b"")
            return
        yield Record(DAMAGED, b"")
        at, sound = found, True


def _record(file: BinaryIO, at: int, size: int) -> Record | None:
    """None where there is none that can be believed."""
    head = _bytes(file, at, _CHUNK_HEAD.size)
    if len(head) < _HEAD.size:
        return None
    opcode, length = _HEAD.unpack_from(head)
    if not _is_opcode(opcode) or length > min(_LARGEST_BYTES, size - at - _HEAD.size):
        return None
    if opcode == Opcode.CHUNK and not _is_chunk(head, size - at):
        return None
    if opcode == Opcode.FOOTER and not _ends(file, at, length, size):
        return None
    body = _bytes(file, at + _HEAD.size, length)
    # A damaged length would swallow chunks: but for the index at the end no other record holds the head of one.
    if opcode not in (Opcode.CHUNK, Opcode.CHUNK_INDEX) and _COMPRESSION in body:
        return None
    return Record(opcode, body)


def _is_opcode(opcode: int) -> bool:
    return Opcode.HEADER <= opcode <= Opcode.DATA_END


def _is_chunk(head: bytes, room: int) -> bool:
    """Whether `head` begins a chunk of ours that fits into `room` bytes."""
    if len(head) < _CHUNK_HEAD.size:
        return False
    opcode, length, _, _, _, _, compression, count = _CHUNK_HEAD.unpack(head)
    whole = length == _CHUNK_HEAD.size - _HEAD.size + count
    return bool(
        opcode == Opcode.CHUNK and compression == _COMPRESSION and whole and _HEAD.size + length <= room
    )


def _ends(file: BinaryIO, at: int, length: int, size: int) -> bool:
    end = at + _HEAD.size + _FOOTER_BYTES
    return length == _FOOTER_BYTES and end + len(MAGIC) == size and _bytes(file, end, len(MAGIC)) == MAGIC


def _is_torn(file: BinaryIO, at: int, size: int) -> bool:
    """Whether the rest is what a power cut leaves: the beginning of one record, or nothing but zeros."""
    rest = size - at
    head = _bytes(file, at, _HEAD.size)
    if rest <= _LARGEST_BYTES and not any(_bytes(file, at, rest)):
        return True
    if len(head) < _HEAD.size:
        return _is_opcode(head[0])
    opcode, length = _HEAD.unpack(head)
    trailer = len(MAGIC) if opcode == Opcode.FOOTER else 0
    return _is_opcode(opcode) and rest < _HEAD.size + length + trailer <= _LARGEST_BYTES


def _next_chunk(file: BinaryIO, at: int, size: int) -> int | None:
    """Where the next chunk begins, from `at` on."""
    place = at + _COMPRESSION_AT
    while place < size:
        block = _bytes(file, place, _SEARCHED_BYTES + len(_COMPRESSION) - 1)
        found = block.find(_COMPRESSION)
        while found >= 0:
            start = place + found - _COMPRESSION_AT
            if _is_chunk(_bytes(file, start, _CHUNK_HEAD.size), size - start):
                return start
            found = block.find(_COMPRESSION, found + 1)
        place += _SEARCHED_BYTES
    return None


def _bytes(file: BinaryIO, at: int, count: int) -> bytes:
    """As many as there are."""
    file.seek(at)
    return file.read(count)
