"""How the samples around a grid time are weighted. Times in ns relative to the grid time.

Two before and one after make a parabola: of the methods that wait no longer than linear interpolation it has the least
error on walking wearers, 0.4 times linear's at 200 Hz, and less than linear's at every frequency below 78 Hz. A cubic
through a fourth sample halves the rest, but waits one sample more or, with three before, doubles the noise.

A device of FAST_HZ or more can carry what a grid of 200 Hz folds into the movement's own band (170 to 230 Hz comes back
as 0 to 30). It is low-passed here by a parabola fitted to all its samples between 10 ms before and 5 ms after: Savitzky
and Golay's smoothing for any sample times, with weights 1 - u² that end at the window's edges. No delay, 0.4 % less at
20 Hz, 20 to 30 dB less from 130 to 330 Hz. Slower devices cannot hold what folds so far.

What a device folds when it brings its own base rate down to the rate it was asked for, only the device can filter. A
3DM-GX5 does by default: one pole at half the rate it was asked for (MIP 0C,50), at 200 Hz 6 dB at 180 Hz and 1.6 ms of
delay, which is the link's to subtract.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

FAST_HZ = 400.0
BEFORE_NS, AFTER_NS = 10_000_000, 5_000_000
# Of the fit's weights, 4 at 400 Hz without a loss; and of its times: the determinant for a total weight of 1, 0.045
# where samples fill the window evenly.
_LEAST_WEIGHT, _LEAST_SPREAD = 2.5, 0.01


def parabola(older: int, before: int, after: int) -> tuple[float, float, float]:
    """Lagrange's weights at 0 of three samples, older < before <= 0 < after.

    Where the spacings differ by more than samples lost one by one explain, the line through the last two.
    """
    step, gap = before - older, after - before
    if not gap <= 4 * step <= 12 * gap:
        return 0.0, after / gap, -before / gap
    return (
        before * after / (step * (after - older)),
        -older * after / (step * gap),
        older * before / ((after - older) * gap),
    )


class WindowFit:
    """Weights of a parabola fitted to the samples in the window, for several streams at once; memory made once."""

    def __init__(self, streams: int, taps: int) -> None:
        """taps: how many samples of each stream are offered; those outside the window get no weight."""
        self.shares = np.zeros((streams, 1, taps))
        self.sound = [False] * streams
        self._x = np.zeros((streams, taps))
        self._u = np.zeros((streams, taps))
        self._powers = np.zeros((5, streams, taps))
        self._power = list(self._powers)
        self._leading = self._powers[:3].transpose(1, 0, 2)
        self._ones = np.ones((taps, 1))
        self._moments = np.zeros((5, streams, 1))
        self._moment = self._moments.reshape(5, streams)
        self._coefficients = np.zeros((streams, 1, 3))
        self._coefficient: memoryview[Any] = memoryview(self._coefficients.reshape(-1))  # type: ignore[arg-type]

    def weigh(self, times: npt.NDArray[np.float64]) -> None:
        """times (streams, taps) -> `shares`; `sound`: where enough samples lie well enough spread for a fit."""
        x, u, power = self._x, self._u, self._power
        np.multiply(times, 1.0 / AFTER_NS, out=x)
        np.multiply(x, -AFTER_NS / BEFORE_NS, out=u)
        np.maximum(u, x, out=u)
        np.multiply(u, u, out=u)
        np.subtract(1.0, u, out=power[0])
        np.maximum(power[0], 0.0, out=power[0])
        for k in range(4):
            np.multiply(power[k], x, out=power[k + 1])
        np.matmul(self._powers, self._ones, out=self._moments)
        for i, moments in enumerate(zip(*self._moment.tolist(), strict=True)):
            self.sound[i] = self._solve(i, *moments)
        np.matmul(self._coefficients, self._leading, out=self.shares)

    def _solve(self, i: int, s0: float, s1: float, s2: float, s3: float, s4: float) -> bool:
        """The parabola's value at 0 as a polynomial weight, by Cramer's rule."""
        c0, c1, c2 = s2 * s4 - s3 * s3, s2 * s3 - s1 * s4, s1 * s3 - s2 * s2
        determinant = s0 * c0 + s1 * c1 + s2 * c2
        if s0 < _LEAST_WEIGHT or determinant < _LEAST_SPREAD * s0**3:
            return False
        value, first = self._coefficient, 3 * i
        value[first], value[first + 1], value[first + 2] = (
            c0 / determinant,
            c1 / determinant,
            c2 / determinant,
        )
        return True
