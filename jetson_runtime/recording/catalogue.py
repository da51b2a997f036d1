"""`second-skin recordings`: which recordings there are, what became of each, and the repair of those that were cut.

Nothing is deleted: a file of which anything cannot be read stays beside what was read of it, as NAME.damaged.
"""

from __future__ import annotations

import itertools
import math
import os
from pathlib import Path
from typing import NamedTuple

from mcap.exceptions import McapError
from mcap.reader import SeekingReader

from jetson_runtime.recording import parts
from jetson_runtime.recording.mcap_file import SUFFIX, Reading, RecordingFile, being_written
from jetson_runtime.stream import messages
from jetson_runtime.suit import durable
from jetson_runtime.suit.errors import RecordingError

WHOLE, OPEN, CUT = "whole", "being written", "cut"
_DAMAGED = ".damaged"


class Entry(NamedTuple):
    """One file. state: WHOLE, OPEN or CUT; duration_s: from its first message of the moment, as parts begin with
    older ones, to its last that can be read.
    """

    path: Path
    state: str
    facts: dict[str, str]
    duration_s: float
    frames: int
    size: int


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
            return _read_through(path)._replace(state=OPEN)
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

    What can be read takes the file's name once it is on the disk. The original stays beside it, as NAME.damaged, unless
    it was merely cut; so does one that holds nothing, whose name is then gone.
    """
    if being_written(path):
        raise RecordingError(f"{path}: is being written; stop the recorder first")
    reading = Reading(path)
    fresh = path.with_suffix(".new")
    try:
        fresh.unlink(missing_ok=True)
        count = _copy(path, reading, fresh)
        kept = _aside(path) if reading.damaged or not count else None
        if count:
            os.replace(fresh, path)
        durable.sync_folder(path.parent)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise RecordingError(
            f"{path}: cannot be repaired: {error.strerror}; it needs {path.stat().st_size} bytes of room beside it"
        ) from error
    return Repair(look(path) if count else None, reading.damaged, kept)


def _copy(path: Path, reading: Reading, fresh: Path) -> int:
    """How many messages it wrote; no file where there are none."""
    written = RecordingFile(fresh, _facts(path) | {"repaired": "yes"})
    count = 0
    for message in reading:
        written.add(*message)
        count += 1
    written.close()
    if not count:
        fresh.unlink()
    return count


def _aside(path: Path) -> Path:
    """The file's new name, which no file has yet."""
    names = itertools.chain([_DAMAGED], (f"{_DAMAGED}{number}" for number in itertools.count(2)))
    kept = next(one for name in names if not (one := path.with_name(path.name + name)).exists())
    os.replace(path, kept)
    return kept


def _facts(path: Path) -> dict[str, str]:
    reading = Reading(path)
    for message in reading:
        return reading.facts or {"session": messages.decode(message.payload)["session"]}
    return reading.facts


def _of_index(path: Path) -> Entry | None:
    """None where the file has no sound index."""
    try:
        with path.open("rb") as file:
            reader = SeekingReader(file)
            summary = reader.get_summary()
            facts = next((record.metadata for record in reader.iter_metadata()), {})
    except (McapError, ValueError, OSError):
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
    state = WHOLE if reading.complete and not reading.damaged else CUT
    return Entry(path, state, reading.facts, duration_s, frames, path.stat().st_size)
