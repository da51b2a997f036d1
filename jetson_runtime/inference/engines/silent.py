"""In the place of an engine where bytes are replayed for what the sensors told: it says nothing."""

from __future__ import annotations

import numpy as np

from jetson_runtime.inference.engines.base import Array
from jetson_runtime.suit.config import Precision


class Silent:
    """Every outcome is NaN."""

    name = "silent"
    precision: Precision = "fp32"

    def __init__(self, batch: int) -> None:
        self.batch = batch

    def step(self, rows: Array, out: Array) -> None:
        """As of Engine."""
        out.fill(np.nan)

    def reset(self) -> None:
        """As of Engine."""
