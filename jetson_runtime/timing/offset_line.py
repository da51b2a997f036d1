"""The line through a clock's offset (receive time minus device time) that its delays leave to be seen.

Receive time = host time of the sample + a delay that is never negative, so the truth runs along the lower side of the
offsets. One-second buckets keep the mean of their lower half; a weighted line through the buckets of up to two minutes
leans on those below it. On 1 ms USB frames the buckets follow a sawtooth whose period is 1 ms / relative skew, 12 s
at 80 ppm: that needs the whole two minutes, until it is clear that there are frames: `frame_lock` then knows better. A
quiet link (a plain UART) does not, and follows drift four times closer.
"""

from __future__ import annotations

import math
from typing import NamedTuple, overload

import numpy as np
import numpy.typing as npt

from jetson_runtime.timing.frame_lock import SECOND, FrameLock

Doubles = npt.NDArray[np.float64]

SKEW_PRIOR = 50e-6
SKEW_AFTER_RESTART = 5e-6
_WINDOW = 120
_QUIET_WINDOW = 30
_RESTLESS_NS, _CALMING = 0.15e6, 0.97
_LOW_HALF_CLIP_NS = 1_200_000
_LOW_SHARE = 50
_ABOVE_WEIGHT = 0.3
_OUTLIER_NS = 2.0e6
_YOUNG, _YOUNG_PASSES = 10, 3
# What a prior slope weighs: as the points of a line whose scatter is this.
_PRIOR_SCATTER_NS = 0.2e6
_STEP_DOWN_NS, _STEP_DOWN_BUCKETS, _EARLY_SPAN_NS = 2.0e6, 2, SECOND // 4
_STEP_UP_NS, _STEP_UP_BUCKETS, _LATE_SPAN_NS = 2.0e6, 9, SECOND // 2


class Bucket(NamedTuple):
    """What one bucket says: mean device time and offset of its lower half, ns from the run's origin.

    low: the offset that one in 50 of its samples is below. low_span_ns: device time between the first and the last
    sample of the lower half. arrival_span_ns: time in which the bucket's samples arrived; after a stall they come all
    at once.
    """

    device: float
    offset: float
    low: int
    low_span_ns: int
    arrival_span_ns: int


def summarise(times: list[int], origin: int, offset_origin: int) -> Bucket:
    """The bucket's device times and receive times, in turn and in order of arrival; at least one pair.

    Its lower half are the lowest of the offsets, those at most 1.2 ms above the smallest.
    """
    pairs = np.array(times, np.int64)
    device, receive = pairs[::2], pairs[1::2]
    offset = receive - device
    few, half = len(offset) // _LOW_SHARE, (len(offset) - 1) // 2
    ordered = np.partition(offset, (few, half))
    limit = min(int(ordered[half]), int(offset.min()) + _LOW_HALF_CLIP_NS)
    low = offset <= limit
    device, offset = device[low], offset[low]
    return Bucket(
        int((device - origin).sum()) / len(device),
        int((offset - offset_origin).sum()) / len(offset),
        int(ordered[few]) - offset_origin,
        int(device[-1] - device[0]),
        times[-1] - times[1],
    )


class OffsetLine:
    """`slope` of the offset over device time, its value by `at`; `known` from the second bucket on."""

    def __init__(self, prior_slope: float, prior_width: float) -> None:
        self.known = False
        self.slope = prior_slope
        self.scatter_ns = math.inf
        self._believe(prior_slope, prior_width)
        self._frames = FrameLock(prior_slope, prior_width)
        # Seconds and ns of the buckets from `_first` on; moved to the front when there is no room left.
        self._device = np.zeros(4 * _WINDOW)
        self._offset = np.zeros(4 * _WINDOW)
        self._first = self._end = 0
        self._middle, self._height = 0.0, 0.0
        self._unrest_ns = 0.0
        self._early = self._late = 0

    @overload
    def at(self, device: float) -> float: ...
    @overload
    def at(self, device: Doubles) -> Doubles: ...
    def at(self, device: float | Doubles) -> float | Doubles:
        """The line's offset, ns, at device times in ns from the origin."""
        return self._height + self.slope * (device - self._middle)

    def add(self, bucket: Bucket) -> bool:
        """Takes the next bucket; device times ascend. True where it shows that the delay itself has changed."""
        stepped = self.known and self._steps(bucket)
        if self._end == len(self._device):
            self._keep(_WINDOW)
        self._device[self._end] = bucket.device / SECOND
        self._offset[self._end] = bucket.offset
        self._end += 1
        self.known = self.known or self._end - self._first >= 2
        # While late buckets may turn out to be a step, they do not drag the line along.
        if self.known and not self._late:
            self._follow(bucket)
        return stepped

    def _believe(self, slope: float, width: float) -> None:
        """A slope known beforehand counts like buckets whose line has that uncertainty."""
        self._prior_slope = slope * SECOND
        self._prior_weight = (_PRIOR_SCATTER_NS / (width * SECOND)) ** 2

    def _steps(self, bucket: Bucket) -> bool:
        """Another USB hub, another buffer: only the buckets since then count, and the slope stays.

        No stall makes samples early: what is spread over a quarter of a second, or comes again, is believed. Late
        ones must have arrived spread out, which those that waited for a stall to end did not.
        """
        error = bucket.offset - self.at(bucket.device)
        early, late = error < -_STEP_DOWN_NS, error > _STEP_UP_NS and bucket.arrival_span_ns > _LATE_SPAN_NS
        self._early = self._early + 1 if early else 0
        self._late = self._late + 1 if late else 0
        believed = self._early >= _STEP_DOWN_BUCKETS or (early and bucket.low_span_ns > _EARLY_SPAN_NS)
        if not believed and self._late < _STEP_UP_BUCKETS:
            return False
        self._keep(max(self._early, self._late) - 1)
        self._believe(self.slope, SKEW_AFTER_RESTART)
        self._frames = FrameLock(self.slope, SKEW_AFTER_RESTART)
        self._early = self._late = 0
        return True

    def _follow(self, bucket: Bucket) -> None:
        """The line that the frames leave where they show, else the one through the buckets.

        Of samples that waited for a stall to end neither is told when they were ready.
        """
        prompt = bucket.arrival_span_ns > _LATE_SPAN_NS
        if prompt and abs(bucket.offset - self.at(bucket.device)) < _OUTLIER_NS:
            self._frames.add(bucket.device / SECOND, bucket.low, bucket.offset)
        frames = self._frames
        if frames.shown:
            self.slope, self.scatter_ns = frames.slope / SECOND, frames.scatter_ns
            self._middle, self._height = frames.device * SECOND, frames.height
        else:
            self._fit()

    def _keep(self, newest: int) -> None:
        count = min(newest, self._end - self._first)
        for values in (self._device, self._offset):
            values[:count] = values[self._end - count : self._end].copy()
        self._first, self._end = 0, count

    def _fit(self) -> None:
        """Weights are 1 below the line, 0.3 above, falling with the square beyond 2 ms.

        A young line is fitted three times, an old one moves so little that it can take those of the line before.
        """
        window = max(_QUIET_WINDOW, min(1.0, self._unrest_ns / _RESTLESS_NS) * _WINDOW)
        first = max(self._first, self._end - round(window))
        x, y = self._device[first : self._end], self._offset[first : self._end]
        young = len(x) <= _YOUNG
        weight = np.ones(len(x)) if young else _weights(y - self.at(x * SECOND))
        for _ in range(_YOUNG_PASSES if young else 1):
            total = weight.sum()
            mean_x, mean_y = weight @ x / total, weight @ y / total
            from_x, from_y = x - mean_x, y - mean_y
            pull = weight * from_x
            slope = (pull @ from_y + self._prior_weight * self._prior_slope) / (
                pull @ from_x + self._prior_weight
            )
            error = from_y - slope * from_x
            weight = _weights(error)
        self.slope = float(slope) / SECOND
        self._middle, self._height = float(mean_x) * SECOND, float(mean_y)
        self.scatter_ns = math.sqrt(weight @ error**2 / weight.sum())
        self._unrest_ns = max(self.scatter_ns, _CALMING * self._unrest_ns)


def _weights(error: Doubles) -> Doubles:
    weight = np.where(error <= 0, 1.0, _ABOVE_WEIGHT)
    far = np.abs(error) > _OUTLIER_NS
    if far.any():
        weight[far] = _ABOVE_WEIGHT * (_OUTLIER_NS / error[far]) ** 2
    return weight
