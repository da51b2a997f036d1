"""The service's own account of itself, once a second: `status` for clients, and a log line where a stream changes."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any

from jetson_runtime.inference.pipeline import Pipeline
from jetson_runtime.service.bringup import BringUp
from jetson_runtime.service.faults import Fault, Problem
from jetson_runtime.service.keeper import Keeper
from jetson_runtime.service.reactor import Reactor
from jetson_runtime.service.stream_watch import StreamWatch
from jetson_runtime.service.supply import Supply
from jetson_runtime.service.sync_input import SyncInput
from jetson_runtime.service.wishes import RecorderWatch
from jetson_runtime.stream import endpoints, messages
from jetson_runtime.stream.publisher import Publisher
from jetson_runtime.suit.signals import STREAMS

# Of the 200 ticks of a second: more is told as a fault.
_TOLERATED_MISSES = 2
_WALL_STEP_S = 1.0


class Health:
    """Built once for a session; `look` is called by the main thread alone."""

    def __init__(
        self,
        *,
        identity: Mapping[str, str],
        pipeline: Pipeline,
        reactor: Reactor,
        publisher: Publisher,
        bring_ups: Mapping[int, BringUp],
        standing: tuple[Problem, ...],
        start_ns: int,
        keeper: Keeper,
        supply: Supply,
        start: Mapping[str, Any] | None = None,
        sync: SyncInput | None = None,
    ) -> None:
        """identity: session, engine and model; standing: problems that last as long as the session."""
        self._identity = dict(identity)
        self._pipeline = pipeline
        self._reactor = reactor
        self._publisher = publisher
        self._standing = standing
        self._start_ns = start_ns
        self._keeper = keeper
        self._language = keeper.config.suit.language
        self._supply = supply
        self._start = start
        self._sync = sync
        self._recorder = RecorderWatch(keeper.wishes, publisher.local)
        self._looked_ns = start_ns
        self._sent = 0
        self._missed = 0
        self._non_finite = 0
        self._wall_ahead_ns = time.time_ns() - time.monotonic_ns()
        self._watches = [StreamWatch(index, bring_ups.get(index)) for index in range(len(STREAMS))]

    def look(self, now_ns: int) -> tuple[dict[str, Any], list[str]]:
        """The `status` at `now_ns`, and a line for each stream whose state changed since the last look."""
        devices = self._reactor.devices
        streams: dict[str, Any] = {}
        found = list(self._standing)
        news: list[str] = []
        frame = self._reactor.newest
        for index, watch in enumerate(self._watches):
            device, health = devices.get(index), self._pipeline.health(index, now_ns)
            problem = watch.look(device, health, frame, now_ns)
            streams[watch.name] = watch.told(device, health, problem, now_ns)
            if problem is not None and problem.fault is not Fault.CONNECTING:
                found.append(problem)
            news += watch.news(device, problem)
        news += self._wall_clock()
        totals = self._totals(now_ns)
        supplied, problems = self._supply.look(now_ns)
        if self._supply.news is not None:
            self._publisher.tell_event(messages.POWER_LOW, self._supply.news)
        found += self._keeper.problems() + problems
        found += self._lateness(totals["missed_ticks"]) + self._numberless(totals["non_finite"])
        found += [
            Problem(Fault.DIVERGING, f"{name}: the network and the IMUs tell different angles")
            for name in totals["diverging"]
        ]
        found += self._addresses()
        found += [Problem(Fault.CLIENT_KEYS, mistake) for mistake in self._publisher.door.mistakes]
        recording, problems = self._recorder.look(now_ns)
        found += problems
        if self._sync is not None:
            found += self._sync.problems(now_ns)
        return {
            **totals,
            **supplied,
            **recording,
            "sync": self._sync.status() if self._sync else None,
            "streams": streams,
            "faults": [item.told(self._language) for item in found],
        }, news

    def _addresses(self) -> list[Problem]:
        """Those at which nobody can reach the service now; at all others it is there."""
        bound = {address for addresses in self._publisher.addresses.values() for address in addresses}
        return [
            Problem(Fault.ADDRESS_NOT_UP, f"{address}: no network interface has this address")
            for address in sorted(bound)
            if not endpoints.is_up(address)
        ]

    def _totals(self, now_ns: int) -> dict[str, Any]:
        """missed_ticks: grid times no client could get a frame of; late_ticks: those of them that were computed;
        non_finite: frames that are not valid because a value of theirs is no number."""
        pipeline, publisher, newest = self._pipeline, self._publisher, self._reactor.newest
        sent, before = publisher.sent, self._sent
        elapsed_s = (now_ns - self._looked_ns) * 1e-9
        self._sent, self._looked_ns = sent, now_ns
        return {
            **self._identity,
            "language": self._language,
            "state": newest.state if newest else "waiting",
            "unusual": list(newest.unusual) if newest else [],
            "diverging": list(publisher.diverging),
            **self._keeper.status(),
            "start": self._start,
            "uptime_s": (now_ns - self._start_ns) * 1e-9,
            "rate_hz": (sent - before) / elapsed_s if elapsed_s > 0 else math.nan,
            "missed_ticks": pipeline.late_ticks + pipeline.skipped_ticks + publisher.dropped,
            "late_ticks": pipeline.late_ticks,
            "non_finite": pipeline.non_finite + publisher.non_finite,
            "lateness_ms": self._reactor.lateness.summary_ms(),
            "publisher": {"sent": sent, "dropped": publisher.dropped},
            "udp": {"sent": publisher.udp.sent, "errors": publisher.udp.errors},
            "clients": publisher.door.counts,
        }

    def _wall_clock(self) -> list[str]:
        """A line where somebody, or NTP, has set the wall clock; nothing here goes by it."""
        ahead_ns = time.time_ns() - time.monotonic_ns()
        set_by_s = (ahead_ns - self._wall_ahead_ns) * 1e-9
        self._wall_ahead_ns = ahead_ns
        if abs(set_by_s) < _WALL_STEP_S:
            return []
        way = "forward" if set_by_s > 0 else "back"
        return [
            f"the wall clock was set {way} by {abs(set_by_s):.0f} s; frames go by a clock that cannot be set"
        ]

    def _lateness(self, missed: int) -> list[Problem]:
        """The machine's own fault: more than a few ticks missed since the last look."""
        since, self._missed = missed - self._missed, missed
        if since <= _TOLERATED_MISSES:
            return []
        return [Problem(Fault.LATE, f"{since} ticks missed in the last second")]

    def _numberless(self, frames: int) -> list[Problem]:
        """Every stream may be there, and no frame is valid all the same."""
        since, self._non_finite = frames - self._non_finite, frames
        if not since:
            return []
        return [Problem(Fault.NO_NUMBERS, f"{since} frames of the last second hold NaN or an infinity")]
