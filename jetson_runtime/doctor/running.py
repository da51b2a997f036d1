"""The service as its clients see it: running, at its rate, and what it says is wrong."""

from __future__ import annotations

import time
from typing import Any

from jetson_runtime.client import RATE_TOLERANCE, FrameClient
from jetson_runtime.doctor.check import Checks, failed, ok, warning
from jetson_runtime.stream import text
from jetson_runtime.suit.signals import RATE_HZ

_PATIENCE_S = 2.5
# Of the ticks since the start.
_MOST_MISSED = 0.001


def listen(endpoint: str) -> dict[str, Any] | None:
    """The next `status` of a service on `endpoint`; None where none is heard."""
    end_s = time.monotonic() + _PATIENCE_S
    with FrameClient(endpoint) as client:
        while client.status is None and time.monotonic() < end_s:
            client.recv_all(50)
        return client.status


def service(status: dict[str, Any] | None, endpoint: str) -> Checks:
    """Everything that the service says of itself."""
    if status is None:
        yield warning(
            "service", f"not heard on {endpoint}", "systemctl status second-skin; journalctl -u second-skin"
        )
        return
    state = status["state"]
    line = f"{state}, {status['rate_hz']:.0f} frames/s, up for {status['uptime_s']:.0f} s"
    if state == "running":
        yield ok("service", line)
    else:
        yield warning("service", line, text.WHAT_TO_DO[state])
    yield from _on_time(status)
    for fault in status["faults"]:
        name = f"fault {fault['number']}" + (f" of {fault['stream']}" if fault["stream"] else "")
        yield failed(name, fault["text"], fault["remedy"])
    for name, stream in status["streams"].items():
        if stream["alive"] and not stream["detail"]:
            yield ok(
                name, f"{stream['model']} {stream['serial']} on {stream['port']}, {stream['rate_hz']:.0f} Hz"
            )


def _on_time(status: dict[str, Any]) -> Checks:
    if abs(status["rate_hz"] - RATE_HZ) > RATE_TOLERANCE * RATE_HZ:
        yield failed("rate", f"{status['rate_hz']:.0f} frames/s instead of {RATE_HZ}", "stop other programs")
    missed = status["missed_ticks"] / max(1, status["missed_ticks"] + status["publisher"]["sent"])
    if missed > _MOST_MISSED:
        yield warning(
            "ticks",
            f"{missed:.2%} missed since the start",
            "stop other programs, or permit real-time scheduling",
        )
