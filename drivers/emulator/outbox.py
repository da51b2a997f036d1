"""Bytes that wait for the moment at which they leave the device."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

NEVER_NS = 1 << 62


class Outbox:
    """A queue of (host time in ns, bytes), ascending in time."""

    def __init__(self) -> None:
        self._queue: deque[tuple[int, bytes]] = deque()

    def __len__(self) -> int:
        return len(self._queue)

    @property
    def next_ns(self) -> int:
        """When the first of it leaves; NEVER_NS while empty."""
        return self._queue[0][0] if self._queue else NEVER_NS

    def put(self, items: Iterable[tuple[int, bytes]]) -> None:
        """Append."""
        self._queue.extend(items)

    def take(self, now_ns: int) -> list[bytes]:
        """Remove and return what leaves by `now_ns`."""
        taken = []
        while self._queue and self._queue[0][0] <= now_ns:
            taken.append(self._queue.popleft()[1])
        return taken

    def clear(self) -> None:
        """Forget what waits."""
        self._queue.clear()
