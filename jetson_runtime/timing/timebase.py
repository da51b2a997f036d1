"""Device time -> host time: one estimator for each device's free-running clock.

Receive time = host time of the sample + a delay that is never negative: the lower envelope of (receive - device)
carries offset and skew. One-second buckets; in each the mean of the lower half of the offsets, at most 1.2 ms above
the smallest; a line over the last two minutes that leans on the points below it. The constant part of the delay
cannot be seen from here.
"""

from __future__ import annotations

import math
from collections import deque

import numpy as np

_SECOND = 1_000_000_000
_BUCKET_NS = _SECOND
_WINDOW_BUCKETS = 120
_LOW_HALF_CLIP_NS = 1.2e6
_ABOVE_WEIGHT = 0.3
_OUTLIER_NS = 2.0e6
_REWEIGHTING_PASSES = 3
_SKEW_PRIOR = 50e-6
_SKEW_AFTER_RESTART = 5e-6
_STEP_DOWN_NS, _STEP_DOWN_BUCKETS = 2.0e6, 2
_STEP_UP_NS, _STEP_UP_BUCKETS = 2.5e6, 10
# Device time that runs back by more than packets change places, or a sample that would have been taken this long
# after it was received: the device started anew, or its clock was set.
_BACK_NS = _SECOND // 10
_AHEAD_NS = 20_000_000
_SLEW = 2e-3
# A mapping that is this far off jumps: slewing there would take longer than starting anew.
_JUMP_NS = 20e6


class ClockEstimator:
    """Host time of samples from a device clock with unknown offset, skew below about 200 ppm and slow drift.

    period_ns: nominal sample period, used to smooth coarse stamps. stamp_resolution_ns: step of the device's
    stamps; 0.1 ms or more is coarse. rollover_ns: where the device's counter wraps, None where it does not.
    """

    _low: float
    _high: float
    _bucket_end: int

    def __init__(
        self, period_ns: int | None = None, stamp_resolution_ns: int = 1, rollover_ns: int | None = None
    ) -> None:
        self.restarts = 0
        self._period_ns = period_ns if stamp_resolution_ns >= 100_000 else None
        self._rollover_ns = rollover_ns
        self._prior_skew, self._prior_width = 0.0, _SKEW_PRIOR
        self._last_raw: int | None = None
        self._begin(0, 0)

    @property
    def skew_ppm(self) -> float:
        """How much faster the host's clock runs than the device's."""
        return self._slope * 1e6

    @property
    def offset_ns(self) -> int:
        """Host time minus device time at the newest sample."""
        offset = self._offset_at(self._last_device)
        return round(offset) if math.isfinite(offset) else self._offset_origin

    @property
    def uncertainty_ns(self) -> float:
        """Scatter of the buckets about the line, ns, and what the mapping has yet to move; half the spread of the
        offsets until there is a line."""
        return self._scatter + self._behind

    def update(self, device_ns: int, receive_ns: int) -> int:
        """The host time (CLOCK_MONOTONIC, ns) of the sample stamped `device_ns` and received at `receive_ns`."""
        device = self._continuous(device_ns, receive_ns)
        host = self._map(device, receive_ns)
        if host > receive_ns + _AHEAD_NS:
            self.restart(device_ns, receive_ns)
            host = self._map(device_ns, receive_ns)
        return host

    def restart(self, device: int, receive_ns: int) -> None:
        """The device's clock was set or began anew at `device`: only the skew is remembered."""
        self.restarts += 1
        self._prior_skew, self._prior_width = self._slope, _SKEW_AFTER_RESTART
        self._begin(device, receive_ns)

    def _map(self, device: int, receive_ns: int) -> int:
        """Learns from the sample's offset and answers its host time."""
        offset = float(receive_ns - self._offset_origin - device)
        self._low = min(self._low, offset)
        self._high = max(self._high, offset)
        if receive_ns >= self._bucket_end:
            self._close_bucket(receive_ns)
        self._bucket.append((offset, device - self._origin))
        self._bucket_last = receive_ns
        return self._slewed(device)

    def _begin(self, device: int, receive_ns: int) -> None:
        """Everything that belongs to one run of the device's clock."""
        self._origin = self._last_device = self._smoothed = device
        self._smooth_count = 0
        self._unwrapped = 0
        self._offset_origin = receive_ns - device
        self._low, self._high = float("inf"), float("-inf")
        self._slope = self._prior_skew
        self._intercept: float | None = None
        self._applied: float | None = None
        self._scatter = float("inf")
        self._behind = 0.0
        self._newest_host = -(1 << 62)
        self._newest_device = device - 1
        self._bucket: list[tuple[float, int]] = []
        self._bucket_end = receive_ns + _BUCKET_NS
        self._bucket_first = self._bucket_last = receive_ns
        self._points: deque[tuple[float, float]] = deque(maxlen=_WINDOW_BUCKETS)
        self._early = self._late = 0

    def _continuous(self, raw: int, receive_ns: int) -> int:
        """Device time without rollovers, smoothed where stamps are coarse; notices a restart of the device."""
        if self._last_raw is None:
            self._begin(raw, receive_ns)
        elif self._rollover_ns and raw - self._last_raw < -self._rollover_ns // 2:
            self._unwrapped += self._rollover_ns
        device = raw + self._unwrapped
        moved = device - self._last_device
        if moved < -_BACK_NS:
            self.restart(raw, receive_ns)
            device = raw
        self._last_raw = raw
        self._last_device = max(self._last_device, device)
        return self._smooth(device) if self._period_ns else device

    def _smooth(self, device: int) -> int:
        """A phase lock on the period: coarse stamps of a strictly periodic device, not of an irregular one."""
        assert self._period_ns is not None
        steps = max(1, round((device - self._smoothed) / self._period_ns))
        expected = self._smoothed + steps * self._period_ns
        error = device - expected
        self._smooth_count += 1
        if self._smooth_count == 1 or abs(error) > 1_500_000:
            self._smoothed, self._smooth_count = device, 1
        else:
            self._smoothed = expected + round(max(0.02, 1.0 / self._smooth_count) * error)
        return self._smoothed

    def _close_bucket(self, receive_ns: int) -> None:
        spread = self._bucket_last - self._bucket_first
        if self._bucket:
            low = sorted(self._bucket)[: (len(self._bucket) + 1) // 2]
            limit = low[0][0] + _LOW_HALF_CLIP_NS
            kept = [point for point in low if point[0] <= limit]
            offset = sum(point[0] for point in kept) / len(kept)
            device = sum(point[1] for point in kept) / len(kept)
            self._take_step(device, offset, spread > _BUCKET_NS // 2)
            self._points.append((device, offset))
            if len(self._points) >= 2:
                self._fit()
        self._bucket.clear()
        self._bucket_first = receive_ns
        self._bucket_end = receive_ns + _BUCKET_NS

    def _take_step(self, device: float, offset: float, spread_out: bool) -> None:
        """The delay itself changed (another USB hub, another buffer): begin a new line with the old skew."""
        if self._intercept is None:
            return
        error = offset - (self._intercept + self._slope * device)
        self._early = self._early + 1 if error < -_STEP_DOWN_NS else 0
        self._late = self._late + 1 if error > _STEP_UP_NS and spread_out else 0
        if self._early >= _STEP_DOWN_BUCKETS or self._late >= _STEP_UP_BUCKETS:
            kept = max(self._early, self._late) - 1
            points = list(self._points)[len(self._points) - kept :]
            self._points.clear()
            self._points.extend(points)
            self._prior_skew, self._prior_width = self._slope, _SKEW_AFTER_RESTART
            self._early = self._late = 0

    def _fit(self) -> None:
        """Weighted line through the buckets with a prior on its slope; three passes of reweighting."""
        points = np.array(self._points)
        x, y = points[:, 0] / _SECOND, points[:, 1]
        weight = np.ones(len(x))
        # A prior slope counts like the points of a line with the same width: var(slope) = var(y) / sum w (x - mean)^2.
        prior = (0.2e6 / (self._prior_width * _SECOND)) ** 2
        for _ in range(_REWEIGHTING_PASSES):
            mean_x, mean_y = np.average(x, weights=weight), np.average(y, weights=weight)
            centred = x - mean_x
            slope = (np.sum(weight * centred * (y - mean_y)) + prior * self._prior_skew * _SECOND) / (
                np.sum(weight * centred**2) + prior
            )
            error = y - mean_y - slope * centred
            weight = np.where(error <= 0, 1.0, _ABOVE_WEIGHT)
            far = np.abs(error) > _OUTLIER_NS
            weight[far] = _ABOVE_WEIGHT * (_OUTLIER_NS / error[far]) ** 2
        self._slope = float(slope) / _SECOND
        self._intercept = float(mean_y - slope * mean_x)
        self._scatter = float(np.sqrt(np.average(error**2, weights=weight)))

    def _offset_at(self, device: int) -> float:
        if self._intercept is None:
            return float(self._offset_origin + self._low)
        return float(self._offset_origin + self._intercept + self._slope * (device - self._origin))

    def _slewed(self, device: int) -> int:
        """The estimate; once there is a line it moves by at most 2 ms a second. Newer samples are never mapped back."""
        wanted = self._offset_at(device) - self._offset_origin
        if self._intercept is None:
            self._scatter = max(self._high - self._low, 0.0) / 2
        newer = max(device - self._newest_device, 0)
        if self._applied is None or self._intercept is None or abs(wanted - self._applied) > _JUMP_NS:
            self._applied = wanted
        else:
            step = _SLEW * newer
            self._applied += min(max(wanted - self._applied, -step), step)
        self._behind = abs(wanted - self._applied)
        host = self._offset_origin + device + round(self._applied)
        if newer:
            host = self._newest_host = max(host, self._newest_host + 1)
            self._newest_device = device
        return host
