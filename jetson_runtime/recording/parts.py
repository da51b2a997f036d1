"""The order of a session's parts: by what they hold, not by their names, which a clock on a wall gave them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from jetson_runtime.recording.mcap_file import Message, Reading
from jetson_runtime.stream import messages
from jetson_runtime.suit.errors import RecordingError

# What a part is begun with may be as old as the session: `session`, `hello`, lasting events.
_OF_THE_MOMENT = (messages.RAW, messages.FEATURES, messages.FRAME, messages.STATUS)


def by_session(paths: Iterable[Path]) -> dict[str, list[Path]]:
    """Session -> its parts in order; sessions in the order of their first path. What holds no message is left out.

    RecordingError where a file's messages are not the suit's.
    """
    found: dict[str, list[tuple[int, Path]]] = {}
    for path in paths:
        first = _first(path)
        if first is not None:
            try:
                session = messages.decode(first.payload)["session"]
            except ValueError as error:
                raise RecordingError(f"{path}: is no recording of the suit: {error}") from error
            found.setdefault(session, []).append((first.t_ns, path))
    return {session: [path for _, path in sorted(parts)] for session, parts in found.items()}


def in_order(paths: Iterable[Path]) -> list[Path]:
    """The same paths, those of a session in order; what holds no message is at the end. RecordingError: no file."""
    given = list(paths)
    for path in given:
        if not path.is_file():
            raise RecordingError(f"{path}: is no file")
    told = [path for parts in by_session(given).values() for path in parts]
    return told + [path for path in given if path not in told]


def begin_ns(path: Path) -> int | None:
    """CLOCK_MONOTONIC of the first message that is of its moment; None where there is none."""
    return next((message.t_ns for message in Reading(path) if message.topic in _OF_THE_MOMENT), None)


def _first(path: Path) -> Message | None:
    """Of its moment, else the first at all; None where nothing can be read."""
    first = None
    for message in Reading(path):
        if message.topic in _OF_THE_MOMENT:
            return message
        first = first or message
    return first
