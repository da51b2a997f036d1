"""A small skeleton with the names of Gait2392, made with OpenSim, and files of it moving and standing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from models.importers.body_model import BodyModel
from models.importers.storage import Markers, Table, write_markers, write_table

Doubles = npt.NDArray[np.float64]

THIGH, SHANK, ANKLE_HEIGHT, HIP_HALF = 0.42, 0.43, 0.07, 0.09
TOE_JOINT = 0.1788
ANKLE_X = 0.05
MASS = {"pelvis": 11.0, "torso": 35.0, "femur": 8.0, "tibia": 3.5, "calcn": 1.0, "toes": 0.5}
TOTAL_KG = 11.0 + 35.0 + 2 * 13.0
STANDING_Y = THIGH + SHANK + ANKLE_HEIGHT


def write_model(path: Path, knee_sign: float = 1.0, name: str = "made_up", size: float = 1.0) -> None:
    """`knee_sign` +1 as Rajagopal2016 (flexion positive), -1 as Gait2392. Segments are `size` times as long."""
    osim: Any = __import__("opensim")
    model = osim.Model()
    model.setName(name)
    bodies = {"ground": model.getGround()}

    def add(
        body: str, parent: str, at: tuple[float, float, float], coordinate: str, sign: float = 1.0
    ) -> None:
        kind = body.split("_")[0]
        mass, turn = MASS[kind], osim.Vec3(0.0 if sign > 0 else np.pi, 0.0, 0.0)
        bodies[body] = osim.Body(
            body, mass, osim.Vec3(0), osim.Inertia(0.02 * mass, 0.01 * mass, 0.02 * mass)
        )
        model.addBody(bodies[body])
        place = osim.Vec3(*(size * x for x in at))
        ends = (bodies[parent], place, turn, bodies[body], osim.Vec3(0), turn)
        if not coordinate:
            model.addJoint(osim.WeldJoint(f"{body}_joint", *ends))
            return
        joint = osim.PinJoint(f"{body}_joint", *ends)
        joint.updCoordinate().setName(coordinate)
        model.addJoint(joint)

    bodies["pelvis"] = osim.Body("pelvis", MASS["pelvis"], osim.Vec3(0), osim.Inertia(0.1))
    model.addBody(bodies["pelvis"])
    free = osim.FreeJoint("ground_pelvis", bodies["ground"], bodies["pelvis"])
    for i, coordinate in enumerate(("list", "rotation", "tilt", "tx", "ty", "tz")):
        free.upd_coordinates(i).setName(f"pelvis_{coordinate}")
    free.upd_coordinates(4).set_default_value(size * STANDING_Y)
    model.addJoint(free)
    add("torso", "pelvis", (0.0, 0.1, 0.0), "lumbar_extension")
    for side, right in (("r", 1.0), ("l", -1.0)):
        add(f"femur_{side}", "pelvis", (0.0, 0.0, right * HIP_HALF), f"hip_flexion_{side}")
        add(f"tibia_{side}", f"femur_{side}", (0.0, -THIGH, 0.0), f"knee_angle_{side}", -knee_sign)
        add(f"calcn_{side}", f"tibia_{side}", (0.0, -SHANK, 0.0), f"ankle_angle_{side}")
        # In this foot the heel bone's origin is the ankle; the sole's height does not matter to the importer.
        add(f"toes_{side}", f"calcn_{side}", (TOE_JOINT, -0.03, 0.0), "")
    for body, frame in bodies.items():
        if body != "ground":
            _add_markers(osim, model, body, frame, size)
    model.finalizeConnections()
    model.printToXML(str(path))


def _add_markers(osim: Any, model: Any, body: str, frame: Any, size: float) -> None:
    down = {"femur": -0.4, "tibia": -0.4, "torso": 0.4}.get(body.split("_")[0], -0.03)
    for i, at in enumerate(
        ((0.05, down, 0.04), (-0.05, down, 0.03), (0.04, 0.0, -0.05), (0.1, 0.3 * down, 0.02))
    ):
        marker = osim.Marker(f"{body}_{i}", frame, osim.Vec3(*(size * x for x in at)))
        marker.set_fixed(True)
        model.addMarker(marker)


def squat(time_s: Doubles, knee_sign: float = 1.0) -> dict[str, Doubles]:
    """Coordinates [rad, m] of a slow squat with both feet on the ground and a little lean of the trunk."""
    knee = 0.6 * (1.0 - np.cos(2.0 * np.pi * 0.5 * time_s))
    out = {
        "pelvis_ty": STANDING_Y - (THIGH + SHANK) * (1.0 - np.cos(knee / 2.0)),
        "lumbar_extension": -0.2 * knee,
    }
    for side in ("r", "l"):
        out |= {
            f"hip_flexion_{side}": knee / 2.0,
            f"knee_angle_{side}": knee_sign * knee,
            f"ankle_angle_{side}": knee / 2.0,
        }
    return out


def coordinates_table(time_s: Doubles, coordinates: dict[str, Doubles], in_degrees: bool) -> Table:
    """As inverse kinematics writes it."""
    columns = [
        np.degrees(values) if in_degrees and not name.startswith("pelvis_t") else values
        for name, values in coordinates.items()
    ]
    return Table(tuple(coordinates), time_s, np.stack(columns, axis=1), in_degrees)


def markers_of(model: BodyModel, time_s: Doubles, coordinates: dict[str, Doubles]) -> Markers:
    """What cameras without error see."""
    names = tuple(model.markers())
    values = np.stack(list(coordinates.values()), axis=1)
    return Markers(names, time_s, model.marker_places(tuple(coordinates), values, names))


def half_weight_each(time_s: Doubles, ahead_m: float) -> Table:
    """Two plates that bear half of a standing person each, `ahead_m` before the ankles; plate 1 under the LEFT foot."""
    rows = np.zeros((len(time_s), 18))
    for plate, side in enumerate((-1.0, 1.0)):
        rows[:, 9 * plate + 1] = TOTAL_KG * 9.80665 / 2.0
        rows[:, 9 * plate + 3] = ahead_m
        rows[:, 9 * plate + 5] = side * HIP_HALF
    names = [f"ground_force_{p}_{kind}{axis}" for p in (1, 2) for kind in "vpm" for axis in "xyz"]
    return Table(tuple(names), time_s, rows)


def write_squat(folder: Path, knee_sign: float, in_degrees: bool, with_markers: bool) -> None:
    """A folder as `find_set` reads it: the model, `squat.trc` or `squat_ik.mot`, `squat_grf.mot`."""
    folder.mkdir(parents=True, exist_ok=True)
    write_model(folder / "body.osim", knee_sign)
    time = np.arange(201) / 100.0
    if with_markers:
        model = BodyModel(folder / "body.osim")
        write_markers(folder / "squat.trc", markers_of(model, time, squat(time, knee_sign)))
    else:
        table = coordinates_table(time, squat(time, knee_sign), in_degrees)
        write_table(folder / "squat_ik.mot", table)
    write_table(folder / "squat_grf.mot", half_weight_each(time, 0.05))
