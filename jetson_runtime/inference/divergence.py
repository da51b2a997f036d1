"""Where the network's angles and those from gravity go separate ways: two ways to one number that share no model.

Each errs by some degrees all the time (skin, straps, a network's own error). What lasts and is larger is a sensor that
slipped, a tare of another donning, or a movement the network does not know: the frame then names the angles.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping

# The mean difference of so many frames tells (a second of them); a single step's does not.
FRAMES = 200
LIMIT_DEG = 25.0
# Whole thousandths of a degree, so that a sum does not depend on what was in it before: a replay begins anywhere.
_PARTS = 1000


class Divergence:
    """`update` takes frames in order."""

    def __init__(self) -> None:
        self._windows: dict[str, deque[int]] = {}
        self._sums: dict[str, int] = {}
        self._limit = round(FRAMES * LIMIT_DEG * _PARTS)

    def update(self, network: Mapping[str, float], imu: Mapping[str, float]) -> tuple[str, ...]:
        """The angles that diverge over the newest frames; both in degrees by OpenSim's names.

        Where either is not known its window begins anew.
        """
        return tuple([name for name, value in imu.items() if self._diverges(name, value - network[name])])

    def _diverges(self, name: str, difference: float) -> bool:
        window = self._windows.setdefault(name, deque())
        if not math.isfinite(difference):
            window.clear()
            self._sums[name] = 0
            return False
        window.append(round(difference * _PARTS))
        total = self._sums.get(name, 0) + window[-1]
        if len(window) > FRAMES:
            total -= window.popleft()
        self._sums[name] = total
        return len(window) == FRAMES and abs(total) > self._limit
