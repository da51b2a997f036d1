"""The figures that gait laboratories quote of a walk, stride by stride, from the right foot's heel strikes."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from jetson_runtime.suit.signals import LABEL_NAMES
from models.virtual_wearer.anthropometry import Body
from models.virtual_wearer.checks import mass_centre
from models.virtual_wearer.dynamics import GRAVITY, RATE_HZ
from models.virtual_wearer.frames import Array
from models.virtual_wearer.wearer import Physics, filter_labels, labels_of

CONTACT_BODYWEIGHTS = 0.001
PLATE_BODYWEIGHTS = 0.03  # about the 20 N at which a force plate's contact is often said to begin


def stride_figures(physics: Physics, body: Body, margin_s: float = 1.5) -> dict[str, Array]:
    """Name -> (strides,): angles in deg, moments in Nm/kg, forces in bodyweights, instants in % of the stride.

    Only strides farther than `margin_s` from both ends count. Labels are filtered as those of a trial.
    """
    labels = filter_labels(labels_of(physics, body))
    columns = dict(zip(LABEL_NAMES, labels.T, strict=True))
    force = physics.ground.force / (body.mass_kg * GRAVITY)
    strikes = heel_strikes(force[:, 0, 1])
    edge = int(margin_s * RATE_HZ)
    strikes = strikes[(strikes > edge) & (strikes < len(force) - edge)]
    rows = []
    for first, last in pairwise(int(strike) for strike in strikes):
        stride = slice(first, last)
        one = {name: values[stride] for name, values in columns.items()}
        centre = mass_centre(physics, body)[first : last + 1]
        rows.append(_timing(force[stride], centre) | _angles(one) | _moments(one) | _forces(force[stride]))
    return {name: np.array([row[name] for row in rows]) for name in rows[0]} if rows else {}


def heel_strikes(vertical: Array) -> npt.NDArray[np.intp]:
    """Indices at which a foot's vertical force (n,) in bodyweights sets in."""
    on = vertical > CONTACT_BODYWEIGHTS
    return np.flatnonzero(on[1:] & ~on[:-1]) + 1


def _timing(force: Array, centre: Array) -> dict[str, float]:
    """`force` (n, 2, 3) of one stride, the centre of mass (n + 1, 3) over it."""
    n = len(force)
    length, rise, sway = np.ptp(centre, axis=0)
    return {
        "cadence, steps/min": 120.0 * RATE_HZ / n,
        "stride, m": float(length),
        "stance, %": float(100.0 * (force[:, 0, 1] > CONTACT_BODYWEIGHTS).mean()),
        "stance over 3 % of weight, %": float(100.0 * (force[:, 0, 1] > PLATE_BODYWEIGHTS).mean()),
        "centre of mass up and down, cm": float(100.0 * rise),
        "centre of mass sideways, cm": float(100.0 * sway),
    }


def _angles(one: dict[str, Array]) -> dict[str, float]:
    hip, knee, ankle = (one[name] for name in ("hip_flexion_r", "knee_angle_r", "ankle_angle_r"))
    at = _percent(len(hip))
    return {
        "hip flexion, greatest": float(hip.max()),
        "hip flexion, range": float(np.ptp(hip)),
        "hip extension greatest at": float(at[hip.argmin()]),
        "knee flexion at heel strike": float(knee[0]),
        "knee flexion, loading": float(knee[at < 30].max()),
        "knee flexion, least in stance": float(knee[(at > 20) & (at < 55)].min()),
        "knee flexion, swing": float(knee.max()),
        "knee flexion greatest at": float(at[knee.argmax()]),
        "dorsiflexion, stance": float(ankle[(at > 15) & (at < 60)].max()),
        "dorsiflexion, late swing": float(ankle[at > 80].max()),
        "plantarflexion, greatest": float(-ankle.min()),
    }


def _moments(one: dict[str, Array]) -> dict[str, float]:
    joints = ("hip_flexion_r_moment", "knee_angle_r_moment", "ankle_angle_r_moment")
    hip, knee, ankle = (one[name] for name in joints)
    at = _percent(len(hip))
    return {
        "hip extension moment": float(-hip[at < 30].min()),
        "hip flexion moment": float(hip[(at > 35) & (at < 75)].max()),
        "knee extension moment, loading": float(-knee[at < 35].min()),
        "dorsiflexion moment, early": float(ankle[at < 15].max()),
        "plantarflexion moment": float(-ankle.min()),
        "plantarflexion moment greatest at": float(at[ankle.argmin()]),
    }


def _forces(force: Array) -> dict[str, float]:
    vertical, fore = force[:, 0, 1], force[:, 0, 0]
    at = _percent(len(force))
    return {
        "vertical force, first peak": float(vertical[at < 31].max()),
        "vertical force, valley": float(vertical[(at > 20) & (at < 42)].min()),
        "vertical force, second peak": float(vertical[at > 38].max()),
        "braking force": float(-fore.min()),
        "propulsive force": float(fore.max()),
    }


def _percent(n: int) -> Array:
    return np.asarray(100.0 * np.arange(n) / n)
