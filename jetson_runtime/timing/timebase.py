"""Device time -> host time: one estimator for each device's free-running clock.

The offset between the two runs along the lower side of (receive time - device time): `offset_line` finds it, once a
second. Between two looks the map is a straight line, first slewing to where the newest look found the offset, then
along it, so that nearly every sample costs a few comparisons and one product. The constant part of the delay cannot
be seen from here.
"""

from __future__ import annotations

import math

from jetson_runtime.timing.frame_lock import SECOND
from jetson_runtime.timing.offset_line import SKEW_AFTER_RESTART, SKEW_PRIOR, OffsetLine, summarise
from jetson_runtime.timing.stamps import COARSE_NS, StampSmoother, StampStep

_BUCKET_NS = SECOND
# Device time that runs back by more than packets change places, or a sample that would have been taken this long
# after it was received: the device started anew, or its clock was set.
_BACK_NS = SECOND // 10
_AHEAD_NS = 20_000_000
# How fast the map moves to a new line, and to one whose delay has stepped.
_SLEW, _SLEW_AFTER_STEP = 2e-3, 5e-3
# A map that is this far off jumps: slewing there would take longer than starting anew.
_JUMP_NS = 20e6
_NEVER, _FOREVER = -(1 << 62), 1 << 62


class ClockEstimator:
    """Host time of samples from a device clock with unknown offset, skew below about 200 ppm and slow drift.

    period_ns: nominal sample period, used to smooth coarse stamps. stamp_resolution_ns: step of the device's
    stamps, 0.1 ms or more is coarse; None: found from the first stamps. rollover_ns: where the device's counter
    wraps, None where it does not.
    """

    # The map: host = device + base + slope * (device - start), one straight piece at a time, each up to its end.
    # Samples newer than the newest need no more than the map up to `_straight_until` and until the bucket ends.
    _start: int
    _base: int
    _slope: float
    _piece_end: int
    _newest: int
    _straight_until: int
    _bucket_end: int

    def __init__(
        self,
        period_ns: int | None = None,
        stamp_resolution_ns: int | None = 1,
        rollover_ns: int | None = None,
    ) -> None:
        self.restarts = 0
        self._period_ns = period_ns
        self._rollover_ns = rollover_ns
        self._step = StampStep() if stamp_resolution_ns is None and period_ns else None
        self._smoother: StampSmoother | None = None
        if period_ns and stamp_resolution_ns is not None and stamp_resolution_ns >= COARSE_NS:
            self._smoother = StampSmoother(period_ns)
        self._started = False
        self._begin(0, 0, 0.0, SKEW_PRIOR)

    @property
    def skew_ppm(self) -> float:
        """How much faster the host's clock runs than the device's."""
        return self._line.slope * 1e6

    @property
    def offset_ns(self) -> int:
        """Host time minus device time at the newest sample."""
        return self._map(self._newest) - self._newest

    @property
    def uncertainty_ns(self) -> float:
        """Scatter of the buckets about the line, ns, and what the mapping has yet to move; half the spread of the
        offsets until there is a line."""
        line = self._line
        if not line.known:
            return max(self._highest - self._lowest, 0) / 2 if self._started else math.inf
        return line.scatter_ns + abs(self._wanted(self._newest) - self.offset_ns)

    def update(self, device_ns: int, receive_ns: int) -> int:
        """The host time (CLOCK_MONOTONIC, ns) of the sample stamped `device_ns` and received at `receive_ns`."""
        device = device_ns + self._unwrapped
        if self._newest < device < self._straight_until and receive_ns < self._bucket_end:
            host = device + self._base + int((device - self._start) * self._slope)
            if host <= receive_ns + _AHEAD_NS:
                self._newest = device
                self._bucket += (device, receive_ns)
                return host
        return self._update_with_care(device_ns, receive_ns)

    def restart(self, device_ns: int, receive_ns: int) -> None:
        """The device's clock was set or began anew at `device_ns`: only the skew is remembered."""
        self.restarts += 1
        self._begin(device_ns, receive_ns, self._line.slope, SKEW_AFTER_RESTART)

    def _begin(self, device: int, receive_ns: int, skew: float, skew_width: float) -> None:
        """Everything that belongs to one run of the device's clock."""
        self._line = OffsetLine(skew, skew_width)
        self._origin, self._offset_origin = device, receive_ns - device
        self._unwrapped = 0
        self._newest, self._newest_host = device - 1, _NEVER
        self._lowest, self._highest = _FOREVER, _NEVER
        self._bucket: list[int] = []
        # A thousandth longer for each microsecond: clocks that begin in one tick take their looks in others.
        self._bucket_end = receive_ns + _BUCKET_NS * (750 + receive_ns // 1000 % 250) // 1000
        self._start, self._base, self._slope = device, receive_ns - device, 0.0
        self._piece_end = _FOREVER
        self._slew = _SLEW
        self._straight_until = _NEVER
        if self._smoother is not None:
            self._smoother.begin()

    def _update_with_care(self, device_ns: int, receive_ns: int) -> int:
        host = self._learn(self._continuous(device_ns, receive_ns), receive_ns)
        if host > receive_ns + _AHEAD_NS:
            self.restart(device_ns, receive_ns)
            host = self._learn(self._continuous(device_ns, receive_ns), receive_ns)
        return host

    def _continuous(self, raw: int, receive_ns: int) -> int:
        """Device time without rollovers, smoothed where stamps are coarse; notices a restart of the device."""
        if not self._started:
            self._started = True
            self._begin(raw, receive_ns, 0.0, SKEW_PRIOR)
        device = raw + self._unwrapped
        if self._rollover_ns and abs(device - self._newest) > self._rollover_ns // 2:
            device = self._wrapped(device)
        if device - self._newest < -_BACK_NS:
            self.restart(raw, receive_ns)
            device = raw
        if self._step is not None:
            self._look_at_step(raw)
        return self._smoother.smooth(device) if self._smoother is not None else device

    def _wrapped(self, device: int) -> int:
        """The counter has wrapped; or a sample from before the wrap comes after it."""
        assert self._rollover_ns is not None
        if device > self._newest:
            return device - self._rollover_ns
        self._unwrapped += self._rollover_ns
        return device + self._rollover_ns

    def _look_at_step(self, raw: int) -> None:
        assert self._step is not None
        coarse = self._step.look(raw)
        if coarse is not None:
            self._step = None
        if coarse and self._period_ns:
            self._smoother = StampSmoother(self._period_ns)

    def _learn(self, device: int, receive_ns: int) -> int:
        """Takes the sample's offset into account and answers its host time; newer samples are never mapped back."""
        if receive_ns >= self._bucket_end:
            self._close_bucket(receive_ns)
        if device >= self._piece_end:
            self._follow_line()
        if device <= self._newest:
            return self._map(device)
        self._bucket += (device, receive_ns)
        if not self._line.known:
            self._lowest = min(self._lowest, receive_ns - device)
            self._highest = max(self._highest, receive_ns - device)
            self._base = self._lowest
        host = self._map(device)
        straight = self._line.known and self._smoother is None and host > self._newest_host
        self._straight_until = self._piece_end if straight else _NEVER
        self._newest = device
        self._newest_host = max(host, self._newest_host + 1)
        return self._newest_host

    def _close_bucket(self, receive_ns: int) -> None:
        self._bucket_end = receive_ns + _BUCKET_NS
        if not self._bucket:
            return
        if self._line.add(summarise(self._bucket, self._origin, self._offset_origin)):
            self._slew = _SLEW_AFTER_STEP
        self._bucket = []
        if self._line.known:
            self._steer()

    def _steer(self) -> None:
        """From where the newest sample was mapped towards the new line."""
        self._newest_host = max(self._newest_host, self._map(self._newest))
        here = self._map(self._newest) - self._newest
        gap = self._wanted(self._newest) - here
        if abs(gap) > _JUMP_NS:
            self._follow_line()
            return
        self._start, self._base = self._newest, here
        self._slope = self._line.slope + math.copysign(self._slew, gap)
        self._piece_end = self._newest + round(abs(gap) / self._slew)

    def _follow_line(self) -> None:
        self._start = max(self._newest, self._origin)
        self._base = round(self._wanted(self._start))
        self._slope, self._piece_end, self._slew = self._line.slope, _FOREVER, _SLEW

    def _wanted(self, device: int) -> float:
        """The line's offset at `device`, ns."""
        return self._offset_origin + self._line.at(device - self._origin)

    def _map(self, device: int) -> int:
        return device + self._base + int((device - self._start) * self._slope)
