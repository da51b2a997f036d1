"""What crosses from the reactor to the publisher's thread: a bounded queue of frames and a descriptor that wakes it."""

from __future__ import annotations

import os
import time
import weakref
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jetson_runtime.inference.frame import Frame

# Frames that may wait between the reactor and the publisher's thread.
QUEUE_FRAMES = 32


class HandOver:
    """`post` and `call` from any thread that has something, `frames` from the one that is woken."""

    def __init__(self, stale_ns: int) -> None:
        """stale_ns: this long after its grid time a frame behind which another waits is not worth sending."""
        self._stale_ns = stale_ns
        self._frames: deque[Frame] = deque(maxlen=QUEUE_FRAMES)
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        # Not when the publisher closes: a late post() must never write into what has become another file's descriptor.
        weakref.finalize(self, os.close, self._wake)
        # One for each thread that counts: an increment is no single step.
        self._dropped_at_post = 0
        self._dropped_as_stale = 0

    @property
    def dropped(self) -> int:
        """Frames that found the queue full or grew stale in it."""
        return self._dropped_at_post + self._dropped_as_stale

    def fileno(self) -> int:
        """Readable once somebody called."""
        return self._wake

    def post(self, frame: Frame) -> None:
        """Hands `frame` over; never blocks. With a full queue the oldest frame in it is dropped."""
        frames = self._frames
        if len(frames) == QUEUE_FRAMES:
            self._dropped_at_post += 1
        frames.append(frame)
        os.eventfd_write(self._wake, 1)

    def call(self) -> None:
        """Makes the other thread look at what it is to do."""
        os.eventfd_write(self._wake, 1)

    def heard(self) -> None:
        """The call is followed."""
        os.eventfd_read(self._wake)

    def frames(self) -> Iterator[tuple[Frame, int]]:
        """What waits, in order, each with the instant of its sending; behind a newer frame a stale one is dropped."""
        frames = self._frames
        while frames:
            frame = frames.popleft()
            now_ns = time.monotonic_ns()
            if frames and now_ns - frame.t_ns > self._stale_ns:
                self._dropped_as_stale += 1
                continue
            yield frame, now_ns
