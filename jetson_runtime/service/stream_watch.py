"""One stream as the main thread sees it once a second: what is wrong with it, what `status` tells, what is news."""

from __future__ import annotations

from typing import Any

from drivers.microstrain.imu import Imu
from jetson_runtime.inference.frame import Frame
from jetson_runtime.inference.intake import StreamHealth
from jetson_runtime.service.bringup import BringUp, Device
from jetson_runtime.service.faults import Fault, Problem
from jetson_runtime.suit.signals import STREAMS

# A device just adopted needs this long before its rate and its age tell anything; a passing gap is no fault.
_GRACE_NS = 2_000_000_000
# A reading at the end of its range is told for so long: one in each step of a run is one fault, not many.
_SATURATED_NS = 10_000_000_000
# A crystal is within 100 ppm; the clock estimate follows some 300. What is beyond is no crystal.
_CLOCK_NS = 10_000_000_000
_MOST_PPM = 400.0


class StreamWatch:
    """What is remembered of one stream from one look to the next. At each: `look`, then `told` and `news`."""

    def __init__(self, index: int, bring_up: BringUp | None) -> None:
        """bring_up: None for a stream that is not worn."""
        self.name = STREAMS[index].name
        self._bring_up = bring_up
        self._device: Device | None = None
        self._since_ns = 0
        self._missing_since_ns: int | None = None
        self._bad_bytes = 0
        self._bad_bytes_before = 0
        self._told: Fault | None = Fault.CONNECTING
        self._saturated = 0
        self._saturated_ns: int | None = None
        self._clock: tuple[int, int, float] | None = None
        self._clock_ppm = self._ppm_before = 0.0

    def look(
        self, device: Device | None, health: StreamHealth, frame: Frame | None, now_ns: int
    ) -> Problem | None:
        """What is wrong with the stream at `now_ns`; frame: the newest."""
        if device is not self._device:
            self._device, self._since_ns, self._clock = device, now_ns, None
            self._bad_bytes_before = self._bad_bytes
            if device is not None and self._told is None:
                self._told = Fault.CONNECTING
        if device is not None:
            self._bad_bytes = self._bad_bytes_before + device.counters()["discarded_bytes"]
        if health.saturated != self._saturated:
            self._saturated, self._saturated_ns = health.saturated, now_ns
        self._follow_clock(health, now_ns)
        if frame is None or self.name in frame.missing:
            self._missing_since_ns = self._missing_since_ns or now_ns
        else:
            self._missing_since_ns = None
        return self._absence(device, health) or (
            self._misbehaviour(device, health, now_ns) if device else None
        )

    def told(
        self, device: Device | None, health: StreamHealth, problem: Problem | None, now_ns: int
    ) -> dict[str, Any]:
        """The stream in `status`."""
        since_ns = self._missing_since_ns
        return {
            "alive": health.alive,
            "rate_hz": health.rate_hz,
            "rate_ok": health.rate_ok,
            "valid": health.valid,
            "age_ms": health.age_ms,
            "drops": health.drops,
            "out_of_order": health.out_of_order,
            "bad_bytes": self._bad_bytes,
            "stuck": health.stuck,
            "saturated": health.saturated,
            "counters": device.counters() if device else {},
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

    def news(self, device: Device | None, problem: Problem | None) -> list[str]:
        """One line where the stream's fault is another than at the last look."""
        fault = problem.fault if problem else None
        if fault is self._told or fault is Fault.CONNECTING:
            return []
        self._told = fault
        if problem is not None:
            return [f"{self.name}: {problem}"]
        if device is None:
            return []
        notes = "".join(f"; {note}" for note in device.notes)
        facts = f"{_model(device)} {device.info.serial} on {device.port.path}, {device.rate_hz:g} Hz"
        return [f"{self.name}: {facts}{notes}"]

    def _absence(self, device: Device | None, health: StreamHealth) -> Problem | None:
        bring_up = self._bring_up
        if bring_up is None:
            return Problem(Fault.NOT_WORN, "not in suit.toml", self.name)
        if device is None:
            return bring_up.problem or Problem(Fault.CONNECTING, "is being connected", self.name)
        given_up = bring_up.given_up
        if given_up is not None and given_up.fault is Fault.SILENT and not health.alive:
            return given_up  # it answers, and is brought up again and again
        return None

    def _misbehaviour(self, device: Device, health: StreamHealth, now_ns: int) -> Problem | None:
        path = device.port.path
        if health.stuck:
            return Problem(Fault.STUCK, f"{path}: repeats one reading to the last bit", self.name)
        if now_ns - self._since_ns < _GRACE_NS:
            return None
        if not health.alive:
            return Problem(Fault.STALE, f"{path}: newest sample is {health.age_ms:.0f} ms old", self.name)
        since_ns = self._missing_since_ns
        if since_ns is not None and now_ns - since_ns > _GRACE_NS:
            return Problem(Fault.NO_MOTION, f"{path}: samples hold no valid motion", self.name)
        if not health.rate_ok:
            text = f"{path}: {health.rate_hz:.1f} samples/s instead of {device.rate_hz:.1f}"
            return Problem(Fault.RATE, text, self.name)
        if abs(self._clock_ppm) > _MOST_PPM:
            text = f"{path}: its clock runs {self._clock_ppm:.0f} ppm off the host's"
            return Problem(Fault.CLOCK, text, self.name)
        if self._saturated_ns is not None and now_ns - self._saturated_ns < _SATURATED_NS:
            text = f"{path}: {health.saturated} readings at the end of the sensor's range"
            return Problem(Fault.SATURATED, text, self.name)
        return None

    def _follow_clock(self, health: StreamHealth, now_ns: int) -> None:
        """How fast the device's clock runs away from the host's: the slower of the last two times _CLOCK_NS.

        A step of the link's delay moves the offset in one of them.
        """
        now = (now_ns, health.restarts, health.offset_ms)
        if not health.alive or self._clock is None or self._clock[1] != health.restarts:
            self._clock, self._ppm_before, self._clock_ppm = now if health.alive else None, 0.0, 0.0
        elif now_ns - self._clock[0] >= _CLOCK_NS:
            ppm = (health.offset_ms - self._clock[2]) * 1e12 / (now_ns - self._clock[0])
            self._clock_ppm = min(ppm, self._ppm_before, key=abs)
            self._clock, self._ppm_before = now, ppm


def _model(device: Device) -> str:
    return device.info.model_name if isinstance(device, Imu) else device.info.model
