"""What the bridge keeps on its disk until the server has it: batches in order, bounded, whole after a power cut.

A folder of segments (`segment.py`) and `cursor`: how far the server has acknowledged. One thread appends and keeps, one
reads and advances. Nothing old is written to again: each opening begins a segment of its own, so that what a power cut
left at the end of the last one is skipped where it lies.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import secrets
import threading
import time
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from jetson_runtime.fleet import batches, segment
from jetson_runtime.fleet.batches import Batch
from jetson_runtime.fleet.segment import HEAD_BYTES, Place, Segment
from jetson_runtime.suit import durable
from jetson_runtime.suit.errors import StateError

_CURSOR = "cursor"
_LOCK = "lock"
_LARGEST_SEGMENT_BYTES = 16 << 20
_SMALLEST_SEGMENT_BYTES = 1 << 16
# The bound is kept by dropping whole segments: about so many there are.
_SEGMENTS = 16
# A server that lost its newest minutes with its power is given them again: nats-server brings its files to the disk
# every two minutes. It goes by whole segments: none is longer than a third of it while the server is there.
KEEP_SENT_S = 900.0


class Record(NamedTuple):
    """One batch as it lies in the store. message_id: no other content ever has it."""

    number: int
    kind: str
    payload: bytes
    message_id: str


class Store:
    """Opened by one process at a time. `append`, `keep`, `close`: the writing thread; all else: any thread.

    id: of this store, random, for as long as the folder exists. dropped: batches that the server never had and that
    made room for newer ones; damaged: places that could not be read. Numbers count batches from 1.
    """

    def __init__(self, folder: Path, limit_bytes: int, keep_sent_s: float = KEEP_SENT_S) -> None:
        """StateError: the folder cannot be used, or another bridge does."""
        self.folder = folder
        self.dropped = 0
        self._limit = limit_bytes
        self._segment_bytes = max(
            _SMALLEST_SEGMENT_BYTES, min(_LARGEST_SEGMENT_BYTES, limit_bytes // _SEGMENTS)
        )
        self._keep_sent_s = keep_sent_s
        self._guard = threading.Lock()
        self._segments: list[Segment] = []
        self._out: int | None = None
        self._damaged_before = 0
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._claim()
            known_id, self._sent = _read_cursor(folder / _CURSOR)
            self._open_segments()
        except OSError as error:
            raise StateError(
                f"{folder}: cannot be used: {error.strerror}; name another with --store"
            ) from error
        found = next((s.store_id for s in reversed(self._segments) if s.store_id), "")
        self.id = found or known_id or secrets.token_hex(segment.ID_CHARACTERS // 2)
        if known_id != self.id:
            self._sent = 0
        newest = max((s.last or 0 for s in self._segments), default=0)
        self._next = max(newest, self._sent) + 1
        self._kept = (known_id, self._sent)

    @property
    def newest(self) -> int:
        """The number of the newest batch; 0 before the first."""
        return self._next - 1

    @property
    def sent(self) -> int:
        """The server has all up to this number."""
        return self._sent

    @property
    def waiting(self) -> int:
        """Batches that the server has not acknowledged."""
        with self._guard:
            return sum(one.count_after(self._sent) for one in self._segments)

    @property
    def damaged(self) -> int:
        with self._guard:
            return self._damaged_before + sum(one.damaged for one in self._segments)

    @property
    def size_bytes(self) -> int:
        with self._guard:
            return sum(one.size for one in self._segments)

    def append(self, new: Sequence[Batch]) -> None:
        """Numbers the batches and brings them to the disk. OSError: it refuses, and all is as before.

        Drops the oldest segments where the bound, or the disk, asks for room.
        """
        records = []
        for number, batch in enumerate(new, self._next):
            payload = batches.pack(batch, self.id, number)
            records.append((number, batches.KINDS.index(batch["kind"]), payload))
        data = b"".join(segment.record(*one) for one in records)
        while self.size_bytes + len(data) > self._limit and self._drop_oldest():
            pass
        while True:
            try:
                start = self._write(data)
                break
            except OSError as error:
                if error.errno not in (errno.ENOSPC, errno.EDQUOT) or not self._drop_oldest():
                    raise
        with self._guard:
            for number, kind, payload in records:
                place = Place(number, kind, start + HEAD_BYTES, len(payload), zlib.crc32(payload))
                self._segments[-1].add(place)
                start = place.offset + place.length
        self._next += len(records)

    def after(self, number: int) -> Record | None:
        """The first batch after `number` that can be read."""
        with self._guard:
            for one in self._segments:
                while (place := one.after(number)) is not None:
                    number = place.number
                    payload = one.read(place)
                    if payload is not None:
                        return Record(
                            number, batches.KINDS[place.kind], payload, self._message_id(number, place.crc)
                        )
        return None

    def holds(self, message_id: str) -> bool | None:
        """Whether the batch of that id is one of this store; None where its number is older than all that is kept."""
        store_id, number, _ = _parts(message_id)
        if store_id != self.id or number > self.newest:
            return False
        with self._guard:
            for one in self._segments:
                place = one.after(number - 1)
                if place is not None:
                    if place.number != number:
                        return None
                    return self._message_id(number, place.crc) == message_id
        return None

    def number_of(self, message_id: str) -> int:
        """Of a batch of this store; 0 for another's."""
        store_id, number, _ = _parts(message_id)
        return number if store_id == self.id else 0

    def set_sent(self, number: int) -> None:
        """The server has all up to `number`, and, as far as is known, nothing after it that is still here."""
        with self._guard:
            oldest = next((one.first for one in self._segments if one.first is not None), self._next)
            self._sent = max(number, oldest - 1)

    def keep(self) -> None:
        """Brings the cursor to the disk, and lets go of what the server has had for long. OSError: the disk refuses."""
        cursor = (self.id, self._sent)
        if cursor != self._kept:
            told = json.dumps({"store": self.id, "sent": cursor[1]})
            durable.write(self.folder / _CURSOR, told.encode())
            self._kept = cursor
        old_s = time.time() - self._keep_sent_s
        while self._segments and (self._segments[0].last or 0) <= self._kept[1]:
            with contextlib.suppress(OSError):
                if self._segments[0].path.stat().st_mtime > old_s:
                    break
            self._drop_oldest(leave=0)
        if self._out is not None:
            newest = self._segments[-1]
            if newest.age_s > self._keep_sent_s / 3.0 and (newest.first or 0) <= self._sent:
                self._end_segment()

    def close(self) -> None:
        """To close twice is no error."""
        if self._lock < 0:
            return
        with contextlib.suppress(OSError):
            self.keep()
        self._end_segment()
        with self._guard:
            for one in self._segments:
                one.close()
            self._segments = []
        os.close(self._lock)
        self._lock = -1

    def _claim(self) -> None:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            raise StateError(
                f"{self.folder}: another bridge uses it; stop that one, or name another folder with --store"
            ) from error

    def _open_segments(self) -> None:
        """The newest is read through: a power cut leaves its marks there."""
        found = segment.paths(self.folder)
        for path in found:
            one = Segment(path, verify=path == found[-1])
            if one.first is None:
                self._damaged_before += one.damaged
                one.close()
                path.unlink()
            else:
                self._segments.append(one)

    def _write(self, data: bytes) -> int:
        """Where in the newest segment `data` begins."""
        if self._out is None or self._segments[-1].size + len(data) > self._segment_bytes:
            self._begin_segment()
        out = self._out
        assert out is not None
        start = os.fstat(out).st_size
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(out, view) :]
            os.fdatasync(out)
        except OSError:
            # Half a record stays where even this is refused: nothing is written behind it.
            try:
                os.ftruncate(out, start)
            except OSError:
                self._end_segment()
            raise
        return start

    def _begin_segment(self) -> None:
        if self._segments and self._segments[-1].first is None:
            # The disk refused its first record.
            with self._guard:
                empty = self._segments.pop()
            empty.close()
        self._end_segment()
        path = segment.create(self.folder, self.id, self._next)
        fresh = Segment(path)
        self._out = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        with self._guard:
            self._segments.append(fresh)

    def _end_segment(self) -> None:
        if self._out is not None:
            os.close(self._out)
        self._out = None

    def _drop_oldest(self, leave: int = 1) -> bool:
        """False where only so many are left."""
        if len(self._segments) <= leave:
            return False
        if len(self._segments) == 1:
            self._end_segment()
        with self._guard:
            oldest = self._segments.pop(0)
            self.dropped += oldest.count_after(self._sent)
            self._sent = max(self._sent, oldest.last or 0)
            self._damaged_before += oldest.damaged
            oldest.close()
        oldest.path.unlink(missing_ok=True)
        return True

    def _message_id(self, number: int, crc: int) -> str:
        return f"{self.id}-{number}-{crc:08x}"


def _parts(message_id: str) -> tuple[str, int, str]:
    """The store's id, the number, the CRC; ('', 0, '') of what no bridge wrote."""
    words = message_id.split("-")
    return (words[0], int(words[1]), words[2]) if len(words) == 3 and words[1].isdigit() else ("", 0, "")


def _read_cursor(path: Path) -> tuple[str, int]:
    """The store's id and how far the server had it; ('', 0) where that is not known."""
    try:
        told = json.loads(path.read_bytes())
        return str(told["store"]), max(0, int(told["sent"]))
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return "", 0
