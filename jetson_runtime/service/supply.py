"""What the machine's own figures mean for its wearer: is power about to fail, how long will it last, is it too hot.

Behind a regulator a battery pack shows nothing until it cuts off. Only a fuel gauge in the pack knows what is left;
without one it is an estimate from the energy used since the start, and says so.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from jetson_runtime.inference.engines.tensorrt_cache import power_mode
from jetson_runtime.service import power
from jetson_runtime.service.faults import Fault, Problem
from jetson_runtime.suit.config import PowerTable

# Two looks in a row make a rail low, until it is above its limit by so much: a load's step is no battery's end.
_LOW_LOOKS = 2
_RECOVERED_V = 0.2
# Told as a fault from here on.
_FEW_MINUTES, _FEW_PERCENT = 10.0, 10.0
# The consumption that an estimate goes by: the mean of so many looks, one a second.
_LOOKS = 120
GAUGE, ESTIMATE = "fuel gauge", "estimate from the energy used since the start"


class Supply:
    """`look` once a second, by one thread. `low` and `news` are of the last look.

    news: that power has just become low, as the content of an event; else None.
    """

    def __init__(self, settings: PowerTable) -> None:
        self.low = False
        self.news: dict[str, Any] | None = None
        self._settings = settings
        self._low_looks = 0
        self._used_wh = 0.0
        self._looked_ns: int | None = None
        self._watts: deque[float] = deque(maxlen=_LOOKS)

    def look(self, now_ns: int) -> tuple[dict[str, Any], list[Problem]]:
        """For `status`: `power`, `temperature`, `disk` and `supply`; and what is wrong."""
        root = self._settings.sys
        told = power.read(root)
        rail, gauge = told["power"], power.gauge(root)
        self._add_up(rail, now_ns)
        why = self._judge(rail, gauge)
        minutes, source = self._minutes(gauge)
        hot, throttled = power.hot(self._settings.hot_c, root), power.throttled(root)
        supply = {
            "low": self.low,
            "percent": gauge.percent if gauge else None,
            "minutes": minutes,
            "minutes_from": source,
            "used_wh": self._used_wh,
            "mode": power_mode(),
            "hot": sorted(hot),
            "throttled": throttled,
        }
        return {**told, "supply": supply}, self._problems(why, minutes, source, gauge, hot, throttled)

    def _add_up(self, rail: dict[str, float] | None, now_ns: int) -> None:
        before, self._looked_ns = self._looked_ns, now_ns
        if rail is None:
            return
        self._watts.append(rail["watts"])
        if before is not None:
            self._used_wh += rail["watts"] * (now_ns - before) * 1e-9 / 3600.0

    def _judge(self, rail: dict[str, float] | None, gauge: power.Gauge | None) -> str:
        """Why power is low; '' where it is not."""
        limit_v = self._settings.low_v
        volts = rail["rail_v"] if rail else gauge.volts if gauge else None
        raised = power.alarms(self._settings.sys)
        reasons = [f"the power monitor raises {name}" for name in raised]
        if limit_v is not None and volts is not None and volts < limit_v + _RECOVERED_V * self.low:
            reasons.insert(0, f"the input is at {volts:.2f} V, below {limit_v:.2f} V")
        self._low_looks = self._low_looks + 1 if reasons else 0
        was_low, self.low = self.low, self._low_looks >= _LOW_LOOKS or bool(self.low and reasons)
        self.news = {"volts": volts, "why": reasons[0]} if self.low and not was_low else None
        return reasons[0] if self.low else ""

    def _minutes(self, gauge: power.Gauge | None) -> tuple[float | None, str | None]:
        if gauge is not None and gauge.minutes is not None:
            return gauge.minutes, GAUGE
        pack_wh = self._settings.pack_wh
        mean_w = sum(self._watts) / len(self._watts) if self._watts else 0.0
        if pack_wh is None or mean_w <= 0.0:
            return None, None
        return max(0.0, pack_wh - self._used_wh) / mean_w * 60.0, ESTIMATE

    def _problems(
        self,
        why: str,
        minutes: float | None,
        source: str | None,
        gauge: power.Gauge | None,
        hot: dict[str, float],
        throttled: list[str],
    ) -> list[Problem]:
        found = []
        if why:
            found.append(Problem(Fault.LOW_POWER, f"power is low: {why}"))
        percent = gauge.percent if gauge else None
        if minutes is not None and minutes < _FEW_MINUTES:
            found.append(Problem(Fault.BATTERY, f"{minutes:.0f} minutes left ({source})"))
        elif percent is not None and percent < _FEW_PERCENT:
            found.append(Problem(Fault.BATTERY, f"{percent:.0f} % of the battery left"))
        if hot:
            zones = ", ".join(f"{name} {degrees:.0f} °C" for name, degrees in sorted(hot.items()))
            found.append(Problem(Fault.HOT, f"too hot: {zones}"))
        if throttled:
            found.append(Problem(Fault.THROTTLED, f"slowed down to cool it: {', '.join(throttled)}"))
        return found
