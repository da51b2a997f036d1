"""The two legs as a batch through one network: the left one is the mirrored suit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from jetson_runtime.inference.engines.base import Engine
from jetson_runtime.suit.signals import CHANNELS, MIRROR_INDEX, MIRROR_SIGN, OUTCOMES, published_outcomes
from jetson_runtime.timing.align import empty_row


class Legs:
    """The network's batch: one row for each side asked for, the left one mirrored; and the outcomes it gives."""

    def __init__(self, sides: tuple[str, ...], fill: Sequence[float], engine: Engine) -> None:
        self._engine = engine
        self._sides = sides
        self._fill = np.asarray(fill, dtype=np.float64)
        self._mirror_index = np.array(MIRROR_INDEX)
        self._mirror_sign = np.array(MIRROR_SIGN)
        self._leg = empty_row()
        self._absent = np.empty(len(CHANNELS), dtype=bool)
        self._rows = np.zeros((len(sides), len(CHANNELS)), dtype=np.float32)
        self._published = published_outcomes(sides)
        self._out = np.full((len(sides), len(OUTCOMES)), np.nan, dtype=np.float32)
        batch = {side: i for i, side in enumerate(sides)}
        self._sources = [[(batch[side], i) for side, i in item.sources] for item in self._published]
        self.nothing = (float("nan"),) * len(self._published)
        self.finite = False

    def step(self, row: npt.NDArray[np.float64]) -> None:
        for i, side in enumerate(self._sides):
            if side == "l":
                np.take(row, self._mirror_index, out=self._leg)
                np.multiply(self._leg, self._mirror_sign, out=self._leg)
            else:
                self._leg[:] = row
            np.isnan(self._leg, out=self._absent)
            np.copyto(self._leg, self._fill, where=self._absent)
            self._rows[i] = self._leg
        self._engine.step(self._rows, self._out)

    def outcomes(self) -> tuple[float, ...]:
        """In the order of `published_outcomes`; the lower back is the mean of both passes."""
        self.finite = bool(np.isfinite(self._out).all())
        values = self._out.tolist()
        return tuple(sum(values[b][i] for b, i in rows) / len(rows) for rows in self._sources)
