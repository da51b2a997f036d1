"""The service's clock seen from another machine: what to add to its times to have ours, and how far off that may be.

Pure: it is told of time pings (`ping` of the control socket) and of frames. Times are ns of the CLOCK_MONOTONIC of
whichever machine the name says.
"""

from __future__ import annotations

from typing import NamedTuple

# Two crystals of 50 ppm each: by so much an offset that was true may have come to be wrong since.
DRIFT = 100e-6


class Offset(NamedTuple):
    """ns to add to the service's time to have ours, true within `uncertainty_ns` to either side."""

    ns: int
    uncertainty_ns: int


class ServiceClock:
    """The best ping counts: half of its round trip, grown by the clocks' drift since, is what it may be wrong by; one
    that contradicts it (a machine that slept) takes its place at once.

    Until a ping came, the fastest frame counts, whose way here cannot be told from an offset: it says that a frame is
    older than another, not how old the fastest one was.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Another machine may be answering from now on."""
        self._ping: Offset | None = None
        self._ping_ns = 0
        self._frame: int | None = None
        self._frame_ns = 0

    @property
    def by_ping(self) -> bool:
        """Whether a ping has told it, so that the uncertainty is a bound."""
        return self._ping is not None

    def at(self, now_ns: int) -> Offset | None:
        """For times of about our `now_ns`; None before anything came."""
        if self._ping is not None:
            since_ns = max(0, now_ns - self._ping_ns)
            return Offset(self._ping.ns, self._ping.uncertainty_ns + round(DRIFT * since_ns))
        return None if self._frame is None else Offset(self._frame, 0)

    def note_ping(self, sent_ns: int, receive_ns: int, reply_ns: int, received_ns: int) -> None:
        """sent, received: on our clock; receive, reply: when the service had it and when it answered, on its own."""
        trip_ns = (received_ns - sent_ns) - (reply_ns - receive_ns)
        if trip_ns < 0 or reply_ns < receive_ns:
            return
        told = Offset((sent_ns + received_ns) // 2 - (receive_ns + reply_ns) // 2, trip_ns // 2 + 1)
        held = self.at(received_ns) if self._ping is not None else None
        if held is not None and told.uncertainty_ns > held.uncertainty_ns and _agree(told, held):
            return
        self._ping, self._ping_ns = told, received_ns

    def note_frame(self, publish_ns: int, receive_ns: int) -> None:
        """A frame that the service sent at `publish_ns` was read at our `receive_ns`."""
        delay_ns = receive_ns - publish_ns
        if self._frame is not None:
            delay_ns = min(delay_ns, self._frame + round(DRIFT * max(0, receive_ns - self._frame_ns)))
        self._frame, self._frame_ns = delay_ns, receive_ns


def _agree(one: Offset, other: Offset) -> bool:
    return abs(one.ns - other.ns) <= one.uncertainty_ns + other.uncertainty_ns
