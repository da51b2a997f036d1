"""Waiting that a step of the wall clock cannot prolong: by poll(2), whose timeouts know no date.

Up to Python 3.10 the timeouts of `queue` and `threading` are wall-clock times: NTP that sets the clock back by an hour
would keep the main thread from feeding the watchdog for that hour.
"""

from __future__ import annotations

import contextlib
import math
import os
import select
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Stop:
    """Set once, from any thread; any number of threads wait for it."""

    def __init__(self) -> None:
        self._flag = _Flag()
        self._is_set = False

    def set(self) -> None:
        """Ends all waits, those to come too."""
        self._is_set = True
        self._flag.raise_()

    def is_set(self) -> bool:
        """Whether `set` was called."""
        return self._is_set

    def wait(self, timeout_s: float) -> bool:
        """Until it is set, at the most so long; whether it is."""
        return self._is_set or self._flag.wait(timeout_s)


class Inbox(Generic[T]):
    """From any thread, signal handlers too, to the one that reads."""

    def __init__(self) -> None:
        self._items: deque[T] = deque()
        self._flag = _Flag()

    def put(self, item: T) -> None:
        """Never blocks."""
        self._items.append(item)
        self._flag.raise_()

    def get(self, timeout_s: float) -> T | None:
        """The oldest item; None where none came in time."""
        if not self._items:
            self._flag.wait(timeout_s)
        self._flag.lower()
        try:
            item = self._items.popleft()
        except IndexError:
            return None
        if self._items:
            self._flag.raise_()
        return item


class _Flag:
    """A descriptor that is readable while it is raised."""

    def __init__(self) -> None:
        self._fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def __del__(self) -> None:
        os.close(self._fd)

    def raise_(self) -> None:
        os.eventfd_write(self._fd, 1)

    def lower(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self._fd)

    def wait(self, timeout_s: float) -> bool:
        poll = select.poll()
        poll.register(self._fd, select.POLLIN)
        return bool(poll.poll(math.ceil(max(0.0, timeout_s) * 1000)))
