"""Whether the suit reads as it did in training: which devices do not, or the movement as a whole.

A device's statistics of the last half second are compared with those of the people trained on, reduced to prototypes
of what they did. One device far from all of them is a sensor that is turned, swapped, dead or noisy; half of the
devices at once are somebody who does something else.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from jetson_runtime.inference.window import (
    AGREEMENT,
    MEAN,
    OFF_MEAN,
    OFF_VARIANCE,
    ROUGHNESS,
    STATISTICS,
    VARIANCE,
    Doubles,
)
from jetson_runtime.suit.signals import CHANNELS, STREAM_NAMES, STREAMS

MOVEMENT = "movement"
# A device is looked at by itself, and beside the other seven: by these statistics of each of its channels.
VIEWS = ((MEAN, VARIANCE, ROUGHNESS), (OFF_MEAN, VARIANCE, OFF_VARIANCE, AGREEMENT))
# What a view or a device has fewer of is zero.
FEATURES = max(map(len, VIEWS)) * max(len(stream.channels) for stream in STREAMS)
# A warning begins with the second look in a row (there is one each tenth of a second) that finds cause.
LOOKS_TO_WARN = 2
# It stays for a second after the last cause.
HOLD_LOOKS = 10
# A device is named where its squared distance is at least this share of the farthest one's: a wrong sensor makes those
# that are judged beside it look a little wrong too.
_NAMED_SHARE = 0.5
# So many devices must be unusual, by the movement's own threshold, for the movement to be.
DEVICES_OF_A_MOVEMENT = 4


class Distances:
    """How far each device's statistics lie from what training saw, in each view."""

    def __init__(self, centre: Doubles, whiten: Doubles, prototypes: Doubles) -> None:
        """centre (2, 8, FEATURES); whiten (2, 8, FEATURES, FEATURES): to units of spread.

        prototypes (2, 8, k, FEATURES): what training did, in these units.
        """
        shape = (len(VIEWS), len(STREAMS))
        self._places = _feature_places()
        # Behind the statistics stands a zero for what a device does not have.
        self._values = np.zeros(STATISTICS * len(CHANNELS) + 1)
        self._statistics = self._values[:-1].reshape(STATISTICS, len(CHANNELS))
        self._features = np.zeros((*shape, FEATURES))
        self._column = self._features[..., None]
        self._centre, self._whiten = centre, whiten
        self._white = np.zeros((*shape, FEATURES, 1))
        self._across = self._white.swapaxes(2, 3)
        self._prototypes = -2.0 * prototypes
        self._lengths = np.sum(prototypes**2, axis=3)[..., None]
        self._to_each = np.zeros(self._lengths.shape)
        self._least = np.zeros((*shape, 1))
        self._square = np.zeros((*shape, 1, 1))
        self._squares = self._square[..., 0]
        self._told = self._square.reshape(-1)

    def squared(self, statistics: Doubles) -> list[float]:
        """Of each device from its nearest prototype, view by view; `statistics` (6, 54) of a Window."""
        np.copyto(self._statistics, statistics)
        self._values.take(self._places, None, self._features, "clip")
        np.subtract(self._features, self._centre, self._features)
        np.matmul(self._whiten, self._column, self._white)
        np.matmul(self._prototypes, self._white, self._to_each)
        np.add(self._to_each, self._lengths, self._to_each)
        np.minimum.reduce(self._to_each, 2, out=self._least)
        np.matmul(self._across, self._white, self._square)
        np.add(self._squares, self._least, self._squares)
        told: list[float] = self._told.tolist()
        return told


class Watch:
    """What is unusual now: stream names and MOVEMENT, the same object until it changes."""

    def __init__(self, threshold: Sequence[float], movement: float) -> None:
        """threshold (16,): the distance from which a device is unusual, view by view; movement: the share of it from
        which the movement is."""
        self.unusual: tuple[str, ...] = ()
        self._limits = [1.0 / limit**2 for limit in threshold]
        self._movement = movement**2
        self._names = (*STREAM_NAMES, MOVEMENT)
        self._causes, self._held = [0] * len(self._names), [0] * len(self._names)

    def look(self, squared: Sequence[float]) -> None:
        """Takes in the squared distances, view by view, a tenth of a second after the last."""
        in_views = [square * limit for square, limit in zip(squared, self._limits, strict=True)]
        shares = list(map(max, in_views[: len(STREAMS)], in_views[len(STREAMS) :]))
        near = max(1.0, _NAMED_SHARE * max(shares))
        found = [share > near for share in shares]
        found.append(sorted(shares)[-DEVICES_OF_A_MOVEMENT] > self._movement)
        for i, cause in enumerate(found):
            self._causes[i] = self._causes[i] + 1 if cause else 0
            self._held[i] = HOLD_LOOKS if self._causes[i] >= LOOKS_TO_WARN else max(0, self._held[i] - 1)
        told = tuple([name for name, held in zip(self._names, self._held, strict=True) if held])
        if told != self.unusual:
            self.unusual = told


def _feature_places() -> npt.NDArray[np.intp]:
    """(2, 8, FEATURES): where a device's features stand in the flat statistics; behind them: it has no such one."""
    nowhere = STATISTICS * len(CHANNELS)
    places = np.full((len(VIEWS), len(STREAMS), FEATURES), nowhere, np.intp)
    for view, statistics in enumerate(VIEWS):
        for device, stream in enumerate(STREAMS):
            of = [k * len(CHANNELS) + channel for k in statistics for channel in stream.channels]
            places[view, device, : len(of)] = of
    return places
