"""Orientation of a sensor that gives none, from its specific force and angular rate alone.

VQF (Laidig & Seel 2023, Information Fusion 91, 187-204), its authors' own library (MIT): gravity is found in a frame
that turns with nothing, the gyroscope's bias from rest and movement. The off-line form runs forwards and backwards.
"""

from __future__ import annotations

import numpy as np
from vqf import offlineVQF

from jetson_runtime.inference.tare import Floats

# Its world is east-north-up; the trial's is x forward, y up, z right: a quarter turn back about x.
_TRIAL_IN_ENU = (np.sqrt(0.5), -np.sqrt(0.5))


def from_imu(accel: Floats, gyro: Floats, rate_hz: float) -> Floats:
    """(n, 4) quaternions in the trial's world (y up) from specific force (n, 3) and angular rate (n, 3) rad/s.

    Yaw begins anywhere and drifts. NaN for the whole sensor where any of its values is NaN: the filter has a memory.
    """
    if not (np.isfinite(accel).all() and np.isfinite(gyro).all()):
        return np.full((len(accel), 4), np.nan)
    found = offlineVQF(
        np.ascontiguousarray(gyro, np.float64), np.ascontiguousarray(accel, np.float64), None, 1.0 / rate_hz
    )
    w, x, y, z = np.asarray(found["quat6D"], np.float64).T
    c, s = _TRIAL_IN_ENU
    return np.stack([c * w - s * x, c * x + s * w, c * y - s * z, c * z + s * y], axis=1)
