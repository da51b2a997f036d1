"""What bore the wearer on the suit's grid: each foot's load, what the insoles would read, where it is not known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.interpolate import make_interp_spline

from jetson_runtime.suit.signals import RATE_HZ, STANDARD_GRAVITY
from models.data.filters import acceleration, resampled, smoothed
from models.importers import insoles
from models.importers.body_model import BodyModel, Poses
from models.importers.ground import LOADED_N, FootLoads, Plates, assign, bouts, centre_of_pressure, hands_of

Doubles = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

# The shortest time that a foot stands on something.
_STANCE_S = 0.1
# A foot that has moved less than this has not stepped off its plate.
_REST_M = 0.05


@dataclass(frozen=True)
class Borne:
    """raw and filtered: the feet's loads, the second low-passed like the labels. height_m: of the plates.

    soles: (n, 6) what plates say in the insoles' units, NaN where a foot stands on what is no plate. unknown (n,):
    something beside the feet's plates bears the body, so no leg's moment is known; touched (n,): it may touch the trunk
    (a chair, hands).
    """

    raw: FootLoads
    filtered: FootLoads
    height_m: float
    soles: Doubles
    unknown: Flags
    touched: Flags


def borne(
    model: BodyModel,
    plates: Plates,
    ridden: Poses,
    true: Poses,
    at: Doubles,
    cutoff_hz: float,
    residual_n_per_kg: float,
) -> Borne:
    """Plates to feet by the centre of pressure, and which rows are known by Newton's law.

    ridden: what sensors ride on, true: what labels are true of, both at the times `at`. Where the residual force
    exceeds `residual_n_per_kg`, something that is not measured bears the wearer.
    """
    foot = insoles.foot_of(model)
    heels, toes = insoles.ends(ridden, foot)
    there = [resampled(end, at, plates.time_s) for end in (heels, toes)]
    loads = assign(plates, *there)
    raw, filtered = _on_grid(loads, at, None), _on_grid(loads, at, cutoff_hz)
    lost = _residual(filtered, true, model.mass_kg) > residual_n_per_kg
    # A foot that bears nothing on a plate, while for a time the body is borne by something, stands on what is no plate,
    # unless it rests where it was loaded: then the wearer sits.
    loaded = raw.force[..., 1] >= LOADED_N
    resting = np.stack([_resting(loaded[:, s], heels[:, s]) for s in range(2)], axis=1)
    known = raw.measured & ~(_lasting(lost, round(_STANCE_S * RATE_HZ))[:, None] & ~loaded & ~resting)
    # Taken at the height that the plates say.
    floor = [name not in hands_of(plates.names) for name in plates.names]
    height = float(np.nanmedian(plates.point[:, floor][plates.force[:, floor, 1] > LOADED_N][:, 1]))
    centre = centre_of_pressure(raw.force, raw.moment, height)
    soles = insoles.insole_channels(raw.force, centre, ridden, foot, model.mass_kg)
    soles[~np.repeat(known, 3, axis=1)] = np.nan
    both = np.all(known, axis=1)
    # Feet on no plate do not touch the trunk's moment; a chair or a load in the hands may.
    return Borne(raw, filtered, height, soles, lost | ~both, lost & both)


def _resting(loaded: Flags, heel: Doubles) -> Flags:
    """(n,) where the heel (n, 3) is still, or already, where the foot last bore or next bears load."""
    rows = np.arange(len(loaded))
    before = np.maximum.accumulate(np.where(loaded, rows, -1))
    after = np.minimum.accumulate(np.where(loaded, rows, len(rows))[::-1])[::-1]
    near = np.zeros(len(rows), np.bool_)
    for found, at in ((before >= 0, before), (after < len(rows), after)):
        there = heel[np.clip(at, 0, len(rows) - 1)]
        near |= found & (np.linalg.norm(heel - there, axis=1) < _REST_M)
    return near


def _lasting(flags: Flags, least: int) -> Flags:
    """`flags` without the runs that are shorter than `least` rows: a landing's impact is no stance."""
    out = np.zeros_like(flags)
    for first, last in bouts(flags):
        out[first:last] = last - first >= least
    return out


def _on_grid(loads: FootLoads, at: Doubles, cutoff_hz: float | None) -> FootLoads:
    """The loads at the times `at`, low-passed if a cut-off is given; unmeasured outside the plates' time."""

    def taken(values: Doubles) -> Doubles:
        if cutoff_hz is None:
            # A spline rings where a foot strikes: before it the force would be negative.
            return np.asarray(make_interp_spline(loads.time_s, values, k=1)(at.clip(*loads.time_s[[0, -1]])))
        return smoothed(values, loads.time_s, at, cutoff_hz)

    inside = (at >= loads.time_s[0] - 1e-6) & (at <= loads.time_s[-1] + 1e-6)
    nearest = np.clip(np.searchsorted(loads.time_s, at), 0, len(loads.time_s) - 1)
    measured = loads.measured[nearest] & inside[:, None]
    return FootLoads(
        at,
        taken(loads.force),
        taken(loads.moment),
        taken(loads.hand_force),
        taken(loads.hand_moment),
        measured,
        loads.strays,
    )


def _residual(loads: FootLoads, true: Poses, mass_kg: float) -> Doubles:
    """(n,) force per mass [N/kg] that the body's acceleration asks for and the plates do not give (Newton's law)."""
    needed = acceleration(true.mass_centre)
    needed[:, 1] += STANDARD_GRAVITY
    given = (loads.force + loads.hand_force).sum(axis=1) / mass_kg
    return np.asarray(np.linalg.norm(given - needed, axis=1), np.float64)
