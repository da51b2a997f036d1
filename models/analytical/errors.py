"""Errors of an angle with its constant offset and without it: a tare in neutral stance sets the zero, not OpenSim's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.metrics import rmse


@dataclass(frozen=True)
class AngleError:
    """Degrees. offset: mean of estimate - truth. r: Pearson's correlation, NaN where either does not vary."""

    rmse: float
    offset: float
    rmse_offset_removed: float
    r: float


def angle_error(estimate: npt.ArrayLike, truth: npt.ArrayLike) -> AngleError:
    """Over the rows where both are known; all NaN where none are."""
    a, b = np.asarray(estimate, np.float64), np.asarray(truth, np.float64)
    known = np.isfinite(a) & np.isfinite(b)
    a, b = a[known], b[known]
    offset = float(np.mean(a - b)) if len(a) else float("nan")
    varies = len(a) > 1 and np.ptp(a) > 0.0 and np.ptp(b) > 0.0
    return AngleError(
        rmse=rmse(a, b),
        offset=offset,
        rmse_offset_removed=rmse(a - offset, b),
        r=float(np.corrcoef(a, b)[0, 1]) if varies else float("nan"),
    )
