"""Whether what a client heard last may be acted on: judged on the client's own clock. Standard library only."""

from __future__ import annotations

import math
import time
from collections import deque

from jetson_runtime.stream.clock import Offset, ServiceClock
from jetson_runtime.stream.received import ReceivedFrame
from jetson_runtime.suit.signals import PERIOD_NS, RATE_HZ

# A stream is alive while its newest frame came within this many periods.
ALIVE_PERIODS = 10
ALIVE_NS = ALIVE_PERIODS * PERIOD_NS
# A frame that was sent this long after its instant tells of a movement that is over, however new it is.
LATE_MS = 50.0
# The rate is measured over this many frames, and is right within this share.
RATE_WINDOW = RATE_HZ // 2
RATE_TOLERANCE = 0.1


class Liveness:
    """`note` takes each frame in order. clock: of a service on another machine; None where there is but one clock."""

    def __init__(self, clock: ServiceClock | None) -> None:
        self.newest: ReceivedFrame | None = None
        self._clock = clock
        self._publish_ns: deque[int] = deque(maxlen=RATE_WINDOW)

    def note(self, frame: ReceivedFrame) -> None:
        self.newest = frame
        self._publish_ns.append(frame.publish_ns)

    def begin_session(self) -> None:
        """Another service is heard from now on."""
        self._publish_ns.clear()
        if self._clock is not None:
            self._clock.reset()

    @property
    def offset(self) -> Offset | None:
        """To add to the service's times; None while not known."""
        return _SAME if self._clock is None else self._clock.at(time.monotonic_ns())

    @property
    def alive(self) -> bool:
        newest = self.newest
        # Read just now is not enough: after a stall of this client, frames of a dead service still wait.
        return (
            newest is not None
            and time.monotonic_ns() - newest.receive_ns < ALIVE_NS
            and self.sent_within(newest, ALIVE_NS)
        )

    @property
    def rate_hz(self) -> float:
        """NaN before the window is full."""
        times = self._publish_ns
        if len(times) < RATE_WINDOW:
            return math.nan
        return (len(times) - 1) * 1e9 / max(1, times[-1] - times[0])

    @property
    def at_rate(self) -> bool:
        return abs(self.rate_hz - RATE_HZ) < RATE_TOLERANCE * RATE_HZ

    def sent_within(self, frame: ReceivedFrame, limit_ns: int) -> bool:
        """Whether it cannot have been sent longer ago. False also for a frame from the future: then the clocks are not
        the same, and its age is not known."""
        offset = self.offset
        if offset is None:
            return False
        age_ns = time.monotonic_ns() - frame.publish_ns - offset.ns
        return -offset.uncertainty_ns <= age_ns < limit_ns - offset.uncertainty_ns

    def usable(self, limit_ns: int) -> bool:
        """Whether the newest frame may be acted on: sent less than `limit_ns` ago, at most LATE_MS after its instant,
        alive, at the rate and valid."""
        newest = self.newest
        return (
            newest is not None
            and newest.valid
            and newest.age_ms <= LATE_MS
            and self.sent_within(newest, limit_ns)
            and self.alive
            and self.at_rate
        )

    def why_not(self, limit_ns: int) -> str:
        """What is against acting on the newest frame, in words; empty where nothing is."""
        newest, offset = self.newest, self.offset
        if newest is None:
            return "no frame came yet"
        reasons = []
        if offset is None:
            reasons.append("the service's clock is not known yet")
        elif not self.sent_within(newest, limit_ns):
            age_ms = (time.monotonic_ns() - newest.publish_ns - offset.ns) * 1e-6
            within = f" within {offset.uncertainty_ns * 1e-6:.1f}" if offset.uncertainty_ns else ""
            reasons.append(f"the newest frame was sent {age_ms:.1f} ms ago{within}")
        elif not self.alive:
            reasons.append(f"the newest frame was read {ALIVE_NS // 1_000_000} ms ago or more")
        if not newest.age_ms <= LATE_MS:
            reasons.append(f"the newest frame was sent {newest.age_ms:.1f} ms after its instant")
        if not self.at_rate:
            reasons.append(f"frames come at {self.rate_hz:.0f} Hz, not at {RATE_HZ}")
        if not newest.valid:
            missing = f", missing {' '.join(newest.missing)}" if newest.missing else ""
            reasons.append(f"not valid: {newest.state}{missing}")
        return "; ".join(reasons)


_SAME = Offset(0, 0)
