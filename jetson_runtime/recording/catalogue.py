"""`second-skin recordings`: which recordings there are, what became of each, and the repair of those that were cut.

Nothing is deleted: a file of which anything cannot be read stays beside what was read of it, as NAME.damaged.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import math
import os
import stat
from pathlib import Path
from typing import BinaryIO, NamedTuple

from mcap.reader import SeekingReader

from jetson_runtime.recording import parts
from jetson_runtime.recording.mcap_file import DAMAGE, SUFFIX, Reading, RecordingFile, being_written
from jetson_runtime.recording.mcap_walk import MAGIC
from jetson_runtime.stream import messages
from jetson_runtime.suit import durable
from jetson_runtime.suit.errors import RecordingError
from jetson_runtime.suit.labels import LABELS

WHOLE, OPEN, CUT = "whole", "being written", "cut"
_DAMAGED = ".damaged"


class Entry(NamedTuple):
    """One file. state: WHOLE, OPEN or CUT; duration_s: from its first message of the moment, as parts begin with
    older ones, to its last that can be read. damage: what is wrong with it, in words, where it was read through.
    """

    path: Path
    state: str
    facts: dict[str, str]
    duration_s: float
    frames: int
    size: int
    damage: str = ""

    @property
    def labels(self) -> str:
        """Subject, task and trial, of those that it was begun with."""
        return " ".join(self.facts[name] for name in LABELS if self.facts.get(name))


class Repair(NamedTuple):
    """entry: of the file afterwards, None where nothing in it could be read. damaged: places that were left out.

    kept: where the original is now; None where it is not kept, as it was cut at its end and nothing else.
    """

    entry: Entry | None
    damaged: int
    kept: Path | None


def files(folder: Path) -> list[Path]:
    """The recordings of a folder by name, which begins with the time; RecordingError where there is none."""
    if not folder.is_dir():
        raise RecordingError(
            f"{folder}: is no folder of recordings; name one, or set folder under [recording]"
        )
    return sorted(folder.glob(f"*{SUFFIX}"))


def look(path: Path, *, whole: bool = False) -> Entry:
    """What a file holds: from its index where it has one, else, or where the whole of it is wanted, by reading it.

    RecordingError where it cannot be read at all.
    """
    try:
        if being_written(path):
            return _read_through(path)._replace(state=OPEN, damage="")
        return (None if whole else _of_index(path)) or _read_through(path)
    except OSError as error:
        raise RecordingError(f"{path}: cannot be read: {error.strerror}") from error


def glance(path: Path) -> Entry:
    """What can be told of a file without reading it through: of one without an index no duration (NaN), no frames."""
    if being_written(path):
        return Entry(path, OPEN, {}, math.nan, 0, path.stat().st_size)
    return _of_index(path) or Entry(path, CUT, {}, math.nan, 0, path.stat().st_size)


def repair(path: Path) -> Repair:
    """Gives a recording that was cut or damaged its end. RecordingError where it cannot be done; it is as it was then.

    What can be read takes the file's name, owner and mode once it is on the disk. The original stays beside it, as
    NAME.damaged, unless it was merely cut; so does one that holds nothing, whose name is then gone.
    """
    try:
        with path.open("rb") as original:
            _take(original, path)
            return _repair(path, os.fstat(original.fileno()))
    except OSError as error:
        raise RecordingError(
            f"{path}: cannot be repaired: {error.strerror or error}; it needs as much room beside it as it has itself"
        ) from error


def _take(original: BinaryIO, path: Path) -> None:
    """Holds the file against recorders and other repairs until `original` is closed."""
    try:
        fcntl.flock(original, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise RecordingError(
            f"{path}: is being written, or repaired by another program; stop the recorder first"
        ) from None
    if not os.path.samestat(os.fstat(original.fileno()), path.stat()):
        raise RecordingError(f"{path}: another program has just repaired it; look again")


def _repair(path: Path, before: os.stat_result) -> Repair:
    reading = Reading(path)
    fresh = path.with_suffix(".new")
    try:
        fresh.unlink(missing_ok=True)
        count = _copy(path, reading, fresh)
        kept = _free_name(path) if reading.damaged or not count else None
        if not count:
            assert kept is not None
            os.rename(path, kept)
        else:
            _give(fresh, before)
            if kept is None:
                os.replace(fresh, path)
            else:
                durable.replace_keeping(path, fresh, kept)
        durable.sync_folder(path.parent)
    except OSError:
        if path.exists():  # else it holds what the file held
            fresh.unlink(missing_ok=True)
        raise
    return Repair(look(path) if count else None, reading.damaged, kept)


def _give(fresh: Path, before: os.stat_result) -> None:
    """Owner and mode as the original's: one that root repaired is the service's still."""
    with contextlib.suppress(PermissionError):  # it is not root's to give, or the file system knows no owners
        os.chown(fresh, before.st_uid, before.st_gid)
    with contextlib.suppress(PermissionError):
        fresh.chmod(stat.S_IMODE(before.st_mode))


def _copy(path: Path, reading: Reading, fresh: Path) -> int:
    """How many messages it wrote; no file where there are none."""
    written = RecordingFile(fresh, _facts(path) | {"repaired": "yes"})
    count = 0
    try:
        for message in reading:
            written.add(*message)
            count += 1
        written.close()
    except OSError:
        written.abandon()
        raise
    if not count:
        fresh.unlink()
    return count


def _free_name(path: Path) -> Path:
    """Of what is kept beside it; no file has it yet."""
    names = itertools.chain([_DAMAGED], (f"{_DAMAGED}{number}" for number in itertools.count(2)))
    return next(one for name in names if not (one := path.with_name(path.name + name)).exists())


def _facts(path: Path) -> dict[str, str]:
    """As they were told, or of the first message that tells its session."""
    reading = Reading(path)
    for message in reading:
        if reading.facts:
            break
        with contextlib.suppress(ValueError):
            return {"session": str(messages.decode(message.payload)["session"])}
    return reading.facts


def _of_index(path: Path) -> Entry | None:
    """None where the file has no sound index."""
    try:
        with path.open("rb") as file:
            reader = SeekingReader(file)
            summary = reader.get_summary()
            facts = next((record.metadata for record in reader.iter_metadata()), {})
    except (*DAMAGE, OSError):
        return None
    if summary is None or summary.statistics is None:
        return None
    statistics = summary.statistics
    ids = [channel.id for channel in summary.channels.values() if channel.topic == messages.FRAME]
    frames = sum(statistics.channel_message_counts.get(number, 0) for number in ids)
    begin_ns = parts.begin_ns(path)
    duration_s = 0.0 if begin_ns is None else (statistics.message_end_time - begin_ns) * 1e-9
    return Entry(path, WHOLE, facts, duration_s, frames, path.stat().st_size)


def _read_through(path: Path) -> Entry:
    reading = Reading(path)
    first_ns, last_ns = parts.begin_ns(path), None
    frames = 0
    for message in reading:
        last_ns = message.t_ns
        frames += message.topic == messages.FRAME
    duration_s = 0.0 if first_ns is None or last_ns is None else (last_ns - first_ns) * 1e-9
    damage = _damage(path, reading, last_ns is None)
    return Entry(
        path, CUT if damage else WHOLE, reading.facts, duration_s, frames, path.stat().st_size, damage
    )


def _damage(path: Path, reading: Reading, holds_nothing: bool) -> str:
    """What is wrong with a file that was read, in words; empty for a whole one."""
    if holds_nothing and not reading.complete:
        with path.open("rb") as file:
            begin = file.read(len(MAGIC))
        if not begin:
            return "is empty"
        return "holds nothing that can be read" if MAGIC.startswith(begin) else "is no MCAP file"
    if reading.damaged:
        return f"{reading.damaged} damaged place{'s' if reading.damaged > 1 else ''}"
    return "" if reading.complete else "its end is missing"
