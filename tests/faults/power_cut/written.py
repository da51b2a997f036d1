"""What a disk was given, write by write, as QEMU's driver `blklogwrites` keeps it, and the disk as it was at any of
them. The format is that of Linux' dm-log-writes: a first sector, then for each write its entry's and those of its data.
"""

from __future__ import annotations

import shutil
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

_SECTOR = 512
_MAGIC = 0x6A736677736872
_ENTRY = struct.Struct("<QQQQ")
_FLUSH, _FUA, _DISCARD = 1, 2, 4


class Write(NamedTuple):
    """data: where it goes in bytes from the disk's start; flush: all before it was on the disk first."""

    at: int
    data: bytes
    flush: bool


def read(log: Path) -> list[Write]:
    """All of a log, in order; what was cut off at its end is left out."""
    content = log.read_bytes()
    # It is written at the first flush.
    assert struct.unpack_from("<Q", content)[0] in (0, _MAGIC), f"{log} is no log of writes"
    writes, at = [], _SECTOR
    while at + _SECTOR <= len(content):
        sector, sectors, flags, _ = _ENTRY.unpack_from(content, at)
        at += _SECTOR
        size = 0 if flags & _DISCARD else sectors * _SECTOR
        if at + size > len(content) or not (sectors or flags):
            break
        writes.append(Write(sector * _SECTOR, content[at : at + size], bool(flags & (_FLUSH | _FUA))))
        at += size
    return writes


def surely_kept(writes: list[Write]) -> list[Write]:
    """What a disk has that loses its own memory, too: all before its last flush."""
    last = max((i for i, write in enumerate(writes) if write.flush), default=-1)
    return writes[: last + 1]


def disk(before: Path, writes: Iterable[Write], made: Path) -> Path:
    """The disk `before`, and then these writes."""
    shutil.copyfile(before, made)
    with made.open("r+b") as file:
        for write in writes:
            file.seek(write.at)
            file.write(write.data)
    return made
