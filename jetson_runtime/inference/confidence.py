"""How far to trust a frame: an interval for each outcome, and a warning where the readings are unlike training's.

What was fitted (`models/confidence`) comes as a bundle's `confidence.npz`. No clock, and no array made in a tick.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from jetson_runtime.inference.watch import FEATURES, VIEWS, Distances, Watch
from jetson_runtime.inference.window import VARIANCE, Doubles, Window
from jetson_runtime.suit.signals import AXES, CHANNEL_INDEX, CHANNELS, OUTCOMES, SIDES, STREAM_INDEX, STREAMS

# What a width depends on, for one leg: 1, its eight outcomes, the force under its own foot and under the other, and how
# each device turns (log variance of its liveliest axis), its own side's before the other's.
WIDTH_INPUTS = 1 + len(OUTCOMES) + len(SIDES) + len(STREAMS)
# Below this a device does not turn: what is left is its noise. (rad/s)², as a logarithm.
_STILL = float(np.log(1e-4))
# A width of which this is the logarithm is no number that anybody needs, but one.
_MOST = 30.0
_FORCES = [CHANNEL_INDEX[f"insole_{side}_vgrf"] for side in SIDES]
# Each device's own, or its opposite's, place in STREAMS, for a leg of each side.
_OF_SIDE = {
    "r": tuple(range(len(STREAMS))),
    "l": tuple(
        STREAM_INDEX[stream.name.removesuffix(stream.side) + {"": "", "r": "l", "l": "r"}[stream.side]]
        for stream in STREAMS
    ),
}


@dataclass(frozen=True)
class Fitted:
    """What was learned from people; all float64.

    coverage (): nominal, of the intervals. false_alarms (): share of time that the thresholds warn of nothing.
    width (WIDTH_INPUTS, 8): an outcome's log half-width is inputs @ width; factor (8,) on it, factor_of_mean (8,) where
    it is told as the mean of both legs' passes. prediction, offset: see Window. centre, whiten, prototypes: see
    Distances. threshold, movement: see Watch.
    """

    coverage: Doubles
    false_alarms: Doubles
    width: Doubles
    factor: Doubles
    factor_of_mean: Doubles
    prediction: Doubles
    offset: Doubles
    centre: Doubles
    whiten: Doubles
    prototypes: Doubles
    threshold: Doubles
    movement: Doubles

    def faults(self) -> list[str]:
        """Each array that has another shape than the suit needs, or a number that is not finite."""
        wrong = []
        for name, wanted in _SHAPES.items():
            found = getattr(self, name)
            if len(found.shape) != len(wanted) or any(
                w not in (f, None) for f, w in zip(found.shape, wanted, strict=True)
            ):
                wrong.append(f"{name}: shape is {found.shape}, the suit's is {wanted}")
            elif not np.isfinite(found).all():
                wrong.append(f"{name}: is not all finite")
        return wrong


_SHAPES: dict[str, tuple[int | None, ...]] = {
    "coverage": (),
    "false_alarms": (),
    "width": (WIDTH_INPUTS, len(OUTCOMES)),
    "factor": (len(OUTCOMES),),
    "factor_of_mean": (len(OUTCOMES),),
    "prediction": (len(CHANNELS), len(CHANNELS)),
    "offset": (len(CHANNELS),),
    "centre": (len(VIEWS), len(STREAMS), FEATURES),
    "whiten": (len(VIEWS), len(STREAMS), FEATURES, FEATURES),
    "prototypes": (len(VIEWS), len(STREAMS), None, FEATURES),
    "threshold": (len(VIEWS) * len(STREAMS),),
    "movement": (),
}
NAMES = tuple(field.name for field in fields(Fitted))


class Confidence:
    """`update` with each aligned row; then `unusual` and `half_widths` speak of it."""

    def __init__(self, fitted: Fitted, sides: tuple[str, ...], fill: Sequence[float]) -> None:
        """sides: of the network's batch. fill: what a channel without a value counts as."""
        self._window = Window(fitted.prediction, fitted.offset, fill)
        self._distances = Distances(fitted.centre, fitted.whiten, fitted.prototypes)
        self._watch = Watch(fitted.threshold.tolist(), float(fitted.movement))
        self._inputs = WidthInputs(sides)
        self._width = fitted.width
        of_mean = np.array([not outcome.sided and len(sides) > 1 for outcome in OUTCOMES])
        self._factor = np.where(of_mean, fitted.factor_of_mean, fitted.factor)
        self._told = np.zeros((len(sides), len(OUTCOMES)))
        # A look is spread over ticks, so that none of them takes long.
        self._steps = (self._window.summarise, self._measure, self._look, self._turn)
        self._next = len(self._steps)
        self._squared = [0.0] * len(STREAMS)

    @property
    def unusual(self) -> tuple[str, ...]:
        """Streams, or "movement", that read unlike training; empty for the first half second."""
        return self._watch.unusual

    @property
    def round(self) -> int:
        """Where it is in the round of its window, in ticks."""
        return self._window.round

    def start_at(self, round_: int) -> None:
        """Before the first row: in step with another that was there in its round."""
        self._window.round = round_

    def update(self, row: Doubles) -> None:
        """The newest row (54,), NaN where there is no value."""
        if self._next < len(self._steps):
            self._steps[self._next]()
            self._next += 1
        if self._window.update(row):
            self._next = 0

    def half_widths(self, outcomes: npt.NDArray[np.float32]) -> list[float]:
        """Of the legs' outcomes (legs, 8), one leg after the other."""
        told = self._told
        np.matmul(self._inputs.of(self._window.row, outcomes), self._width, told)
        np.minimum(told, _MOST, out=told)
        np.exp(told, told)
        np.multiply(told, self._factor, told)
        flat: list[float] = told.reshape(-1).tolist()
        return flat

    def _measure(self) -> None:
        self._squared = self._distances.squared(self._window.statistics)

    def _look(self) -> None:
        self._watch.look(self._squared)

    def _turn(self) -> None:
        self._inputs.turning(self._window.statistics)


class WidthInputs:
    """What each leg's widths depend on (legs, WIDTH_INPUTS): `turning` with new statistics, `of` with each row."""

    def __init__(self, sides: tuple[str, ...]) -> None:
        legs, outcomes = len(sides), len(OUTCOMES)
        self._inputs = np.zeros((legs, WIDTH_INPUTS))
        self._inputs[:, 0] = 1.0
        self._outcomes = self._inputs[:, 1 : 1 + outcomes]
        self._forces = self._inputs[:, 1 + outcomes : 1 + outcomes + len(SIDES)]
        self._turning = self._inputs[:, 1 + outcomes + len(SIDES) :]
        self._turning[:] = _STILL
        self._feet = np.array([_FORCES if side == "r" else _FORCES[::-1] for side in sides])
        self._devices = np.array([_OF_SIDE[side] for side in sides])
        self._axes = np.array([[CHANNEL_INDEX[f"{s.part}_gyro_{axis}"] for axis in AXES] for s in STREAMS])
        self._axis = np.zeros(self._axes.shape)
        self._most = np.zeros(len(STREAMS))
        self._taken, self._borne = np.zeros((legs, len(STREAMS))), np.zeros((legs, len(SIDES)))

    def turning(self, statistics: Doubles) -> None:
        """Takes in the statistics (6, 54) of a Window."""
        statistics[VARIANCE].take(self._axes, None, self._axis, "clip")
        np.maximum.reduce(self._axis, 1, out=self._most)
        np.maximum(self._most, _STILL, out=self._most)
        self._most.take(self._devices, None, self._taken, "clip")
        np.copyto(self._turning, self._taken)

    def of(self, row: Doubles, outcomes: npt.NDArray[np.float32]) -> Doubles:
        """For a filled row (54,) and the legs' outcomes (legs, 8); the same array each time."""
        np.copyto(self._outcomes, outcomes)
        row.take(self._feet, None, self._borne, "clip")
        np.copyto(self._forces, self._borne)
        return self._inputs
