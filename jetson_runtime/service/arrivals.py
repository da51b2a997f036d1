"""The way to the reactor of what others made: configured devices, and what has changed of the worn suit."""

from __future__ import annotations

import contextlib
import os
from queue import Empty, SimpleQueue

from jetson_runtime.service.bringup import Device
from jetson_runtime.suit.state import Worn


class Arrivals:
    """On their way to the reactor; bring-up threads put devices in before it exists."""

    def __init__(self) -> None:
        self._worn: SimpleQueue[Worn] = SimpleQueue()
        self._queue: SimpleQueue[tuple[int, Device]] = SimpleQueue()
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def fileno(self) -> int:
        """Readable when there may be something to take."""
        return self._wake

    def put(self, index: int, device: Device) -> None:
        """Hands over a device that streams; from any thread."""
        self._queue.put((index, device))
        self.wake()

    def put_worn(self, worn: Worn) -> None:
        """Hands over what holds from now on of wearer and insoles; from any thread."""
        self._worn.put(worn)
        self.wake()

    def wake(self) -> None:
        """Makes the descriptor readable."""
        os.eventfd_write(self._wake, 1)

    def take(self) -> list[tuple[int, Device]]:
        """All devices that arrived since the last call."""
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self._wake)
        arrived = []
        with contextlib.suppress(Empty):
            while True:
                arrived.append(self._queue.get_nowait())
        return arrived

    def take_worn(self) -> list[Worn]:
        """All changes since the last call, in order."""
        changes = []
        with contextlib.suppress(Empty):
            while True:
                changes.append(self._worn.get_nowait())
        return changes
