"""What an inference engine is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from jetson_runtime.suit.config import DEFAULT_CACHE, Precision, ProviderName

Array = npt.NDArray[np.float32]


def _nothing() -> None:
    """Nobody has to know."""


class EngineOptions(NamedTuple):
    """What `[model]` says beside the engine's name; each engine reads what concerns it.

    precision: of the stored weights (native, tensorrt). provider: where onnxruntime computes. cache: folder for
    engines that tensorrt built. before_build: called before what may take minutes, and not where the cache saves it.
    """

    precision: Precision = "fp32"
    provider: ProviderName = "cpu"
    cache: Path = DEFAULT_CACHE
    before_build: Callable[[], None] = _nothing


class Engine(Protocol):
    """All outcomes of one tick from one row for each leg; keeps the history of the network inside.

    After a reset the history is the network's own zeros, so the first answers equal those of the network on a
    sequence that begins there; the 248 ticks after it are not for use.
    """

    name: str
    batch: int
    # Of the stored weights.
    precision: Precision

    def step(self, rows: Array, out: Array) -> None:
        """rows (batch, 54) in SI units without NaN -> out (batch, 8), written in place, in outcome units."""
        ...

    def reset(self) -> None:
        """Forgets the history."""
        ...
