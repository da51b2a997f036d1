"""How late ticks were, kept by the reactor and told in the status."""

from __future__ import annotations

import numpy as np

# The ticks of the last 20 s are kept.
_TICKS = 4_000


class Lateness:
    """How long after its deadline each tick was computed, 0 for one whose samples were complete before it."""

    def __init__(self) -> None:
        self._ring = np.zeros(_TICKS, np.int64)
        self.ticks = 0
        self.worst_ns = 0

    def add(self, late_ns: int) -> None:
        """Called once for each computed tick, those stepped through included; the ring is made once."""
        late_ns = max(0, late_ns)
        self._ring[self.ticks % _TICKS] = late_ns
        self.ticks += 1
        self.worst_ns = max(self.worst_ns, late_ns)

    def summary_ms(self) -> dict[str, float]:
        """p50 and p99 of the last 20 s, max since start; zeros before the first tick."""
        recent = self._ring[: min(self.ticks, _TICKS)]
        p50, p99 = np.percentile(recent, (50, 99)) if len(recent) else (0.0, 0.0)
        return {"p50": float(p50) * 1e-6, "p99": float(p99) * 1e-6, "max": self.worst_ns * 1e-6}
