"""The two legs as a batch through one network: the left one is the mirrored suit."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from operator import itemgetter

import numpy as np
import numpy.typing as npt

from jetson_runtime.inference.engines.base import Engine
from jetson_runtime.suit.signals import CHANNELS, MIRROR_INDEX, MIRROR_SIGN, OUTCOMES, published_outcomes

_AS_WORN = (tuple(range(len(CHANNELS))), (1.0,) * len(CHANNELS))
_MIRRORED = (MIRROR_INDEX, MIRROR_SIGN)


class Legs:
    """The network's batch: one row for each side asked for, the left one mirrored; and the outcomes it gives."""

    def __init__(self, sides: tuple[str, ...], fill: Sequence[float], engine: Engine) -> None:
        self._engine_step = engine.step
        seen = [_MIRRORED if side == "l" else _AS_WORN for side in sides]
        shape = (len(sides), len(CHANNELS))
        self._index = np.array([index for index, _ in seen], dtype=np.intp)
        self._sign = np.array([sign for _, sign in seen])
        self._fill = np.tile(np.asarray(fill, dtype=np.float64), (len(sides), 1))
        self._seen = np.empty(shape)
        self._absent = np.empty(shape, dtype=bool)
        self._rows = np.zeros(shape, dtype=np.float32)
        self._out = np.full((len(sides), len(OUTCOMES)), np.nan, dtype=np.float32)
        self._answers = self._out.reshape(-1)
        published = published_outcomes(sides)
        batch = {side: i * len(OUTCOMES) for i, side in enumerate(sides)}
        sources = [tuple(batch[side] + i for side, i in item.sources) for item in published]
        self._means = [of for of in sources if len(of) > 1]
        # Their means follow the answers.
        places = iter(range(len(self._answers), len(self._answers) + len(self._means)))
        self._in_order = itemgetter(*(of[0] if len(of) == 1 else next(places) for of in sources))
        self.nothing = (float("nan"),) * len(published)
        self.finite = False

    def step(self, row: npt.NDArray[np.float64]) -> None:
        """One tick of the network on `row` (54,) in the suit's own sides, NaN where there is no value."""
        seen = self._seen
        row.take(self._index, None, seen, "clip")
        np.multiply(seen, self._sign, out=seen)
        np.isnan(seen, out=self._absent)
        np.copyto(seen, self._fill, where=self._absent)
        np.copyto(self._rows, seen, casting="same_kind")
        self._engine_step(self._rows, self._out)

    @property
    def answers(self) -> npt.NDArray[np.float32]:
        """The network's outcomes of the newest row (legs, 8); the same array at each tick."""
        return self._out

    def outcomes(self) -> tuple[float, ...]:
        """In the order of `published_outcomes`; the lower back is the mean of both passes."""
        answers = self._answers.tolist()
        self.finite = isfinite(sum(answers))
        return self.published(answers)

    def published(self, values: list[float]) -> tuple[float, ...]:
        """One value for each outcome of each leg, leg by leg, as `outcomes` does; adds to the list."""
        values += [sum([values[i] for i in of]) / len(of) for of in self._means]
        told: tuple[float, ...] = self._in_order(values)
        return told
