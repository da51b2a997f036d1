"""An OpenSim model as the importer sees it: its mass, its coordinates and their signs, where its segments are."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from jetson_runtime.suit.signals import SIDES
from models.errors import first_line
from models.importers.errors import ImportSetError, defect

Doubles = npt.NDArray[np.float64]

# The segment of each sensor, named alike in Gait2392, Rajagopal2016 and their descendants.
BODY_OF_PART = {"back": "torso", "pelvis": "pelvis"} | {
    f"{part}_{side}": f"{body}_{side}"
    for part, body in (("thigh", "femur"), ("shank", "tibia"), ("foot", "calcn"))
    for side in SIDES
}
COORDINATES = (
    "hip_flexion_r",
    "hip_flexion_l",
    "knee_angle_r",
    "knee_angle_l",
    "ankle_angle_r",
    "ankle_angle_l",
)
LUMBAR = "lumbar_extension"


def opensim() -> Any:
    """OpenSim's Python package; raises ImportSetError where it is not installed."""
    try:
        module = importlib.import_module("opensim")
    except ImportError as error:
        remedy = "install it: pip install '.[opensim]' in the checkout (Python 3.11)"
        raise ImportSetError([f"OpenSim's Python package is not here ({error}); {remedy}"]) from error
    module.Logger.setLevelString("Error")
    # Otherwise every run leaves a log file in the folder it was started in.
    module.Logger.removeFileSink()
    return module


@dataclass(frozen=True)
class Coordinate:
    """One degree of freedom; `coupled` ones follow others and are found by OpenSim."""

    name: str
    rotational: bool
    coupled: bool


@dataclass(frozen=True)
class ModelMarker:
    """Where a marker sits; `anatomical`: over bone at a known place (OpenSim's `fixed`), not on a cluster."""

    body: str
    anatomical: bool
    place: Doubles


@dataclass(frozen=True)
class Poses:
    """position[body] (n, 3) and rotation[body] (n, 3, 3) (columns: the body's axes) in the laboratory, y up."""

    position: dict[str, Doubles]
    rotation: dict[str, Doubles]
    mass_centre: Doubles


class BodyModel:
    """A model file, loaded; muscles and other forces are dropped, because only the skeleton is asked."""

    def __init__(self, path: Path) -> None:
        """Raises ImportSetError for a file that OpenSim cannot read or that lacks a segment or coordinate."""
        if not path.is_file():
            raise ImportSetError([defect(path, "is not there", "check the path of the model")])
        try:
            self.osim = opensim().Model(str(path))
            self.osim.updForceSet().clearAndDestroy()
            self.osim.updControllerSet().clearAndDestroy()
            self._state = self.osim.initSystem()
        except RuntimeError as error:
            reason = first_line(error)
            raise ImportSetError([defect(path, f"OpenSim cannot load it ({reason})", "mend it")]) from error
        self.path = path
        self.mass_kg = float(self.osim.getTotalMass(self._state))
        self.coordinates = tuple(self._coordinate(c) for c in _each(self.osim.getCoordinateSet()))
        self.bodies = tuple(body.getName() for body in _each(self.osim.getBodySet()))
        self._check()
        self.has_trunk = BODY_OF_PART["back"] in self.bodies and LUMBAR in self._names()
        self._rest = self._state.getQ().to_numpy().copy()
        self._place = {c.getName(): self._place_of(c) for c in _each(self.osim.getCoordinateSet())}

    def _coordinate(self, coordinate: Any) -> Coordinate:
        rotational = coordinate.getMotionType() != 2
        return Coordinate(coordinate.getName(), rotational, bool(coordinate.isDependent(self._state)))

    def _names(self) -> list[str]:
        return [coordinate.name for coordinate in self.coordinates]

    def _check(self) -> None:
        wanted = [body for part, body in BODY_OF_PART.items() if part != "back"]
        wanted += [f"toes_{side}" for side in SIDES]
        defects = [
            defect(self.path, f"has no {what} {name}", "rename it as in Gait2392 or Rajagopal2016")
            for what, names, present in (
                ("body", wanted, self.bodies),
                ("coordinate", COORDINATES, self._names()),
            )
            for name in names
            if name not in present
        ]
        if not defects and not 5.0 < self.mass_kg < 400.0:
            defects.append(
                defect(self.path, f"weighs {self.mass_kg:.1f} kg", "scale the model to its wearer")
            )
        if defects:
            raise ImportSetError(defects)

    def poses(self, names: Sequence[str], values: Doubles, bodies: Sequence[str] | None = None) -> Poses:
        """At `values` (n, len(names)) [rad, m] of the coordinates `names`; the others keep their default."""
        wanted = tuple(bodies or [body for body in BODY_OF_PART.values() if body in self.bodies])
        position = {body: np.zeros((len(values), 3)) for body in wanted}
        rotation = {body: np.zeros((len(values), 3, 3)) for body in wanted}
        centre = np.zeros((len(values), 3))
        handles = [(body, self.osim.getBodySet().get(body)) for body in wanted]
        for i, row in enumerate(values):
            self._pose(names, row)
            for body, handle in handles:
                where = handle.getTransformInGround(self._state)
                position[body][i] = where.p().to_numpy()
                rotation[body][i] = _matrix(where.R())
            centre[i] = self.osim.calcMassCenterPosition(self._state).to_numpy()
        return Poses(position, rotation, centre)

    def marker_places(self, names: Sequence[str], values: Doubles, markers: Sequence[str]) -> Doubles:
        """(n, len(markers), 3) where the model's markers are at `values` (n, len(names)) [rad, m]."""
        handles = [self.osim.getMarkerSet().get(marker) for marker in markers]
        places = np.zeros((len(values), len(markers), 3))
        for i, row in enumerate(values):
            self._pose(names, row)
            for k, handle in enumerate(handles):
                places[i, k] = handle.getLocationInGround(self._state).to_numpy()
        return places

    def markers(self) -> dict[str, ModelMarker]:
        """The model's markers by name."""
        return {
            marker.getName(): ModelMarker(
                marker.getParentFrame().findBaseFrame().getName(),
                bool(marker.get_fixed()),
                marker.get_location().to_numpy().copy(),
            )
            for marker in _each(self.osim.getMarkerSet())
        }

    def segment(self, child: str, parent: str) -> Doubles:
        """Origin (3,) of body `child` in the frame of `parent`, the model in its default posture."""
        poses = self.poses([], np.zeros((1, 0)), [child, parent])
        out = poses.rotation[parent][0].T @ (poses.position[child][0] - poses.position[parent][0])
        return np.asarray(out, np.float64)

    def signs(self) -> dict[str, float]:
        """Coordinate -> +1 or -1: times its value it grows as signals.py says. Found by moving the model a little."""
        out = (
            {LUMBAR: self._sign(LUMBAR, "torso", "pelvis", [0.0, 0.3, 0.0], [-1.0, 0.0, 0.0])}
            if self.has_trunk
            else {}
        )
        for side in SIDES:
            thigh, shank, foot, toes = (f"{body}_{side}" for body in ("femur", "tibia", "calcn", "toes"))
            origin = [0.0, 0.0, 0.0]
            out[f"hip_flexion_{side}"] = self._sign(
                f"hip_flexion_{side}", shank, "pelvis", origin, [1.0, 0.0, 0.0]
            )
            out[f"knee_angle_{side}"] = self._sign(
                f"knee_angle_{side}", foot, thigh, origin, [-1.0, 0.0, 0.0]
            )
            out[f"ankle_angle_{side}"] = self._sign(
                f"ankle_angle_{side}", toes, shank, origin, [0.0, 1.0, 0.0]
            )
        return out

    def _sign(self, name: str, body: str, base: str, point: list[float], towards: list[float]) -> float:
        """Whether a small positive turn moves `point` of `body`, seen from `base`, `towards` (+1) or away (-1)."""
        poses = self.poses([name], np.array([[-0.05], [0.05]]), [body, base])
        seen = [
            poses.rotation[base][i].T
            @ (poses.position[body][i] + poses.rotation[body][i] @ point - poses.position[base][i])
            for i in range(2)
        ]
        return float(np.sign(np.dot(seen[1] - seen[0], towards)))

    def _pose(self, names: Sequence[str], row: Doubles) -> None:
        values = self._rest.copy()
        values[[self._place[name] for name in names]] = row
        self._state.setQ(opensim().Vector.createFromMat(values))
        self.osim.realizePosition(self._state)

    def _place_of(self, coordinate: Any) -> int:
        """Where in OpenSim's vector of all coordinates this one stands: the entry that changes with it."""
        coordinate.setLocked(self._state, False)
        before = self._state.getQ().to_numpy().copy()
        coordinate.setValue(self._state, coordinate.getValue(self._state) + 0.1, False)
        place = int(np.argmax(np.abs(self._state.getQ().to_numpy() - before)))
        self._state.setQ(opensim().Vector.createFromMat(self._rest))
        return place


def _each(collection: Any) -> list[Any]:
    return [collection.get(i) for i in range(collection.getSize())]


def _matrix(rotation: Any) -> Doubles:
    matrix = rotation.asMat33()
    return np.array([[matrix.get(r, c) for c in range(3)] for r in range(3)])
