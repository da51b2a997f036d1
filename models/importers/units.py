"""Units that other laboratories write, as factors to ours. What depends on the wearer is divided by the wearer's."""

from __future__ import annotations

import numpy as np

from jetson_runtime.suit.signals import STANDARD_GRAVITY
from jetson_runtime.suit.trial import TrialMeta

_DEGREE = np.pi / 180.0
_POUND_KG, _INCH_M = 0.45359237, 0.0254

TIME_S = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
ACCEL = {"m/s2": 1.0, "g": STANDARD_GRAVITY, "mg": 1e-3 * STANDARD_GRAVITY, "mm/s2": 1e-3, "ft/s2": 0.3048}
GYRO = {"rad/s": 1.0, "deg/s": _DEGREE, "mrad/s": 1e-3, "mdeg/s": 1e-3 * _DEGREE}
ANGLE_DEG = {"deg": 1.0, "rad": 1.0 / _DEGREE}
# Newtons, or, with the wearer's weight in them, bodyweights.
_NEWTONS = {"N": 1.0, "kN": 1e3, "kgf": STANDARD_GRAVITY, "lbf": _POUND_KG * STANDARD_GRAVITY}
_BODYWEIGHTS = {"bodyweights": 1.0, "percent": 0.01, "N/kg": 1.0 / STANDARD_GRAVITY}
_METRES = {"m": 1.0, "cm": 0.01, "mm": 1e-3, "in": _INCH_M}
_SHARES = {"foot": 1.0, "percent": 0.01}
_NEWTON_METRES = {"Nm": 1.0, "Nmm": 1e-3}
_NEWTON_METRES_KG = {"Nm/kg": 1.0, "Nmm/kg": 1e-3}

FORCE_UNITS = (*_NEWTONS, *_BODYWEIGHTS)
CENTRE_UNITS = (*_SHARES, *_METRES)
MOMENT_UNITS = (*_NEWTON_METRES_KG, *_NEWTON_METRES)


def bodyweights(unit: str, meta: TrialMeta) -> float:
    """Factor from `unit` to bodyweights of the wearer."""
    if unit in _BODYWEIGHTS:
        return _BODYWEIGHTS[unit]
    return _NEWTONS[unit] / (meta.body_mass_kg * STANDARD_GRAVITY)


def feet(unit: str, length_m: float) -> float:
    """Factor from `unit` to shares of a foot's length, or of its width, of `length_m`."""
    return _SHARES[unit] if unit in _SHARES else _METRES[unit] / length_m


def label(unit: str, meta: TrialMeta) -> float:
    """Factor from `unit` to degrees or Nm/kg."""
    if unit in ANGLE_DEG:
        return ANGLE_DEG[unit]
    return _NEWTON_METRES_KG[unit] if unit in _NEWTON_METRES_KG else _NEWTON_METRES[unit] / meta.body_mass_kg
