"""Joint power: moment times angular velocity of the same coordinate."""

from __future__ import annotations

import numpy as np

from jetson_runtime.suit.signals import LABEL_NAMES, RATE_HZ
from models.metrics import Doubles

# Each coordinate's columns of angle and moment among LABEL_NAMES; power has these coordinates' order.
COORDINATES: tuple[str, ...] = tuple(name for name in LABEL_NAMES if not name.endswith("_moment"))
_ANGLES = [LABEL_NAMES.index(name) for name in COORDINATES]
_MOMENTS = [LABEL_NAMES.index(f"{name}_moment") for name in COORDINATES]


def joint_power(labels: Doubles) -> Doubles:
    """(n, 7) W/kg in the order of COORDINATES from labels (n, 14): positive where the joint gives energy.

    Of the sagittal coordinate alone, by central differences; NaN where angle, its neighbours or moment are unknown.
    """
    rate = np.gradient(np.radians(labels[:, _ANGLES]), 1.0 / RATE_HZ, axis=0)
    return np.asarray(rate * labels[:, _MOMENTS], np.float64)
