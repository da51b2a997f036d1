"""The service's own account of itself, once a second: `status` for clients, and a log line where a stream changes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from drivers.microstrain.imu import Imu
from jetson_runtime.inference.intake import StreamHealth
from jetson_runtime.inference.pipeline import Pipeline
from jetson_runtime.service import power
from jetson_runtime.service.bringup import BringUp, Device
from jetson_runtime.service.faults import Fault, Problem
from jetson_runtime.service.reactor import Reactor
from jetson_runtime.stream.publisher import Publisher
from jetson_runtime.suit.signals import STREAMS

# A device just adopted needs this long before its rate and its age tell anything; a passing gap is no fault.
_GRACE_NS = 2_000_000_000
# Of the 200 ticks of a second: more is told as a fault.
_TOLERATED_MISSES = 2


class _Watch:
    """What is remembered of one stream from one look to the next."""

    def __init__(self) -> None:
        self.device: Device | None = None
        self.since_ns = 0
        self.missing_since_ns: int | None = None
        self.bad_bytes = 0
        self.bad_bytes_before = 0
        self.told: Fault | None = Fault.CONNECTING


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
    ) -> None:
        """identity: session, engine and model; standing: problems that last as long as the session."""
        self._identity = dict(identity)
        self._pipeline = pipeline
        self._reactor = reactor
        self._publisher = publisher
        self._bring_ups = bring_ups
        self._standing = standing
        self._start_ns = start_ns
        self._looked_ns = start_ns
        self._sent = 0
        self._missed = 0
        self._watches = [_Watch() for _ in STREAMS]

    def look(self, now_ns: int) -> tuple[dict[str, Any], list[str]]:
        """The `status` at `now_ns`, and a line for each stream whose state changed since the last look."""
        devices = self._reactor.devices
        streams: dict[str, Any] = {}
        found = list(self._standing)
        news: list[str] = []
        for index, stream in enumerate(STREAMS):
            health = self._pipeline.health(index, now_ns)
            device = devices.get(index)
            self._watch(index, device, now_ns)
            problem = self._problem(index, device, health, now_ns)
            streams[stream.name] = self._stream(index, device, health, problem, now_ns)
            if problem is not None and problem.fault is not Fault.CONNECTING:
                found.append(problem)
            news += self._news(index, device, problem)
        totals = self._totals(now_ns)
        found += self._lateness(totals["missed_ticks"])
        return {**totals, "streams": streams, "faults": [_fault(item) for item in found]}, news

    def _watch(self, index: int, device: Device | None, now_ns: int) -> None:
        watch = self._watches[index]
        if device is not watch.device:
            watch.device, watch.since_ns = device, now_ns
            watch.bad_bytes_before = watch.bad_bytes
            watch.told = Fault.CONNECTING if device else watch.told
        if device is not None:
            watch.bad_bytes = watch.bad_bytes_before + device.counters()["discarded_bytes"]
        frame = self._reactor.newest
        if frame is None or STREAMS[index].name in frame.missing:
            watch.missing_since_ns = watch.missing_since_ns or now_ns
        else:
            watch.missing_since_ns = None

    def _problem(
        self, index: int, device: Device | None, health: StreamHealth, now_ns: int
    ) -> Problem | None:
        name, bring_up = STREAMS[index].name, self._bring_ups.get(index)
        if bring_up is None:
            return Problem(Fault.NOT_WORN, "not in suit.toml", name)
        if device is None:
            return bring_up.problem or Problem(Fault.CONNECTING, "is being connected", name)
        if now_ns - self._watches[index].since_ns < _GRACE_NS:
            return None
        if not health.alive:
            return Problem(
                Fault.STALE, f"{device.port.path}: newest sample is {health.age_ms:.0f} ms old", name
            )
        missing_since_ns = self._watches[index].missing_since_ns
        if missing_since_ns is not None and now_ns - missing_since_ns > _GRACE_NS:
            return Problem(Fault.NO_MOTION, f"{device.port.path}: samples hold no valid motion", name)
        if not health.rate_ok:
            text = f"{device.port.path}: {health.rate_hz:.1f} samples/s instead of {device.rate_hz:.1f}"
            return Problem(Fault.RATE, text, name)
        return None

    def _stream(
        self,
        index: int,
        device: Device | None,
        health: StreamHealth,
        problem: Problem | None,
        now_ns: int,
    ) -> dict[str, Any]:
        watch = self._watches[index]
        since_ns = watch.missing_since_ns
        return {
            "alive": health.alive,
            "rate_hz": health.rate_hz,
            "rate_ok": health.rate_ok,
            "valid": health.valid,
            "age_ms": health.age_ms,
            "drops": health.drops,
            "bad_bytes": watch.bad_bytes,
            "clock": {
                "offset_ms": health.offset_ms,
                "skew_ppm": health.skew_ppm,
                "uncertainty_ms": health.uncertainty_ms,
                "restarts": health.restarts,
            },
            "port": device.port.path if device else "",
            "serial": device.info.serial if device else "",
            "model": _model(device) if device else "",
            "notes": list(device.notes) if device else [],
            "detail": str(problem) if problem else "",
            "missing_since_s": None if since_ns is None else (now_ns - since_ns) * 1e-9,
        }

    def _news(self, index: int, device: Device | None, problem: Problem | None) -> list[str]:
        """One line where the stream's fault is another than at the last look."""
        watch, name = self._watches[index], STREAMS[index].name
        fault = problem.fault if problem else None
        if fault is watch.told or fault is Fault.CONNECTING:
            return []
        watch.told = fault
        if problem is not None:
            return [f"{name}: {problem}"]
        if device is None:
            return []
        notes = "".join(f"; {note}" for note in device.notes)
        return [
            f"{name}: {_model(device)} {device.info.serial} on {device.port.path}, {device.rate_hz:g} Hz{notes}"
        ]

    def _totals(self, now_ns: int) -> dict[str, Any]:
        """missed_ticks: grid times no client could get a frame of; late_ticks: those of them that were computed."""
        pipeline, publisher, newest = self._pipeline, self._publisher, self._reactor.newest
        sent, before = publisher.sent, self._sent
        elapsed_s = (now_ns - self._looked_ns) * 1e-9
        self._sent, self._looked_ns = sent, now_ns
        return {
            **self._identity,
            "state": newest.state if newest else "waiting",
            "unusual": list(newest.unusual) if newest else [],
            "uptime_s": (now_ns - self._start_ns) * 1e-9,
            "rate_hz": (sent - before) / elapsed_s if elapsed_s > 0 else math.nan,
            "missed_ticks": pipeline.late_ticks + pipeline.skipped_ticks + publisher.dropped,
            "late_ticks": pipeline.late_ticks,
            "lateness_ms": self._reactor.lateness.summary_ms(),
            "publisher": {"sent": sent, "dropped": publisher.dropped},
            **power.read(),
        }

    def _lateness(self, missed: int) -> list[Problem]:
        """The machine's own fault: more than a few ticks missed since the last look."""
        since, self._missed = missed - self._missed, missed
        if since <= _TOLERATED_MISSES:
            return []
        return [Problem(Fault.LATE, f"{since} ticks missed in the last second")]


def _fault(problem: Problem) -> dict[str, Any]:
    return {
        "number": int(problem.fault),
        "stream": problem.stream,
        "text": problem.text,
        "remedy": problem.remedy,
    }


def _model(device: Device) -> str:
    return device.info.model_name if isinstance(device, Imu) else device.info.model
