"""One file of the local store: records that only grow, each found and checked by itself. Bytes on a disk, no policy.

    file     8 bytes FILE_MARK, 8 characters of the store's id, then records
    record   HEAD (mark, kind, number, length, CRC-32 of the payload), CRC-32 of HEAD, the payload

All numbers little-endian. A damaged record costs itself: the next is found by its mark and the CRC of its head.
"""

from __future__ import annotations

import os
import struct
import time
import zlib
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from jetson_runtime.suit import durable

FILE_MARK = b"2SKNFLT1"
ID_CHARACTERS = 8
FILE_HEAD_BYTES = len(FILE_MARK) + ID_CHARACTERS
_MARK = b"2SFB"
_HEAD = struct.Struct("<4sB3xQII")
_CRC = struct.Struct("<I")
HEAD_BYTES = _HEAD.size + _CRC.size
_ENDING = ".segment"
_CHUNK_BYTES = 1 << 20


class Place(NamedTuple):
    """Where a record lies. offset: of its payload; crc: of the payload."""

    number: int
    kind: int
    offset: int
    length: int
    crc: int


def record(number: int, kind: int, payload: bytes) -> bytes:
    """The bytes of one record."""
    head = _HEAD.pack(_MARK, kind, number, len(payload), zlib.crc32(payload))
    return head + _CRC.pack(zlib.crc32(head)) + payload


def create(folder: Path, store_id: str, first: int) -> Path:
    """A new file whose first record will be `first`; it and its name are on the disk. OSError: they are not."""
    path = folder / f"{first:012d}{_ENDING}"
    # What has this name holds no record, else `first` would be taken.
    durable.write(path, FILE_MARK + store_id.encode("ascii"))
    return path


def paths(folder: Path) -> list[Path]:
    """Those in `folder`, oldest first."""
    return sorted(folder.glob(f"{'[0-9]' * 12}{_ENDING}"))


class Segment:
    """A file opened for reading, and where its records lie; not for several threads at once.

    damaged: places at which something else stood than a record. store_id: '' where the file's head is damaged.
    """

    def __init__(self, path: Path, *, verify: bool = False) -> None:
        """verify: reads payloads too, and leaves out those that are damaged. OSError: cannot be read."""
        self.path = path
        self.damaged = 0
        self._opened_s = time.monotonic()
        self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self.size = os.fstat(self._file).st_size
        head = os.pread(self._file, FILE_HEAD_BYTES, 0)
        whole = len(head) == FILE_HEAD_BYTES and head.startswith(FILE_MARK)
        self.store_id = head[len(FILE_MARK) :].decode("ascii", "replace") if whole else ""
        self.damaged += not whole
        # Five numbers a record: of a day there are 200,000.
        self._numbers, self._places = array("Q"), array("Q")
        self._unreadable: set[int] = set()
        for place in self._walk():
            if not verify or self._payload(place) is not None:
                self.add(place)
            else:
                self.damaged += 1

    def close(self) -> None:
        os.close(self._file)

    @property
    def age_s(self) -> float:
        """Since it was opened."""
        return time.monotonic() - self._opened_s

    @property
    def first(self) -> int | None:
        """The lowest number in it; None: it holds no record."""
        return self._numbers[0] if self._numbers else None

    @property
    def last(self) -> int | None:
        """The highest number in it."""
        return self._numbers[-1] if self._numbers else None

    def add(self, place: Place) -> None:
        """A record that was appended to the file."""
        self._numbers.append(place.number)
        self._places.extend(place[1:])
        self.size = max(self.size, place.offset + place.length)

    def count_after(self, number: int) -> int:
        """How many of its records come after `number`."""
        return len(self._numbers) - self._index_after(number)

    def after(self, number: int) -> Place | None:
        """The first record after `number`."""
        index = self._index_after(number)
        if index == len(self._numbers):
            return None
        return Place(self._numbers[index], *self._places[4 * index : 4 * index + 4])

    def read(self, place: Place) -> bytes | None:
        """Its payload; None where it is damaged, which is counted once."""
        payload = self._payload(place)
        if payload is None and place.number not in self._unreadable:
            self._unreadable.add(place.number)
            self.damaged += 1
        return payload

    def _index_after(self, number: int) -> int:
        low, high = 0, len(self._numbers)
        while low < high:
            middle = (low + high) // 2
            if self._numbers[middle] > number:
                high = middle
            else:
                low = middle + 1
        return low

    def _payload(self, place: Place) -> bytes | None:
        try:
            payload = os.pread(self._file, place.length, place.offset)
        except OSError:
            return None
        return payload if zlib.crc32(payload) == place.crc and len(payload) == place.length else None

    def _walk(self) -> Iterator[Place]:
        """Every record whose head is whole and whose payload the file is long enough for, in rising order."""
        at, newest = FILE_HEAD_BYTES, 0
        while at < self.size:
            place = self._head_at(at)
            if place is not None and place.number > newest:
                yield place
                at, newest = place.offset + place.length, place.number
            else:
                self.damaged += 1
                at = self._next_head(at + 1)

    def _head_at(self, at: int) -> Place | None:
        head = os.pread(self._file, HEAD_BYTES, at)
        if len(head) < HEAD_BYTES or _CRC.unpack_from(head, _HEAD.size)[0] != zlib.crc32(head[: _HEAD.size]):
            return None
        mark, kind, number, length, crc = _HEAD.unpack_from(head)
        if mark != _MARK or at + HEAD_BYTES + length > self.size:
            return None
        return Place(number, kind, at + HEAD_BYTES, length, crc)

    def _next_head(self, at: int) -> int:
        """Where the next whole head begins; the file's size where there is none."""
        while at < self.size:
            chunk = os.pread(self._file, _CHUNK_BYTES, at)
            found = chunk.find(_MARK)
            if found < 0:
                # A mark may lie across two chunks.
                at += max(1, len(chunk) - len(_MARK) + 1)
            elif self._head_at(at + found) is not None:
                return at + found
            else:
                at += found + 1
        return self.size
