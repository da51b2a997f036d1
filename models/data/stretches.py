"""Runs of True."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def stretches(flags: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """[first, end) of each run of True in `flags` (n,)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return [(int(first), int(end)) for first, end in zip(edges[::2], edges[1::2], strict=True)]
