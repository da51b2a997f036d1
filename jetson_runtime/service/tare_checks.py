"""Whether a tare still fits the devices that are there: gravity outlives a power cycle, heading does not."""

from __future__ import annotations

from collections.abc import Mapping

from jetson_runtime.inference.frame import Frame
from jetson_runtime.suit.signals import STREAMS
from jetson_runtime.suit.state import Instant, PartTare, TareState

# What a device's clock may wander from the host's, and what its estimate may still be off by.
_SKEW = 200e-6
_OFF_NS = 500_000_000


class TareChecks:
    """`look` once a second; parts are named as in signals.py. A device that is not there is judged when it is back."""

    def __init__(self) -> None:
        self.without_heading: tuple[str, ...] = ()
        self.other_device: tuple[str, ...] = ()

    def look(
        self, tare: TareState | None, frame: Frame | None, serials: Mapping[str, str], now: Instant
    ) -> bool:
        """Whether `other_device` has changed. serials: of the devices that are there, by part."""
        before = self.other_device
        if tare is None:
            self.without_heading = self.other_device = ()
            return bool(before)
        present = {part: kept for part, kept in tare.parts.items() if part in serials}
        others = {part for part, kept in present.items() if serials[part] != kept.serial}
        absent = {part for part in before if part in tare.parts and part not in serials}
        self.other_device = tuple(sorted(others | absent))
        cycled = {part for part, kept in present.items() if _was_cycled(part, kept, tare.at, frame, now)}
        kept_void = {part for part in self.without_heading if part in tare.parts and part not in serials}
        self.without_heading = tuple(sorted(cycled | kept_void | others))
        return self.other_device != before


def power_up_ns(frame: Frame, part: str) -> int | None:
    """When this part's device counted zero, on CLOCK_MONOTONIC; None where it tells no samples."""
    index = next(i for i, stream in enumerate(STREAMS) if stream.part == part)
    sensed = frame.sensed[index]
    return None if sensed is None else sensed[0] - sensed[1].device_ns


def _was_cycled(part: str, kept: PartTare, at: Instant, frame: Frame | None, now: Instant) -> bool:
    """Its clock began anew since the tare; after a boot of the host nothing tells that it did not."""
    if at.boot_id != now.boot_id:
        return True
    found = power_up_ns(frame, part) if frame is not None else None
    if found is None:
        return False
    limit_ns = _OFF_NS + _SKEW * (now.monotonic_ns - at.monotonic_ns)
    return abs(found - kept.power_up_ns) > limit_ns
