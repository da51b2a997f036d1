"""What formulas make of a trial, beside its labels: the baselines that the networks are compared with."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from jetson_runtime.inference import segment_angles
from jetson_runtime.inference.tare import Floats
from jetson_runtime.suit.signals import LABEL_NAMES
from jetson_runtime.suit.trial import Trial
from models.analytical import relative_angles, trial_angles
from models.analytical.inverse_dynamics import (
    ANGLE_NAMES,
    MOMENT_NAMES,
    InverseDynamics,
    insole_rows,
    substituted,
)


def estimates(
    trial: Trial, standing: Trial | None, inverse_dynamics: InverseDynamics | None
) -> dict[str, Floats]:
    """Estimator -> (n, 14) in the order of LABEL_NAMES, NaN where it tells nothing.

    analytical          the paper's: angles from gravity in each segment, as the tare left them, and the moments that
                        inverse dynamics makes of them with insole force and centre of pressure
    analytical_centred  the same without each angle's mean error over the trial, which only the truth can take away;
                        the moments are those of the angles so mended
    relative            angles alone, from the orientation of one segment in the other

    standing: neutral stance with the suit put on as in `trial`; None where the sensors' axes are their segments'.
    inverse_dynamics: None leaves the moments NaN. Raises ValueError if the wearer moved in `standing`.
    """
    turns = trial_angles.orientations(trial)
    tares = dict.fromkeys(turns, trial_angles.EXACT) if standing is None else trial_angles.tares(standing)
    gravity = segment_angles.joint_angles(turns, tares)
    centred = {name: values - _mean_error(trial, name, values) for name, values in gravity.items()}
    return {
        "analytical": _table(trial, gravity, inverse_dynamics),
        "analytical_centred": _table(trial, centred, inverse_dynamics),
        "relative": _table(trial, relative_angles.joint_angles(turns, tares), None),
    }


def _table(trial: Trial, angles: Mapping[str, Floats], inverse_dynamics: InverseDynamics | None) -> Floats:
    out = np.full((len(trial.time_s), len(LABEL_NAMES)), np.nan)
    for name, values in angles.items():
        out[:, LABEL_NAMES.index(name)] = values
    if inverse_dynamics is not None:
        moments = substituted(inverse_dynamics, angles, insole_rows(trial))
        out[:, [LABEL_NAMES.index(name) for name in MOMENT_NAMES]] = moments
    return out


def _mean_error(trial: Trial, name: str, values: Floats) -> float:
    """Of an angle over the rows where it and its label are known; 0 where there are none."""
    assert name in ANGLE_NAMES
    error = values - trial.labels[:, LABEL_NAMES.index(name)]
    return float(np.nanmean(error)) if np.isfinite(error).any() else 0.0
