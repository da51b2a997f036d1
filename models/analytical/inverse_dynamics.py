"""Joint moments from the suit's own angles, insole force and centre of pressure, everything else true (II.E).

The paper's best case: true are the pelvis' pose, the joints' other degrees of freedom, arms and loads, the shear
forces and the ground's free moment, the hands' forces and the body's masses and lengths.

Where the ground pushes is told by the insole in the foot's terms, and the foot of the replaced angles is not where the
true foot is. The paper does not say which was meant:

    ground  the point is put into the laboratory by the true foot, as a force plate's is: what an angle's error moves
            is the joints above it, and the moments' error grows towards the ground, as the paper's numbers are printed
    foot    the point goes with the replaced foot: the error grows away from the ground, as the paper's discussion says
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Protocol, TypeAlias

import numpy as np

from jetson_runtime.inference.tare import Floats
from jetson_runtime.suit.signals import CHANNEL_INDEX, LABEL_NAMES, SIDES
from jetson_runtime.suit.trial import Trial

# Of the right and the left foot: rotation (n, 2, 3, 3), its columns the foot's axes, and origin (n, 2, 3).
Feet: TypeAlias = "tuple[Floats, Floats]"
Point = Literal["ground", "foot"]

MOMENT_NAMES = tuple(name for name in LABEL_NAMES if name.endswith("_moment"))
ANGLE_NAMES = tuple(name.removesuffix("_moment") for name in MOMENT_NAMES)


class InverseDynamics(Protocol):
    """The inverse dynamics of one trial, in which what the suit measures can be put in place of what is true."""

    def moments(self, angles: Mapping[str, Floats], soles: Floats | None) -> Floats:
        """(n, 7) Nm/kg in the order of MOMENT_NAMES, low-passed at 6 Hz.

        angles: coordinate -> (n,) degrees without NaN; those that are not given stay true. soles: (n, 2, 3) vgrf,
        cop_ap, cop_ml of the right and the left without NaN, or None for the true ground force.
        """
        ...


def insole_rows(trial: Trial) -> Floats:
    """(n, 2, 3) the trial's vgrf, cop_ap, cop_ml, right then left."""
    picks = [
        CHANNEL_INDEX[f"insole_{side}_{value}"] for side in SIDES for value in ("vgrf", "cop_ap", "cop_ml")
    ]
    return trial.channels[:, picks].astype(np.float64).reshape(-1, 2, 3)


def substituted(dynamics: InverseDynamics, angles: Mapping[str, Floats], insoles: Floats) -> Floats:
    """(n, 7): `dynamics.moments` of angles and insoles with gaps; NaN in the rows where any of them is not known.

    A centre of pressure that is not known under next to no load is held. An insole that never spoke leaves all NaN.
    """
    known = np.all([np.isfinite(values) for values in angles.values()], axis=0) & np.all(
        np.isfinite(insoles[:, :, 0]), axis=1
    )
    if not known.any():
        return np.full((len(insoles), len(MOMENT_NAMES)), np.nan)
    bridged = {name: _bridged(values) for name, values in angles.items()}
    soles = np.stack([_bridged(column) for column in insoles.reshape(len(insoles), -1).T], axis=1)
    moments = dynamics.moments(bridged, soles.reshape(insoles.shape))
    return np.where(known[:, None], moments, np.nan)


def carried(place: Floats, true: Feet, moved: Feet) -> Floats:
    """(n, 2, 3) points under the true feet, where the moved feet take them."""
    local = np.einsum("nfji,nfj->nfi", true[0], place - true[1])
    return np.asarray(moved[1] + np.einsum("nfij,nfj->nfi", moved[0], local))


def _bridged(values: Floats) -> Floats:
    """(n,) with gaps filled on a straight line, so that a derivative does not see them; the middle if nothing is."""
    known = np.flatnonzero(np.isfinite(values))
    if len(known) == 0:
        return np.full(len(values), 0.5)
    return np.interp(np.arange(len(values)), known, values[known])
