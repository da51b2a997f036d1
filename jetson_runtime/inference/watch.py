"""Whether the suit reads as it did in training: which devices do not, or the movement as a whole.

A device's statistics of the last half second are compared with those of the people trained on, reduced to prototypes
of what they did. One device far from all of them is a sensor that is turned, swapped, dead or noisy; half of the
devices at once are somebody who does something else.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from jetson_runtime.inference.window import STATISTICS, Doubles
from jetson_runtime.suit.signals import CHANNELS, STREAM_NAMES, STREAMS

MOVEMENT = "movement"
# Six statistics of each channel; what an IMU has fewer of than an insole is zero.
FEATURES = STATISTICS * max(len(stream.channels) for stream in STREAMS)
# A warning begins with the second look in a row (there is one each tenth of a second) that finds cause.
LOOKS_TO_WARN = 2
# It stays for a second after the last cause.
HOLD_LOOKS = 10
# A device is named where its squared distance is at least this share of the farthest one's: a wrong sensor makes those
# that are judged beside it look a little wrong too.
_NAMED_SHARE = 0.5
# So many devices must be unusual, by the movement's own threshold, for the movement to be.
_DEVICES_OF_A_MOVEMENT = 4


class Distances:
    """How far each device's statistics lie from what training saw."""

    def __init__(self, centre: Doubles, whiten: Doubles, prototypes: Doubles) -> None:
        """centre (8, FEATURES), whiten (8, FEATURES, FEATURES): to units of spread; prototypes (8, k, FEATURES)."""
        devices = len(STREAMS)
        self._places = _feature_places()
        # Behind the statistics stands a zero for what a device does not have.
        self._values = np.zeros(STATISTICS * len(CHANNELS) + 1)
        self._statistics = self._values[:-1].reshape(STATISTICS, len(CHANNELS))
        self._features = np.zeros((devices, FEATURES))
        self._column = self._features[:, :, None]
        self._centre, self._whiten = centre, whiten
        self._white = np.zeros((devices, FEATURES, 1))
        self._across = self._white.transpose(0, 2, 1)
        self._prototypes = -2.0 * prototypes
        self._lengths = np.sum(prototypes**2, axis=2)[:, :, None]
        self._to_each = np.zeros(self._lengths.shape)
        self._least = np.zeros((devices, 1))
        self._square = np.zeros((devices, 1, 1))
        self._squares = self._square[:, 0]

    def squared(self, statistics: Doubles) -> list[float]:
        """Of each device from its nearest prototype; `statistics` (6, 54) of a Window."""
        np.copyto(self._statistics, statistics)
        self._values.take(self._places, None, self._features, "clip")
        np.subtract(self._features, self._centre, self._features)
        np.matmul(self._whiten, self._column, self._white)
        np.matmul(self._prototypes, self._white, self._to_each)
        np.add(self._to_each, self._lengths, self._to_each)
        np.minimum.reduce(self._to_each, 1, out=self._least)
        np.matmul(self._across, self._white, self._square)
        np.add(self._squares, self._least, self._squares)
        squares: list[float] = self._squares[:, 0].tolist()
        return squares


class Watch:
    """What is unusual now: stream names and MOVEMENT, the same object until it changes."""

    def __init__(self, threshold: Sequence[float], movement: float) -> None:
        """threshold (8,): the distance from which a device is unusual; movement: the share of it from which all are."""
        self.unusual: tuple[str, ...] = ()
        self._limits = [1.0 / limit**2 for limit in threshold]
        self._movement = movement**2
        self._names = (*STREAM_NAMES, MOVEMENT)
        self._causes, self._held = [0] * len(self._names), [0] * len(self._names)

    def look(self, squared: Sequence[float]) -> None:
        """Takes in the squared distance of each device, a tenth of a second after the last."""
        shares = [square * limit for square, limit in zip(squared, self._limits, strict=True)]
        near = max(1.0, _NAMED_SHARE * max(shares))
        found = [share > near for share in shares]
        found.append(sorted(shares)[-_DEVICES_OF_A_MOVEMENT] > self._movement)
        for i, cause in enumerate(found):
            self._causes[i] = self._causes[i] + 1 if cause else 0
            self._held[i] = HOLD_LOOKS if self._causes[i] >= LOOKS_TO_WARN else max(0, self._held[i] - 1)
        told = tuple([name for name, held in zip(self._names, self._held, strict=True) if held])
        if told != self.unusual:
            self.unusual = told


def _feature_places() -> npt.NDArray[np.intp]:
    """(8, FEATURES): where a device's features stand in the flat statistics; behind them: it has no such one."""
    nowhere = STATISTICS * len(CHANNELS)
    places = np.full((len(STREAMS), FEATURES), nowhere, np.intp)
    for device, stream in enumerate(STREAMS):
        of = [k * len(CHANNELS) + channel for k in range(STATISTICS) for channel in stream.channels]
        places[device, : len(of)] = of
    return places
