"""A bundle's estimates of a trial as the suit would tell them: the runtime's rows, legs, engine and fill values."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from jetson_runtime.inference import engines
from jetson_runtime.inference.bundle import Baselines, Bundle
from jetson_runtime.inference.engines.base import Engine
from jetson_runtime.inference.offline import outcomes_of_rows
from jetson_runtime.suit import signals
from jetson_runtime.suit.errors import BundleError
from jetson_runtime.suit.trial import Trial
from models.data.dataset import Recording, mirrored
from models.evaluation.series import Doubles, Series
from models.network.tcn import HISTORY

_FILL = np.asarray(signals.CHANNEL_FILL, np.float64)
_NAN = float("nan")


class Device:
    """Plays recordings through one engine for both legs: native where it is built, else NumPy's."""

    def __init__(self, bundle: Bundle) -> None:
        self._engine = reference_engine(bundle)
        self._baselines = bundle.baselines()

    @property
    def engine(self) -> str:
        """Its name."""
        return self._engine.name

    def series(
        self,
        recording: Recording,
        others: Mapping[str, Doubles] | None = None,
        unscored: npt.NDArray[np.bool_] | None = None,
    ) -> Series:
        """Truth, `tcn`, `constant`, `ridge` and the `others` (n, 14), known from the 249th row on.

        A trial that would have fewer than 248 rows scored is led in by its first row held, and counts from its first
        row. unscored: (n,) rows without truth beside those that say so themselves.
        """
        count = len(recording.rows)
        lead = HISTORY if count < 2 * HISTORY else 0
        rows = np.concatenate([np.repeat(recording.rows[:1], lead, axis=0), recording.rows])
        estimates = {
            "tcn": outcomes_of_rows(rows.astype(np.float64), _FILL, self._engine, signals.SIDES)[lead:],
            **_simple(self._baselines, recording.rows),
            **(others or {}),
        }
        truth = recording.labels.astype(np.float64)
        if unscored is not None:
            truth[unscored] = _NAN
        for values in (truth, *estimates.values()):
            values[: HISTORY - lead] = _NAN
        return Series(
            recording.name, recording.subject, recording.task, recording.condition, truth, estimates
        )


def unknown_ground(trial: Trial) -> npt.NDArray[np.bool_]:
    """(n,) where a worn insole has no force: the foot stands on what was not measured, and nothing is scored."""
    force = trial.channels[:, [signals.CHANNEL_INDEX[f"insole_{side}_vgrf"] for side in signals.SIDES]]
    unknown = np.isnan(force)
    return np.asarray((unknown & ~unknown.all(axis=0)).any(axis=1))


def reference_engine(bundle: Bundle) -> Engine:
    """For both legs: native where it is built, else NumPy's; never whichever is fastest today."""
    try:
        return engines.create("native", bundle, len(signals.SIDES))
    except BundleError:
        return engines.create("numpy", bundle, len(signals.SIDES))


def _simple(baselines: Baselines, rows: npt.NDArray[np.float32]) -> dict[str, Doubles]:
    constant = np.tile(baselines.mean, (len(rows), 1))
    ridge = {"r": baselines.ridge(rows), "l": baselines.ridge(mirrored(rows))}
    return {"constant": _published(dict.fromkeys(signals.SIDES, constant)), "ridge": _published(ridge)}


def _published(of_side: Mapping[str, Doubles]) -> Doubles:
    """(n, 8) of each leg -> (n, 14): the lower back is the mean of both passes, as on the device."""
    items = signals.published_outcomes(signals.SIDES)
    columns = [np.mean([of_side[side][:, i] for side, i in item.sources], axis=0) for item in items]
    return np.stack(columns, axis=1)
