"""A trial's joint angles by formula, in the trial's own terms."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from jetson_runtime.inference import segment_angles
from jetson_runtime.inference.tare import Floats, Tare, take_tare
from jetson_runtime.suit.signals import CHANNEL_INDEX, PARTS, RATE_HZ
from jetson_runtime.suit.trial import Trial

# For sensors that measure in their segment's own axes, heading along x: nothing to correct.
EXACT = Tare(np.eye(3), np.eye(3))


def orientations(trial: Trial) -> dict[str, Floats]:
    """part -> (n, 4): the trial's own quaternions, else those of VQF; parts that were not worn are left out."""
    found = {part: _orientation(trial, part) for part in PARTS}
    return {part: values for part, values in found.items() if np.isfinite(values).any()}


def tares(standing: Trial) -> dict[str, Tare]:
    """part -> its tare, from a trial of neutral stance with the suit put on as in the trial to follow."""
    return {part: take_tare(values) for part, values in orientations(standing).items()}


def angles(trial: Trial, tares_of: Mapping[str, Tare] | None = None) -> dict[str, Floats]:
    """OpenSim's coordinate -> (n,) degrees from gravity in each segment; without tares the sensors count as exact."""
    quaternions = orientations(trial)
    return segment_angles.joint_angles(
        quaternions, dict.fromkeys(quaternions, EXACT) if tares_of is None else tares_of
    )


def _orientation(trial: Trial, part: str) -> Floats:
    if part in trial.quaternions:
        return np.asarray(trial.quaternions[part], np.float64)
    # Only trials without quaternions need the filter's library.
    from models.analytical.orientation import from_imu

    first = CHANNEL_INDEX[f"{part}_accel_x"]
    values = trial.channels[:, first : first + 6].astype(np.float64)
    return from_imu(values[:, :3], values[:, 3:], float(RATE_HZ))
