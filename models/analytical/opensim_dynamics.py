"""OpenSim's inverse dynamics of an imported trial with the suit's readings put in place of the laboratory's."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from jetson_runtime.inference.tare import Floats
from jetson_runtime.suit.signals import LABEL_NAMES, RATE_HZ, SIDES, STANDARD_GRAVITY
from jetson_runtime.suit.trial import Trial
from models.analytical.inverse_dynamics import MOMENT_NAMES, Feet, Point, carried
from models.data.filters import LABEL_CUTOFF_HZ, lowpass
from models.importers import insoles, opensim_tools
from models.importers import worked as kept
from models.importers.body_model import Poses
from models.importers.ground import FootLoads, centre_of_pressure
from models.importers.worked import Worked


class OpenSimDynamics:
    """models.analytical.inverse_dynamics.InverseDynamics of an imported trial, by OpenSim's own tool."""

    def __init__(self, worked: Worked, point: Point = "ground") -> None:
        """Raises ValueError for a trial without ground forces."""
        if worked.borne is None:
            raise ValueError("the trial has no ground forces: nothing can be asked of inverse dynamics")
        self._worked, self._borne, self._point = worked, worked.borne, point
        self._signs = worked.model.signs()

    def moments(self, angles: Mapping[str, Floats], soles: Floats | None) -> Floats:
        """See InverseDynamics.moments; NaN also where the laboratory's own moments are unknown."""
        worked, values = self._worked, self._worked.values.copy()
        for name, degrees in angles.items():
            if name in worked.names and name in self._signs:
                turned = self._signs[name] * np.radians(degrees)[:, None]
                values[:, worked.names.index(name)] = lowpass(turned, RATE_HZ, LABEL_CUTOFF_HZ)[:, 0]
        loads = self._loads(values, soles)
        with tempfile.TemporaryDirectory(prefix="opensim_") as folder:
            table = opensim_tools.inverse_dynamics(
                worked.model, worked.names, values, loads, Path(folder), "put_in"
            )
        out = np.full((len(values), len(MOMENT_NAMES)), np.nan)
        for k, moment in enumerate(MOMENT_NAMES):
            name = moment.removesuffix("_moment")
            if moment in table.names and name in self._signs:
                out[:, k] = self._signs[name] * table.column(moment) / worked.model.mass_kg
        missing = np.isnan(worked.trial.labels[:, [LABEL_NAMES.index(name) for name in MOMENT_NAMES]])
        return np.where(missing, np.nan, out)

    def _loads(self, values: Floats, soles: Floats | None) -> FootLoads:
        """Low-passed like the laboratory's; force and centre of pressure as the insoles say, shear and twist true."""
        if soles is None and self._point == "ground":
            return self._borne.filtered
        worked, raw = self._worked, self._borne.raw
        centre = centre_of_pressure(raw.force, raw.moment, self._borne.height_m)
        pressed = np.isfinite(centre)
        twist = np.where(pressed, raw.moment - np.cross(np.nan_to_num(centre), raw.force), 0.0)
        force = raw.force.copy()
        if soles is not None:
            force[..., 1] = soles[..., 0] * worked.model.mass_kg * STANDARD_GRAVITY
            foot = insoles.foot_of(worked.model)
            centre = insoles.centre_in_laboratory(soles[..., 1:], worked.ridden, foot, self._borne.height_m)
        place = np.nan_to_num(centre)
        if self._point == "foot":
            moved = worked.model.poses(worked.names, values)
            place = carried(place, _feet(worked.true), _feet(moved))
        force, moment = (
            lowpass(part, RATE_HZ, LABEL_CUTOFF_HZ) for part in (force, np.cross(place, force) + twist)
        )
        return replace(self._borne.filtered, force=force, moment=moment)


def of_trial(trial: Trial, folder: Path, point: Point = "ground") -> OpenSimDynamics:
    """Of an imported trial, from what `import-opensim` left beside it in `folder`; raises ImportSetError as
    models.importers.worked.read does."""
    return OpenSimDynamics(kept.read(folder, trial), point)


def _feet(poses: Poses) -> Feet:
    rotation, origin = (
        np.stack([of[f"calcn_{side}"] for side in SIDES], axis=1) for of in (poses.rotation, poses.position)
    )
    return rotation, origin
