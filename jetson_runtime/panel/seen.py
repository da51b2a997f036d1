"""What the panel shows, out of what the service says: pure, a client's messages in, a few facts out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from jetson_runtime.client import ReceivedFrame

# A passing gap is nothing to count blinks for: a fault is shown once so many statuses in a row, one a second, had it.
_STANDING = 3
# Without a frame for so long there is no service; its restart takes less than three.
SILENCE_NS = 1_000_000_000


class Seen(NamedTuple):
    """heard: frames come. valid: they are. faults: numbers of those that stand, in order, each once. low: power."""

    heard: bool = False
    valid: bool = False
    faults: tuple[int, ...] = ()
    low: bool = False


class Watcher:
    """Remembers the last statuses."""

    def __init__(self) -> None:
        self._statuses: list[frozenset[int]] = []
        self._newest: Mapping[str, Any] | None = None

    def look(self, frame: ReceivedFrame | None, status: Mapping[str, Any] | None, now_ns: int) -> Seen:
        """frame, status: the newest of each, None before any; now_ns: this process's CLOCK_MONOTONIC."""
        if status is None:
            self._statuses.clear()
        elif status is not self._newest:
            numbers = frozenset(int(fault["number"]) for fault in status.get("faults", ()))
            self._statuses = [*self._statuses, numbers][-_STANDING:]
        self._newest = status
        if frame is None or now_ns - frame.receive_ns > SILENCE_NS:
            return Seen()
        standing = frozenset.intersection(*self._statuses) if self._is_full() else frozenset()
        low = bool(status and status.get("supply", {}).get("low"))
        return Seen(True, frame.valid, tuple(sorted(standing)), low)

    def _is_full(self) -> bool:
        return len(self._statuses) == _STANDING
