"""What a tick costs in energy, from the power monitor of a Jetson; None on a machine without one."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

from jetson_runtime.service import power
from jetson_runtime.suit.signals import PERIOD_NS

_IDLE_LOOKS, _IDLE_STEP_S = 10, 0.05


class Rails:
    """The board's input power; `idle_watts` is that before anything is measured."""

    def __init__(self, root: Path = power.SYS) -> None:
        self._root = root
        self.idle_watts = self._idle()

    def watts(self) -> float | None:
        """The input power now."""
        reading = power.read(self._root)["power"]
        return None if reading is None else float(reading["watts"])

    def _idle(self) -> float | None:
        looks = []
        for _ in range(_IDLE_LOOKS):
            watts = self.watts()
            if watts is None:
                return None
            looks.append(watts)
            time.sleep(_IDLE_STEP_S)
        return statistics.median(looks)


class Watch:
    """Power over one stretch: `look` is called now and then."""

    def __init__(self, rails: Rails) -> None:
        self._rails = rails
        self._looks: list[float] = []

    def look(self) -> None:
        """Remembers the power now."""
        if self._rails.idle_watts is not None and (watts := self._rails.watts()) is not None:
            self._looks.append(watts)

    def tick_mj(self) -> float | None:
        """Millijoules above idle for each 5 ms of the stretch; None where nothing was seen."""
        if self._rails.idle_watts is None or not self._looks:
            return None
        return (statistics.mean(self._looks) - self._rails.idle_watts) * PERIOD_NS * 1e-6
