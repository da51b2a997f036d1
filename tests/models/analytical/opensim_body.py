"""A virtual wearer's body and movement as an OpenSim set: model, coordinates, ground and hand forces."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from models.importers.storage import Table, write_table
from models.virtual_wearer.anthropometry import BACK, FOOT, PELVIS, SHANK, THIGH, Body
from models.virtual_wearer.dynamics import RATE_HZ
from models.virtual_wearer.frames import Array
from models.virtual_wearer.wearer import Physics

ROTATIONS = ("flexion", "adduction", "rotation")
# joint -> inner segment, outer segment, its three coordinates about z, x and y
LUMBAR = ("lumbar_extension", "lumbar_bending", "lumbar_rotation")
PELVIC = ("pelvis_tilt", "pelvis_list", "pelvis_rotation", "pelvis_tx", "pelvis_ty", "pelvis_tz")
ARMS = ("arms_x", "arms_y", "arms_z")


def leg(side: str) -> tuple[tuple[str, int, int, tuple[str, str, str], float], ...]:
    """(outer body, inner, outer segment, coordinates, sign of the first) from the hip down."""
    s = "rl".index(side)
    return (
        (
            "femur",
            PELVIS,
            THIGH + s,
            (f"hip_flexion_{side}", f"hip_adduction_{side}", f"hip_rotation_{side}"),
            1.0,
        ),
        ("tibia", THIGH + s, SHANK + s, (f"knee_angle_{side}", f"knee_x_{side}", f"knee_y_{side}"), -1.0),
        ("calcn", SHANK + s, FOOT + s, (f"ankle_angle_{side}", f"ankle_x_{side}", f"ankle_y_{side}"), 1.0),
    )


def write_model(path: Path, body: Body) -> None:
    """The eight segments, and the arms as a point that the trunk carries; toes and hands are names without mass."""
    osim: Any = __import__("opensim")
    model = osim.Model()
    model.setName("virtual_wearer")
    frames = {"ground": model.getGround()}

    def add(
        name: str, inner: str, at: Array, segment: int, coordinates: tuple[str, ...], sign: float
    ) -> None:
        frames[name] = osim.Body(
            name,
            float(body.masses[segment]),
            osim.Vec3(*map(float, body.centres[segment])),
            osim.Inertia(*map(float, body.inertias[segment])),
        )
        model.addBody(frames[name])
        model.addJoint(_joint(osim, name, frames[inner], at, frames[name], coordinates, sign))

    add("pelvis", "ground", np.zeros(3), PELVIS, PELVIC, 1.0)
    add("torso", "pelvis", body.lumbar, BACK, LUMBAR, 1.0)
    for side in "rl":
        places = (
            body.hip["rl".index(side)],
            np.array([0.0, -body.thigh, 0.0]),
            np.array([0.0, -body.shank, 0.0]),
        )
        inner = "pelvis"
        for (name, _, segment, coordinates, sign), at in zip(leg(side), places, strict=True):
            add(f"{name}_{side}", inner, at, segment, coordinates, sign)
            inner = f"{name}_{side}"
        _weld(
            osim,
            model,
            frames,
            f"toes_{side}",
            inner,
            [0.5 * body.foot_length, -0.5 * body.ankle_height, 0.0],
        )
    frames["arms"] = osim.Body("arms", body.arms_kg, osim.Vec3(0), osim.Inertia(1e-9))
    model.addBody(frames["arms"])
    names = ("arms_rz", "arms_rx", "arms_ry", *ARMS)
    model.addJoint(_joint(osim, "arms", frames["torso"], np.zeros(3), frames["arms"], names, 1.0))
    model.finalizeConnections()
    model.printToXML(str(path))


def _joint(
    osim: Any, name: str, inner: Any, at: Array, outer: Any, coordinates: tuple[str, ...], sign: float
) -> Any:
    """Rotations about z (times `sign`), x and y, then translations if there are six coordinates."""
    transform = osim.SpatialTransform()
    axes = (
        (0.0, 0.0, sign),
        (1.0, 0.0, 0.0),
        (0.0, 1.0, 0.0),
        (1.0, 0.0, 0.0),
        (0.0, 1.0, 0.0),
        (0.0, 0.0, 1.0),
    )
    for i, axis in enumerate(axes):
        part = transform.updTransformAxis(i)
        part.setAxis(osim.Vec3(*axis))
        if i < len(coordinates):
            only = osim.ArrayStr()
            only.append(coordinates[i])
            part.setCoordinateNames(only)
            part.set_function(osim.LinearFunction(1.0, 0.0))
        else:
            part.set_function(osim.Constant(0.0))
    zero = osim.Vec3(0)
    return osim.CustomJoint(
        f"{name}_joint", inner, osim.Vec3(*map(float, at)), zero, outer, zero, zero, transform
    )


def _weld(osim: Any, model: Any, frames: dict[str, Any], name: str, inner: str, at: list[float]) -> None:
    frames[name] = osim.Body(name, 1e-9, osim.Vec3(0), osim.Inertia(1e-12))
    model.addBody(frames[name])
    zero = osim.Vec3(0)
    model.addJoint(
        osim.WeldJoint(f"{name}_joint", frames[inner], osim.Vec3(*at), zero, frames[name], zero, zero)
    )


def coordinates(physics: Physics, rows: slice) -> Table:
    """Every coordinate of the model [rad, m] in these rows of the movement."""
    rotation, origin = physics.motion.rotation[rows], physics.motion.origin[rows]
    columns: dict[str, Array] = dict(zip(PELVIC[:3], _zxy(rotation[:, PELVIS]), strict=True))
    columns |= dict(zip(PELVIC[3:], origin[:, PELVIS].T, strict=True))
    columns |= dict(zip(LUMBAR, _zxy(_in(rotation, PELVIS, BACK)), strict=True))
    for side in "rl":
        for _, inner, outer, names, sign in leg(side):
            first, second, third = _zxy(_in(rotation, inner, outer))
            columns |= dict(zip(names, (sign * first, second, third), strict=True))
    arms = physics.motion.carried[0][1][rows] - origin[:, BACK]
    columns |= dict(zip(ARMS, np.einsum("nji,nj->in", rotation[:, BACK], arms), strict=True))
    time = np.arange(len(origin)) / RATE_HZ
    return Table(tuple(columns), time, np.stack(list(columns.values()), axis=1), in_degrees=False)


def forces(physics: Physics, rows: slice) -> Table:
    """Two plates, and what acts on the hands if anything does."""
    ground, names, columns = physics.ground, [], []
    for side in range(2):
        names += [f"ground_force_{side + 1}_{kind}{axis}" for kind in "vpm" for axis in "xyz"]
        columns += [ground.force[rows, side], ground.place[rows, side], ground.moment[rows, side]]
    if physics.hands is not None:
        for side in range(2):
            names += [f"hand_{'rl'[side]}_force_{kind}{axis}" for kind in "vpm" for axis in "xyz"]
            zero = np.zeros_like(ground.force[rows, side])
            columns += [physics.hands.force[rows, side], physics.hands.place[rows, side], zero]
    values = np.concatenate(columns, axis=1)
    return Table(tuple(names), np.arange(len(values)) / RATE_HZ, values)


def write_set(folder: Path, physics: Physics, body: Body, rows: slice) -> None:
    """A folder as `find_set` reads it, its trial named `made`."""
    write_model(folder / "body.osim", body)
    write_table(folder / "made_ik.mot", coordinates(physics, rows))
    write_table(folder / "made_grf.mot", forces(physics, rows))


def _in(rotation: Array, inner: int, outer: int) -> Array:
    return np.asarray(np.swapaxes(rotation[:, inner], 1, 2) @ rotation[:, outer])


def _zxy(rotation: Array) -> Array:
    """(n, 3, 3) -> (3, n) body-fixed angles about z, x, y."""
    return np.asarray(np.unwrap(Rotation.from_matrix(rotation).as_euler("ZXY"), axis=0).T)
