"""A device's own free-running clock, and the truth about it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Nanoseconds = npt.NDArray[np.int64]


@dataclass(frozen=True)
class DeviceClock:
    """Seconds since the device's power-up, as its own oscillator counts them.

    The host time of device time d is powered_ns + f(d), f(d) = d (1 + skew) + the integral of a slow sinusoid of
    amplitude `drift_ppm` and period `drift_period_s`: a positive skew is a device that counts too slowly.
    """

    powered_ns: int
    skew_ppm: float = 0.0
    drift_ppm: float = 0.0
    drift_period_s: float = 240.0
    drift_phase: float = 0.0

    @classmethod
    def seeded(cls, seed: int, now_ns: int) -> DeviceClock:
        """A crystal as found in the field: within ±80 ppm, wandering by 1-3 ppm, on for 5 to 500 s."""
        rng = np.random.default_rng([seed, 1])
        return cls(
            powered_ns=now_ns - round(rng.uniform(5, 500) * 1e9),
            skew_ppm=rng.uniform(-80, 80),
            drift_ppm=rng.uniform(1, 3),
            drift_period_s=rng.uniform(120, 400),
            drift_phase=rng.uniform(0, 2 * math.pi),
        )

    def host_ns(self, device_s: Floats) -> Nanoseconds:
        """CLOCK_MONOTONIC of the host when this clock reads `device_s`."""
        return self.powered_ns + np.rint(self._host_s(device_s) * 1e9).astype(np.int64)

    def device_s(self, host_ns: int) -> float:
        """What this clock reads at a host time: the inverse of `host_ns`."""
        host_s = (host_ns - self.powered_ns) * 1e-9
        device_s = host_s
        for _ in range(4):
            device_s -= float(self._host_s(np.asarray(device_s))) - host_s
        return device_s

    def restarted(self, now_ns: int) -> DeviceClock:
        """The same oscillator, counting from zero again at `now_ns`."""
        return replace(self, powered_ns=now_ns)

    def _host_s(self, device_s: Floats) -> Floats:
        turn = 2 * math.pi / self.drift_period_s
        wander = math.cos(self.drift_phase) - np.cos(turn * device_s + self.drift_phase)
        return np.asarray(device_s * (1 + self.skew_ppm * 1e-6) + self.drift_ppm * 1e-6 / turn * wander)
