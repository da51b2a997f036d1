"""Coarse time stamps: how coarse they are, and a phase lock on the sample period that makes them fine."""

from __future__ import annotations

from math import gcd

COARSE_NS = 100_000
_ENOUGH = 32
_MEMORY = 200
_RAW_BEYOND_NS = 1_500_000


class StampSmoother:
    """Device times of a strictly periodic device from stamps cut off to their resolution; harms irregular stamps.

    period_ns: nominal; the device's own is learned. The gains are those of a least-squares line through all stamps so
    far, at most 200 (the alpha-beta filter of growing memory, fixed at the end).
    """

    def __init__(self, period_ns: int) -> None:
        self._period = float(period_ns)
        self._last = self._smoothed = 0
        self._count = 0

    def begin(self) -> None:
        """The device's clock began anew: the period stays."""
        self._count = 0

    def smooth(self, device: int) -> int:
        """The time of the sample stamped `device`; for a stamp that is not newer, what the newest one's shift says."""
        if self._count and device <= self._last:
            return self._smoothed + device - self._last
        steps = max(1, round((device - self._smoothed) / self._period))
        expected = self._smoothed + steps * self._period
        error = device - expected
        if not self._count or abs(error) > _RAW_BEYOND_NS:
            self._smoothed, self._count = device, 1
        else:
            self._count = n = min(self._count + 1, _MEMORY)
            self._smoothed = round(expected + 2 * (2 * n - 1) / (n * (n + 1)) * error)
            self._period += 6 / (n * (n + 1)) * error / steps
        self._last = device
        return self._smoothed


class StampStep:
    """Finds the step of a device's stamps: the greatest number that divides the first 32 of them."""

    def __init__(self) -> None:
        self.seen = 0
        self._step = 0

    def look(self, device: int) -> bool | None:
        """Whether the stamps are coarse; None until enough of them are seen."""
        self._step = gcd(self._step, device)
        self.seen += 1
        return None if self.seen < _ENOUGH else self._step >= COARSE_NS
