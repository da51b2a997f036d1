"""OpenSim's own Scale, InverseKinematics and InverseDynamics tools, run on files in a working folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from jetson_runtime.suit.signals import SIDES
from models.errors import first_line
from models.importers.body_model import BodyModel, ModelMarker, opensim
from models.importers.errors import ImportSetError, defect
from models.importers.ground import FootLoads
from models.importers.storage import Markers, Table, read_table, write_markers, write_table

Doubles = npt.NDArray[np.float64]

# How much a marker tells of the skeleton: bone close under the skin, the knee's epicondyles, a computed hip joint
# centre, and all others (a cluster on muscle; a trunk that bends where the model has no joint; arms). Relative numbers.
_BONE, _KNEE, _JOINT_CENTRE, _OTHER = 5.0, 3.0, 2.0, 1.0
_LOWER_BODY = ("pelvis", "femur", "tibia", "patella", "talus", "calcn", "toes")
# A cluster marker is never so near to a joint's centre.
_CENTRE_M = 0.03
# OpenSim's own. It stops up to 0.2 degrees short, by chance from frame to frame, which twice differentiated is noise of
# up to 0.7 m/s^2 in the trunk's accel_z of a walk; 1e-6 takes twice as long.
ACCURACY = 1e-5
# What is loaded -> the bodies that may bear it.
_LOADED = {"foot": ("calcn",), "hand": ("hand", "radius", "humerus")}
# A coordinate whose change by 0.1 rad moves every marker less than this is not seen by them.
_UNSEEN_M = 1e-6


@dataclass(frozen=True)
class Tracked:
    """Coordinates as OpenSim found them, and how far each marker then was from the model's [m RMS]."""

    table: Table
    missed_m: dict[str, float]


def marker_weights(model: BodyModel, seen: tuple[str, ...]) -> dict[str, float]:
    """Weight of each marker that both the model and the recording have."""
    return {name: _weight(marker) for name, marker in model.markers().items() if name in seen}


def _weight(marker: ModelMarker) -> float:
    if not marker.body.startswith(_LOWER_BODY):
        return _OTHER
    if not marker.anatomical:
        return _JOINT_CENTRE if float(np.linalg.norm(marker.place)) < _CENTRE_M else _OTHER
    return _KNEE if marker.body.startswith("femur") else _BONE


def inverse_kinematics(
    model: BodyModel, path: Path, markers: Markers, folder: Path, accuracy: float = ACCURACY
) -> Tracked:
    """Raises ImportSetError if fewer than three markers on the pelvis or none on a foot are seen."""
    weights = marker_weights(model, markers.names)
    _check_markers(path, model, weights)
    osim = opensim()
    trc, out = folder / f"{path.stem}.trc", folder / f"{path.stem}_ik.mot"
    write_markers(trc, markers)
    tool = osim.InverseKinematicsTool()
    posed = model.osim.clone()
    posed.initSystem()
    tool.setModel(posed)
    tool.setMarkerDataFileName(str(trc))
    for name, weight in weights.items():
        task = osim.IKMarkerTask()
        task.setName(name)
        task.setWeight(weight)
        tool.getIKTaskSet().cloneAndAppend(task)
    tool.setStartTime(float(markers.time_s[0]))
    tool.setEndTime(float(markers.time_s[-1]))
    tool.setResultsDir(str(folder))
    tool.set_report_errors(False)
    tool.set_accuracy(accuracy)
    tool.setOutputMotionFileName(str(out))
    _run(tool, path, "inverse kinematics")
    table = read_table(out)
    return Tracked(table, missed(model, table, markers))


def missed(model: BodyModel, table: Table, markers: Markers, frames: int = 25) -> dict[str, float]:
    """Marker -> root mean square distance [m] between the model's and the recorded place, over a few frames."""
    names = tuple(name for name in model.markers() if name in markers.names)
    picks = np.unique(np.linspace(0, len(markers.time_s) - 1, frames).astype(int))
    at = markers.time_s[picks]
    coordinates, values = radians(model, table)
    values = np.stack([np.interp(at, table.time_s, column) for column in values.T], axis=1)
    places = model.marker_places(coordinates, values, names)
    recorded = markers.positions[picks][:, [markers.names.index(name) for name in names]]
    squares = np.sum((places - recorded) ** 2, axis=2)
    seen = np.any(np.isfinite(squares), axis=0)
    return {name: float(np.sqrt(np.nanmean(squares[:, k]))) for k, name in enumerate(names) if seen[k]}


def radians(model: BodyModel, table: Table) -> tuple[tuple[str, ...], Doubles]:
    """The model's coordinates in `table`, by name and as (n, k) in radians and metres."""
    kinds = {c.name: c for c in model.coordinates if c.name in table.names}
    scale = [np.pi / 180.0 if c.rotational and table.in_degrees else 1.0 for c in kinds.values()]
    return tuple(kinds), np.stack([table.column(name) for name in kinds], axis=1) * scale


def inverse_dynamics(
    model: BodyModel, coordinates: tuple[str, ...], values: Doubles, loads: FootLoads, folder: Path, stem: str
) -> Table:
    """Generalised forces [N, Nm] at the loads' times; `values` (n, k) [rad, m] and loads are filtered already."""
    osim = opensim()
    motion, forces, out = (folder / f"{stem}{end}" for end in ("_q.mot", "_feet.mot", "_id.sto"))
    write_table(motion, Table(coordinates, loads.time_s, values, in_degrees=False))
    write_table(forces, _loads_table(loads))
    xml = folder / f"{stem}_feet.xml"
    _external_loads(osim, forces, model).printToXML(str(xml))
    # The tool adds its forces to the model and makes its own state of it: it gets a copy.
    loaded = model.osim.clone()
    loaded.initSystem()
    tool = osim.InverseDynamicsTool()
    tool.setModel(loaded)
    tool.setCoordinatesFileName(str(motion))
    tool.setExternalLoadsFileName(str(xml))
    tool.setLowpassCutoffFrequency(-1.0)
    tool.setStartTime(float(loads.time_s[0]))
    tool.setEndTime(float(loads.time_s[-1]))
    tool.setResultsDir(str(folder))
    tool.setOutputGenForceFileName(out.name)
    _run(tool, motion, "inverse dynamics")
    return read_table(out)


def scale(model: Path, setup: Path | None, static: Path, mass_kg: float, folder: Path) -> Path:
    """The generic `model` scaled to the wearer of the static trial by the ScaleTool file `setup`; its own path."""
    osim = opensim()
    if setup is None:
        remedy = "give the scale setup (.xml) that belongs to the marker set, or a scaled model"
        raise ImportSetError([defect(model, "is generic and there is no scale setup", remedy)])
    out = folder / f"{model.stem}_scaled.osim"
    tool = osim.ScaleTool(str(setup))
    tool.setSubjectMass(mass_kg)
    maker = tool.getGenericModelMaker()
    maker.setModelFileName(str(model.resolve()))
    marker_set = setup.resolve().parent / maker.getMarkerSetFileName()
    if marker_set.is_file():
        maker.setMarkerSetFileName(str(marker_set))
    # ScaleTool would put the setup's folder before paths that are absolute already.
    tool.setPathToSubject("")
    span = _span(osim, static)
    scaler, placer = tool.getModelScaler(), tool.getMarkerPlacer()
    scaler.setMarkerFileName(str(static.resolve()))
    scaler.setTimeRange(span)
    scaler.setOutputModelFileName(str(out))
    placer.setMarkerFileName(str(static.resolve()))
    placer.setTimeRange(span)
    placer.setOutputModelFileName(str(out))
    # ScaleTool answers False after good runs too (4.6, without its marker placer): the file is the answer.
    _run(tool, setup, "scaling", lambda _: out.is_file())
    return out


def _span(osim: Any, static: Path) -> Any:
    """The static trial's whole time, as OpenSim's tools take it."""
    times = osim.TimeSeriesTableVec3(str(static)).getIndependentColumn()
    span = osim.ArrayDouble()
    span.append(float(times[0]))
    span.append(float(times[-1]))
    return span


def _run(tool: Any, path: Path, what: str, succeeded: Callable[[bool], bool] = bool) -> None:
    try:
        done = succeeded(tool.run())
    except RuntimeError as error:
        reason = first_line(error)
        raise ImportSetError(
            [defect(path, f"OpenSim's {what} failed ({reason})", "check model and file")]
        ) from error
    if not done:
        raise ImportSetError([defect(path, f"OpenSim's {what} failed", "see what it printed above")])


def _check_markers(path: Path, model: BodyModel, weights: dict[str, float]) -> None:
    present = model.markers()
    bodies = [present[name].body for name in weights]
    defects = []
    if bodies.count("pelvis") < 3:
        what = f"shares {bodies.count('pelvis')} markers of the pelvis with the model, 3 are needed"
        defects.append(defect(path, what, "name the markers as in the model"))
    for side in SIDES:
        if not any(body in (f"calcn_{side}", f"toes_{side}") for body in bodies):
            what = f"shares no marker of foot {side} with the model"
            defects.append(defect(path, what, "name the markers as in the model"))
    if defects:
        raise ImportSetError(defects)


def _loads_table(loads: FootLoads) -> Table:
    """Per foot and hand the force, its point (the laboratory's origin) and the moment about it: nine columns each."""
    names = [
        f"{part}_{side}_{kind}{axis}"
        for part in _LOADED
        for side in SIDES
        for kind in ("v", "p", "m")
        for axis in "xyz"
    ]
    zero = np.zeros((len(loads.time_s), 3))
    columns = [
        part
        for force, moment in ((loads.force, loads.moment), (loads.hand_force, loads.hand_moment))
        for s in range(2)
        for part in (force[:, s], zero, moment[:, s])
    ]
    return Table(tuple(names), loads.time_s, np.concatenate(columns, axis=1))


def _external_loads(osim: Any, forces: Path, model: BodyModel) -> Any:
    """On the heel bones, and on the hands, or on the trunk of a model without arms (Gait2392)."""
    loads = osim.ExternalLoads()
    loads.setDataFileName(str(forces))
    for part, bodies in _LOADED.items():
        for side in SIDES:
            body = next((f"{name}_{side}" for name in bodies if f"{name}_{side}" in model.bodies), "torso")
            if body not in model.bodies:
                continue
            force = osim.ExternalForce()
            force.setName(f"{part}_{side}")
            force.set_applied_to_body(body)
            force.set_force_expressed_in_body("ground")
            force.set_point_expressed_in_body("ground")
            force.set_force_identifier(f"{part}_{side}_v")
            force.set_point_identifier(f"{part}_{side}_p")
            force.set_torque_identifier(f"{part}_{side}_m")
            loads.cloneAndAppend(force)
    return loads
