"""The compiled kernel: native/module.cpp."""

from typing import Any

import numpy as np
import numpy.typing as npt

_Floats = npt.NDArray[np.float32]
_Weights = npt.NDArray[np.floating[Any]]

VARIANTS: tuple[str, ...]
"""The instruction sets this build has and this processor can run, the fastest first."""

class Tcn:
    packed_bytes: int

    def __init__(
        self,
        *,
        variant: str,
        legs: int,
        half: bool,
        kernel: int,
        input_mean: _Floats,
        input_scale: _Floats,
        match: tuple[_Weights, _Floats],
        convolutions: list[tuple[_Weights, _Floats, int]],
        head: tuple[_Floats, _Floats],
        output_mean: _Floats,
        output_sd: _Floats,
    ) -> None: ...
    def step(self, rows: _Floats, out: _Floats) -> None: ...
    def reset(self) -> None: ...
    def read_once(self) -> int: ...
