"""A causal low-pass on what a client is given: second-order Butterworth, its delay stated. Standard library only.

The bilinear transform of 1 / (s² + √2 s + 1), warped so that it is down to 0.707 at the cut-off (Oppenheim and Schafer,
Discrete-Time Signal Processing, 7.1): with k = tan(π fc / fs), n = 1 / (1 + √2 k + k²)

    b = k² n (1, 2, 1)    a = (1, 2 n (k² - 1), n (1 - √2 k + k²))
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from jetson_runtime.stream.received import ReceivedFrame
from jetson_runtime.suit.signals import RATE_HZ

# Up to so many lost frames the newest value stands for them as well; after more, as after silence, all begins anew.
MOST_BRIDGED = 10


@dataclass(frozen=True)
class LowPass:
    """The filter's numbers for a cut-off in Hz, above 0 and below half of RATE_HZ (ValueError)."""

    cutoff_hz: float

    def __post_init__(self) -> None:
        if not 0.0 < self.cutoff_hz < RATE_HZ / 2:
            raise ValueError(f"{self.cutoff_hz} Hz is no cut-off: write one above 0 and below {RATE_HZ // 2}")

    @property
    def b(self) -> tuple[float, float, float]:
        """Of the input, newest first."""
        k, n = self._k_and_n()
        return k * k * n, 2 * k * k * n, k * k * n

    @property
    def a(self) -> tuple[float, float, float]:
        """Of the output, newest first; begins with 1."""
        k, n = self._k_and_n()
        return 1.0, 2 * n * (k * k - 1), n * (1 - math.sqrt(2) * k + k * k)

    @property
    def delay_ms(self) -> float:
        """Group delay at 0 Hz: by so much a slow movement is told late, and a quick one by a little more up to near the
        cut-off. About 225 ms / cut-off in Hz, at 20 Hz 3 % less."""
        delay = sum(i * value for i, value in enumerate(self.b)) / sum(self.b)
        delay -= sum(i * value for i, value in enumerate(self.a)) / sum(self.a)
        return delay * 1000.0 / RATE_HZ

    def _k_and_n(self) -> tuple[float, float]:
        k = math.tan(math.pi * self.cutoff_hz / RATE_HZ)
        return k, 1.0 / (1.0 + math.sqrt(2) * k + k * k)


class Series:
    """One number a frame. It begins with the first value as if that had always been; NaN is passed on, and ends it."""

    def __init__(self, low_pass: LowPass) -> None:
        self._b0, self._b1, self._b2 = low_pass.b
        _, self._a1, self._a2 = low_pass.a
        self._known = False
        self._first = self._second = 0.0

    def reset(self) -> None:
        """The next value is the first one."""
        self._known = False

    def update(self, value: float, times: int = 1) -> float:
        """The smoothed value after `value` came, `times` over."""
        if not math.isfinite(value):
            self._known = False
            return value
        if not self._known:
            self._known = True
            self._first, self._second = value * (1.0 - self._b0), value * (self._b2 - self._a2)
            return value
        for _ in range(times):
            out = self._b0 * value + self._first
            self._first = self._b1 * value - self._a1 * out + self._second
            self._second = self._b2 * value - self._a2 * out
        return out


class Smoothing:
    """For `FrameClient(smoothing=Smoothing(6.0))`: angle, moment and velocity of its frames, all else as sent.

    It begins anew with another session, after more than MOST_BRIDGED lost frames, and where `valid` begins or ends; one
    value that is NaN is passed on, and that one begins anew behind it.
    """

    def __init__(self, cutoff_hz: float) -> None:
        """ValueError: no cut-off."""
        self.low_pass = LowPass(cutoff_hz)
        self._series: dict[str, dict[str, Series]] = {"angle": {}, "moment": {}, "velocity": {}}
        self._before: ReceivedFrame | None = None

    @property
    def delay_ms(self) -> float:
        """By how much a slow movement is told later than without it (`LowPass.delay_ms`)."""
        return self.low_pass.delay_ms

    def update(self, frame: ReceivedFrame) -> ReceivedFrame:
        """`frame` smoothed by those before it; to be given each one, in order."""
        steps = self._steps_to(frame)
        self._before = frame
        return replace(
            frame,
            angle=self._smoothed("angle", frame.angle, steps),
            moment=self._smoothed("moment", frame.moment, steps),
            velocity=self._smoothed("velocity", frame.velocity, steps),
        )

    def _steps_to(self, frame: ReceivedFrame) -> int:
        """How many frames after the last one; 0: it is the first."""
        before = self._before
        if before is None or before.session != frame.session or before.valid != frame.valid:
            return 0
        steps = frame.seq - before.seq
        return steps if 0 < steps <= MOST_BRIDGED + 1 else 0

    def _smoothed(self, kind: str, values: dict[str, float], steps: int) -> dict[str, float]:
        table = self._series[kind]
        told = {}
        for name, value in values.items():
            series = table.get(name)
            if series is None:
                series = table[name] = Series(self.low_pass)
            if not steps:
                series.reset()
            told[name] = series.update(value, steps)
        return told
