"""Other ways from device time to host time, from their published formulas; each has `update` like ClockEstimator."""

from __future__ import annotations

from typing import Protocol

SECOND = 1_000_000_000


class Way(Protocol):
    """An estimator that is told every sample as it comes."""

    def update(self, device_ns: int, receive_ns: int) -> int:
        """The sample's host time, ns."""


class ArrivalTime:
    """What is done where nothing is done: a sample's time is when it was read."""

    def update(self, device_ns: int, receive_ns: int) -> int:
        return receive_ns


class MovingAverage:
    """The offset alone, averaged with a forgetting of 0.99 a sample, as sensor drivers for ROS do."""

    def __init__(self, keep: float = 0.99) -> None:
        self._keep = keep
        self._offset: float | None = None

    def update(self, device_ns: int, receive_ns: int) -> int:
        offset = receive_ns - device_ns
        if self._offset is None:
            self._offset = float(offset)
        self._offset = self._keep * self._offset + (1 - self._keep) * offset
        return device_ns + round(self._offset)


class LslDejitter:
    """Recursive least squares with forgetting: liblsl's dejitter of an inlet (src/time_postprocessor.cpp).

    Its constants: half-time 90 s, P = 1e10 I, slope of the nominal rate. liblsl counts samples; here the device's own
    time in nominal periods stands for the count, which losses do not upset.
    """

    def __init__(self, period_ns: int, half_time_s: float = 90.0) -> None:
        self._period_ns = period_ns
        self._forget = 2.0 ** (-period_ns / (SECOND * half_time_s))
        self._first: tuple[int, int] | None = None
        self._at, self._per_step = 0.0, float(period_ns)
        self._p00, self._p01, self._p11 = 1e10, 0.0, 1e10

    def update(self, device_ns: int, receive_ns: int) -> int:
        if self._first is None:
            self._first = (device_ns, receive_ns)
        device_0, receive_0 = self._first
        n = (device_ns - device_0) / self._period_ns
        surprise = receive_ns - receive_0 - (self._at + n * self._per_step)
        forget = self._forget
        pi_0, pi_1 = self._p00 + n * self._p01, self._p01 + n * self._p11
        norm = forget + pi_0 + n * pi_1
        self._p00 = (self._p00 - pi_0 * pi_0 / norm) / forget
        self._p01 = (self._p01 - pi_0 * pi_1 / norm) / forget
        self._p11 = (self._p11 - pi_1 * pi_1 / norm) / forget
        self._at += surprise * (self._p00 + n * self._p01)
        self._per_step += surprise * (self._p01 + n * self._p11)
        return receive_0 + round(self._at + n * self._per_step)


class KlipperClockSync:
    """A regression with forgetting 1/30 on a reading about once a second: klippy/clocksync.py, in its one-way variant.

    Klipper asks for the time and takes its own sending time; here receipts stand for that, so a reading that came late
    is one whose clock is behind, not ahead. Its outlier rule: beyond 5 standard deviations and 0.5 ms a late one is
    left out unless there was no good one for 10 s, any other widens the variance to (1 ms) squared.
    """

    _DECAY = 1.0 / 30.0
    _EVERY_NS = 983_900_000
    _LEAST_MISS_NS, _WIDE_NS = 500_000.0, 1_000_000.0
    _PATIENCE_NS = 10 * SECOND

    def __init__(self) -> None:
        self._first: tuple[int, int] | None = None
        self._next_ns = 0
        self._time = self._clock = 0.0
        self._variance = self._covariance = 0.0
        self._rate = 1.0
        self._miss_variance = self._WIDE_NS**2
        self._good_ns = -float("inf")

    def update(self, device_ns: int, receive_ns: int) -> int:
        if self._first is None:
            self._first = (device_ns, receive_ns)
        device_0, receive_0 = self._first
        clock, time = float(device_ns - device_0), float(receive_ns - receive_0)
        if receive_ns >= self._next_ns:
            self._next_ns = receive_ns + self._EVERY_NS
            self._read(clock, time)
        return receive_0 + round(self._time + (clock - self._clock) / self._rate)

    def _read(self, clock: float, time: float) -> None:
        miss = clock - (self._clock + (time - self._time) * self._rate)
        if miss**2 > 25 * self._miss_variance and abs(miss) > self._LEAST_MISS_NS:
            if miss < 0 and time < self._good_ns + self._PATIENCE_NS:
                return
            self._miss_variance = self._WIDE_NS**2
        else:
            self._good_ns = time
            self._miss_variance = self._decayed(self._miss_variance, miss * miss)
        from_time, from_clock = time - self._time, clock - self._clock
        self._time += self._DECAY * from_time
        self._clock += self._DECAY * from_clock
        self._variance = self._decayed(self._variance, from_time * from_time)
        self._covariance = self._decayed(self._covariance, from_time * from_clock)
        if self._variance > 0:
            self._rate = self._covariance / self._variance

    def _decayed(self, moment: float, newest: float) -> float:
        return (1 - self._DECAY) * (moment + self._DECAY * newest)
