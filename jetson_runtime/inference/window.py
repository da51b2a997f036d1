"""What the suit read over the last half second: statistics of each channel, by itself and beside the other devices.

A channel is predicted from the channels of the other seven devices by a fixed linear map; how it follows that
prediction shows a sensor that is turned or swapped where its own readings would pass. Rows are summed up in blocks,
so that a value leaves the window exactly and nothing drifts in hours.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from jetson_runtime.suit.signals import CHANNELS, RATE_HZ

Doubles = npt.NDArray[np.float64]

BLOCK_TICKS = RATE_HZ // 10
BLOCKS = 5
# Of each channel: mean; mean distance from the prediction; logarithms of its variance, of the distance's variance and
# of the second difference's mean square; correlation with the prediction.
MEAN, OFF_MEAN, VARIANCE, OFF_VARIANCE, ROUGHNESS, AGREEMENT = range(6)
STATISTICS = 6

# Far below any real sensor's noise: what a variance of zero counts as, in the channel's unit squared.
_FLOOR = {"accel": 1e-8, "gyro": 1e-10, "vgrf": 1e-8, "cop_ap": 1e-8, "cop_ml": 1e-8}
# A variance below this is noise, which follows nothing.
_NOISE = 1e-4
# Sums of a block: the value, its prediction, the squares of both, their product, the second difference's square.
_SUMS = 6


class Window:
    """`update` with each row, and where that returns True `summarise` before the next. row: the newest, filled.

    statistics (6, 54) as of the last `summarise`. round: the tick of its half second; sums are made in the order of the
    blocks, so that another window is equal to the last bit where it began in step.
    """

    def __init__(self, prediction: Doubles, offset: Doubles, fill: Sequence[float]) -> None:
        """prediction (54, 54), offset (54,): a row predicted from itself, each device from the others only.

        fill: what a channel without a value counts as, in the suit's own sides.
        """
        channels = len(CHANNELS)
        self.statistics = np.zeros((STATISTICS, channels))
        self._logarithms = self.statistics[VARIANCE : ROUGHNESS + 1]
        self._prediction = np.ascontiguousarray(prediction, np.float64)
        self._offset = np.array(offset, np.float64)
        self._fill = np.array(fill, np.float64)
        self._absent = np.empty(channels, bool)
        self._before, self._slope = np.zeros(channels), np.zeros(channels)
        self._bend = np.zeros(channels)
        self._now = np.zeros((_SUMS, channels))
        self._both, self._squares = self._now[:2], self._now[2:4]
        self.row, self._predicted, _, _, self._product, self._rough = self._now
        self._blocks = np.zeros((BLOCKS, _SUMS, channels))
        self._block = list(self._blocks)
        self._means = np.zeros((_SUMS, channels))
        self._work = np.zeros((2, channels))
        self._floor = np.array([_FLOOR[channel.quantity] for channel in CHANNELS])
        self.round = 0
        self._whole = False

    def update(self, row: Doubles) -> bool:
        """Takes in `row` (54,), NaN where there is no value; True each tenth of a second once the window is full."""
        x = self.row
        np.isnan(row, self._absent)
        np.copyto(x, row)
        np.copyto(x, self._fill, where=self._absent)
        self._prediction.dot(x, self._predicted)
        np.add(self._predicted, self._offset, self._predicted)
        np.multiply(self._both, self._both, self._squares)
        np.multiply(x, self._predicted, self._product)
        self._differ(x)
        block, place = divmod(self.round, BLOCK_TICKS)
        sums = self._block[block]
        if place:
            np.add(sums, self._now, sums)
        else:
            np.copyto(sums, self._now)
        self.round = (self.round + 1) % (BLOCKS * BLOCK_TICKS)
        self._whole = self._whole or self.round == 0
        return self._whole and place == BLOCK_TICKS - 1

    def summarise(self) -> None:
        """Makes `statistics` of the last whole blocks."""
        means, work, told = self._means, self._work, self.statistics
        np.add.reduce(self._blocks, 0, out=means)
        np.multiply(means, 1.0 / (BLOCKS * BLOCK_TICKS), means)
        mean, predicted, own, foreseen, shared, rough = means
        variances = means[2:4]
        np.multiply(means[:2], means[:2], work)
        np.subtract(variances, work, variances)
        np.maximum(variances, 0.0, out=variances)
        np.multiply(mean, predicted, work[0])
        np.subtract(shared, work[0], shared)
        np.copyto(told[MEAN], mean)
        np.subtract(mean, predicted, told[OFF_MEAN])
        np.copyto(told[VARIANCE], own)
        self._variance_of_distance(own, foreseen, shared, told[OFF_VARIANCE])
        np.copyto(told[ROUGHNESS], rough)
        np.add(self._logarithms, self._floor, self._logarithms)
        np.log(self._logarithms, self._logarithms)
        np.add(variances, _NOISE, variances)
        np.multiply(own, foreseen, work[0])
        np.sqrt(work[0], work[0])
        np.divide(shared, work[0], told[AGREEMENT])

    def _differ(self, x: Doubles) -> None:
        np.subtract(x, self._before, self._bend)
        np.copyto(self._before, x)
        np.subtract(self._bend, self._slope, self._rough)
        np.copyto(self._slope, self._bend)
        np.multiply(self._rough, self._rough, self._rough)

    def _variance_of_distance(self, own: Doubles, foreseen: Doubles, shared: Doubles, out: Doubles) -> None:
        np.multiply(shared, -2.0, out)
        np.add(out, own, out)
        np.add(out, foreseen, out)
        np.maximum(out, 0.0, out=out)
