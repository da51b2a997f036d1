"""The offset of a device whose samples keep their place in the USB frame for seconds or minutes.

A frame of 1 ms takes what is ready, and the host reads it when the frame ends: a sample waits between nothing and one
frame. So the lows of one-second buckets lie in a strip one frame high above the truth. They touch its lower edge just
before the device's samples fall into the next frame, and its upper edge just after. Between two such jumps, a
sawtooth's, the lows run with the frames' clock and tell nothing of the device's: a line through them goes astray.

Every slope a clock may have keeps the highest and the lowest offset at which a line of that slope has all lows of the
past in its strip; both bounds give way by what a clock drifts. Of the slopes that are left, one that differs from the
ramps of the sawtooth is the likelier to have made the jumps that were seen, in proportion to the difference. Its square
stands here: it costs the slowest sawteeth little, and halves the error of the others before their second jump.
"""

from __future__ import annotations

import math

import numpy as np

SECOND = 1_000_000_000
FRAME_NS = 1e6
_SLOPES = np.arange(-200, 201) * 1e-6 * SECOND
# Where in the strip `offset_line` comes to rest, so that both agree: 0.35 of an even spread by its weights of 1 below
# and 0.3 above, 0.35 to 0.47 on the emulated links.
_LEAN = 0.4
_DRIFT = 1.2e-6 * SECOND
# Bounds that cross by this much are still bounds, a slope this near the ramps still makes jumps.
_SOFT_NS, _SOFT_SLOPE, _LEAST_EXPONENT = 30e3, 1e-6 * SECOND, -50.0
# What rises by more is a jump. Ramps, and how far a bucket's lower half is above its low, are means of so many buckets.
_JUMP_NS, _MEMORY = 0.3e6, 60
# Shares of a frame that the bounds of the best slope leave: frames show, show no longer, are contradicted.
_SHOWN, _HIDDEN, _CONTRADICTED = 0.5, 1.2, -0.3


class FrameLock:
    """`slope` (ns a second) and `height` (ns) of the line at the newest bucket, `device`, while frames are `shown`.

    scatter_ns: standard deviation of the height over all lines that the lows have left.
    """

    def __init__(self, prior_slope: float, prior_width: float) -> None:
        self.shown = False
        self.slope = self.height = 0.0
        self.scatter_ns = math.inf
        self.device = self._low = 0.0
        self._count = self._ramp_count = 0
        self._ramp, self._above_ns = prior_slope * SECOND, 0.0
        self._slopes = prior_slope * SECOND + _SLOPES
        self._lower_slopes, self._upper_slopes = self._slopes - _DRIFT, self._slopes + _DRIFT
        self._prior = np.exp(-0.5 * (_SLOPES / (prior_width * SECOND)) ** 2)
        self._lower, self._upper = np.empty_like(_SLOPES), np.empty_like(_SLOPES)

    def add(self, device: float, low: float, half: float) -> None:
        """The next bucket: seconds of device time; ns of its low and of its lower half's mean."""
        lifting = min(low, self._pass(device, low)) if self._count else low
        if not self._count or self._room(low, lifting) < _CONTRADICTED * FRAME_NS:
            self._begin(low)
        self._count += 1
        self._above_ns += (half - low - self._above_ns) / min(self._count, _MEMORY)
        self.device, self._low = device, low
        if self.shown:
            self._believe()

    def _begin(self, low: float) -> None:
        self.shown, self._count = False, 0
        self._lower[:], self._upper[:] = low - FRAME_NS, low

    def _pass(self, device: float, low: float) -> float:
        """Time passes up to the next low: answers where the ramp would have taken the one before."""
        passed = device - self.device
        expected = self._low + self._ramp * passed
        if abs(low - expected) < _JUMP_NS:
            self._ramp_count = min(self._ramp_count + 1, _MEMORY)
            self._ramp += (low - expected) / passed / self._ramp_count
        self._lower += self._lower_slopes * passed
        self._upper += self._upper_slopes * passed
        return expected

    def _room(self, low: float, lifting: float) -> float:
        """Narrows the bounds, answers what the best slope's leave. One late bucket alone does not lift the lower."""
        np.minimum(self._upper, low, out=self._upper)
        np.maximum(self._lower, lifting - FRAME_NS, out=self._lower)
        room = float((self._upper - self._lower).max())
        self.shown = room < (_HIDDEN if self.shown else _SHOWN) * FRAME_NS
        return room

    def _believe(self) -> None:
        """The mean of the lines in the middle between their bounds, by how much room these leave and how likely."""
        room = self._upper - self._lower
        room -= min(0.0, float(room.max()))
        inside = np.maximum(room, 0.0)
        weight = np.exp(np.maximum((room - inside) / _SOFT_NS, _LEAST_EXPONENT)) * (inside + _SOFT_NS)
        weight *= self._prior * (np.abs(self._slopes - self._ramp) + _SOFT_SLOPE) ** 2
        weight /= weight.sum()
        middle = (self._lower + self._upper) / 2
        edge = float(weight @ middle)
        self.slope = float(weight @ self._slopes)
        self.height = edge + _LEAN * FRAME_NS + self._above_ns
        self.scatter_ns = math.sqrt(weight @ ((middle - edge) ** 2 + inside**2 / 12))
