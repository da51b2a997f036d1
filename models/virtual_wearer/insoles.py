"""How a pressure insole errs: structured, drawn for each putting-on, by as much as the paper's insoles do.

The paper compares its insoles with force plates (III.B): over all tasks the force errs by 0.146 bodyweights, the centre
of pressure by 0.102 foot lengths and 0.096 foot widths; in walking by 0.235, 0.141 and 0.171. It does not say why. The
structure here is of known kinds, each with its reason below; their sizes are FITTED to those six numbers over a cohort
of ten in all 33 conditions (benchmarks/insole_errors.py prints the fit), and stand for nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.signal import lfilter

from jetson_runtime.suit.signals import COP_BODYWEIGHTS
from models.virtual_wearer.dynamics import RATE_HZ
from models.virtual_wearer.frames import Array

RELAXATION_S = 0.15
WARM_MINUTES = 40.0
_REST = np.array([0.4, 0.5])  # where the centre is in quiet standing


@dataclass(frozen=True)
class InsoleError:
    """Of one insole in one putting-on; as made without arguments it has none.

    Force in bodyweights, centre of pressure in foot lengths (ap) and widths (ml); pairs are ap, ml.

    gain        of calibration, and what the shoe's upper and arch carry past the sheet
    offset      read in stance and swing alike: the laced shoe's own pressure, which also draws the centre
    hysteresis  share that foam and sheet give late: less is read in loading, more in unloading
    curvature   relative loss at one bodyweight: cells saturate
    rim         relative loss with the force at heel or toe tip: in heel strike and push-off the shoe's rim carries
    shrink      of the centre's way from where it stands: cells at the sheet's edge read too little
    shift       the sheet lies off in the shoe, and its length and width are not the foot's
    skew        foot widths of ml for a foot length of ap: the sheet's axis is not the foot's
    drift       relative change of gain and offset once the foam is warm and has crept
    """

    gain: float = 1.0
    offset: float = 0.0
    hysteresis: float = 0.0
    curvature: float = 0.0
    rim: float = 0.0
    shrink: tuple[float, float] = (1.0, 1.0)
    shift: tuple[float, float] = (0.0, 0.0)
    skew: float = 0.0
    drift: float = 0.0
    noise: float = 0.0

    def after(self, minutes: float) -> InsoleError:
        """The same insole so long after the putting-on."""
        grown = 1.0 + self.drift * (1.0 - float(np.exp(-minutes / WARM_MINUTES)))
        return replace(self, gain=self.gain * grown, offset=self.offset * grown)


def random_error(rng: np.random.Generator) -> InsoleError:
    """One of the fitted distribution."""
    return InsoleError(
        gain=float(rng.normal(0.835, 0.07)),
        offset=float(rng.uniform(0.0, 0.04)),
        hysteresis=float(rng.uniform(0.05, 0.15)),
        curvature=float(rng.uniform(0.0, 0.10)),
        rim=float(rng.uniform(0.21, 0.83)),
        shrink=(float(rng.uniform(0.43, 0.63)), float(rng.uniform(0.60, 1.00))),
        shift=(float(rng.normal(0.060, 0.015)), float(rng.normal(0.054, 0.025))),
        skew=float(rng.normal(0.375, 0.15)),
        drift=float(rng.normal(0.0, 0.04)),
        noise=float(rng.uniform(0.002, 0.008)),
    )


def read(load: Array, cop: Array, error: InsoleError, rng: np.random.Generator) -> Array:
    """(n, 3) vgrf, cop_ap, cop_ml that an insole tells of a true load (n,) and centre of pressure (n, 2).

    The centre is NaN where less than COP_BODYWEIGHTS is read, as on the device.
    """
    late = _late(load)
    felt = load + error.hysteresis * (late - load)
    lost = error.curvature * felt + error.rim * (2.0 * cop[:, 0] - 1.0) ** 2
    told = error.gain * felt * (1.0 - lost) + error.offset
    told = np.maximum(told + error.noise * rng.normal(size=told.shape), 0.0)
    seen = _centre(load, late, felt, cop, error)
    seen = seen + error.noise * rng.normal(size=seen.shape) / np.maximum(told, 0.05)[:, None]
    seen = np.clip(seen, 0.0, 1.0)
    seen[told < COP_BODYWEIGHTS] = np.nan
    return np.concatenate([told[:, None], seen], axis=1)


def _centre(load: Array, late: Array, felt: Array, cop: Array, error: InsoleError) -> Array:
    """(n, 2): where late and own pressure draw it, then as the sheet's edges, place and turn distort it."""
    own = error.offset / error.gain
    delayed = np.stack([_late(load * axis) for axis in cop.T], axis=1) - late[:, None] * cop
    pull = error.hysteresis * delayed + own * (_REST - cop)
    drawn = cop + pull / np.maximum(felt + own, 1e-3)[:, None]
    turned = np.stack([np.zeros(len(cop)), error.skew * (drawn[:, 0] - _REST[0])], axis=1)
    return np.asarray(drawn + (drawn - _REST) * (np.array(error.shrink) - 1.0) + turned + error.shift)


def _late(values: Array) -> Array:
    """(n,) as a relaxing material gives it, at rest before the first row."""
    decay = np.exp(-1.0 / (RELAXATION_S * RATE_HZ))
    return np.asarray(lfilter([1.0 - decay], [1.0, -decay], values, zi=[decay * values[0]])[0])
