"""A whole recording through the network at once: the same legs and engine as on the body, without its clock."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from jetson_runtime.inference.engines.base import Engine
from jetson_runtime.inference.legs import Legs
from jetson_runtime.suit.signals import published_outcomes


def outcomes_of_rows(
    rows: npt.NDArray[np.float64], fill: npt.NDArray[np.float64], engine: Engine, sides: tuple[str, ...]
) -> npt.NDArray[np.float64]:
    """Aligned rows (n, 54), one each 5 ms -> (n, k) outcomes in the order of `published_outcomes(sides)`.

    fill: (54,) value of each model channel where a row holds NaN. The engine's batch is len(sides); it is reset.
    """
    engine.reset()
    legs = Legs(sides, fill.tolist(), engine)
    out = np.empty((len(rows), len(published_outcomes(sides))))
    for row, result in zip(rows, out, strict=True):
        legs.step(row)
        result[:] = legs.outcomes()
    return out
