"""What is compared: the truth of one trial and what each estimator says of it, row by row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from jetson_runtime.suit import signals
from models import metrics
from models.files import whole

Doubles = npt.NDArray[np.float64]

# Estimators that are no network's nor regression's: offset kept; offset removed; the compared way.
FORMULAS = ("analytical", "analytical_centred", "relative")
# outcome -> its columns among LABEL_NAMES: right and left, or the one of the lower back.
COLUMNS: Mapping[str, tuple[int, ...]] = {
    outcome.name: tuple(
        dict.fromkeys(signals.LABEL_NAMES.index(outcome.published(side)) for side in signals.SIDES)
    )
    for outcome in signals.OUTCOMES
}


@dataclass(frozen=True)
class Series:
    """One trial: `truth` (n, 14) in the order of LABEL_NAMES, NaN where not scored; estimator -> (n, 14).

    Estimates are NaN where there is none, as before the network has seen its whole history of 248 rows.
    Rows are 5 ms apart. task: L, PP, PS, SH, SP, VA, W or other:<name>; condition: the code in tasks.csv or empty.
    """

    name: str
    subject: str
    task: str
    condition: str
    truth: Doubles
    estimates: dict[str, Doubles]

    def filtered(self) -> Series:
        """The same after the paper's zero-lag 6 Hz filter, on truth and estimates alike."""
        estimates = {name: metrics.filtered(values) for name, values in self.estimates.items()}
        return replace(self, truth=metrics.filtered(self.truth), estimates=estimates)


def save(path: Path, series: Sequence[Series]) -> None:
    """Writes `series` as one .npz of single precision, whole or not at all."""
    arrays: dict[str, Any] = {}
    for i, one in enumerate(series):
        arrays[f"{i}/about"] = np.array([one.name, one.subject, one.task, one.condition])
        arrays[f"{i}/truth"] = one.truth.astype(np.float32)
        arrays |= {f"{i}/of/{name}": values.astype(np.float32) for name, values in one.estimates.items()}
    with whole(path) as fresh, fresh.open("wb") as out:
        np.savez(out, **arrays)


def load(path: Path) -> list[Series]:
    """What `save` wrote."""
    with np.load(path) as table:
        made: list[Series] = []
        for i in range(sum(key.endswith("/about") for key in table.files)):
            name, subject, task, condition = map(str, table[f"{i}/about"])
            lead = f"{i}/of/"
            estimates = {
                key.removeprefix(lead): table[key].astype(np.float64)
                for key in table.files
                if key.startswith(lead)
            }
            truth = table[f"{i}/truth"].astype(np.float64)
            made.append(Series(name, subject, task, condition, truth, estimates))
    return made
