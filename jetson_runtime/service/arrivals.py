"""The way of configured devices from the bring-up threads to the reactor."""

from __future__ import annotations

import contextlib
import os
from queue import Empty, SimpleQueue

from jetson_runtime.service.bringup import Device


class Arrivals:
    """Configured devices on their way to the reactor; bring-up threads put them in before it exists."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[tuple[int, Device]] = SimpleQueue()
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def fileno(self) -> int:
        """Readable when there may be something to take."""
        return self._wake

    def put(self, index: int, device: Device) -> None:
        """Hands over a device that streams; from any thread."""
        self._queue.put((index, device))
        self.wake()

    def wake(self) -> None:
        """Makes the descriptor readable."""
        os.eventfd_write(self._wake, 1)

    def take(self) -> list[tuple[int, Device]]:
        """All that arrived since the last call."""
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self._wake)
        arrived = []
        with contextlib.suppress(Empty):
            while True:
                arrived.append(self._queue.get_nowait())
        return arrived
