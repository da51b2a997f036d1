"""Force plates -> the load under each foot (which bore which, by centre of pressure), and what acts on the hands."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from models.importers.errors import ImportSetError, defect
from models.importers.storage import Table

Doubles = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

# Below this a plate shows its noise, not a foot.
LOADED_N = 20.0
# Farther than this from both feet, what stands on the plate is no foot.
REACH_M = 0.25

_AXES = ("x", "y", "z")
_HAND = re.compile(r"hand", re.IGNORECASE)
_SIDE = re.compile(r"(?:^|_)(r|l|right|left)(?:_|$)", re.IGNORECASE)
_FORCE = re.compile(r"^(?P<plate>.*force.*?)_?v(?P<axis>[xyz])$", re.IGNORECASE)


@dataclass(frozen=True)
class Plates:
    """Ground reactions in the laboratory's frame, y up: time_s (n,); force, point, torque (n, plates, 3)."""

    names: tuple[str, ...]
    time_s: Doubles
    force: Doubles
    point: Doubles
    torque: Doubles


@dataclass(frozen=True)
class FootLoads:
    """force and moment about the laboratory's origin (n, 2, 3), right then left; strays: plates that bore no foot.

    hand_force, hand_moment: the same on the hands, of what a load cell measured; zero where nothing did.
    """

    time_s: Doubles
    force: Doubles
    moment: Doubles
    hand_force: Doubles
    hand_moment: Doubles
    measured: Flags
    strays: tuple[str, ...]


def read_plates(path: Path, table: Table) -> Plates:
    """The plates in a ground-force file, by its columns' names (`ground_force_1_vx`, `1_ground_force_vx`, `R_...`).

    A name with `hand` in it (`hand_r_force_vx`) acts on that hand, as models/analytical/hand_forces.py finds it.
    """
    names = tuple(
        dict.fromkeys(
            found["plate"] for name in table.names if (found := _FORCE.match(name)) and found["axis"] == "x"
        )
    )
    if not names:
        remedy = "name the columns as OpenSim does, e.g. ground_force_1_vx, _px and ground_torque_1_x"
        raise ImportSetError([defect(path, "has no column of a ground force (..._vx)", remedy)])
    wanted = {name: _plate_columns(name, table.names) for name in names}
    defects = [
        defect(path, f"plate {name} has no column {column} of its {what}", "export force, point and torque")
        for name, kinds in wanted.items()
        for what, columns in kinds.items()
        for column in columns
        if column not in table.names
    ]
    if defects:
        raise ImportSetError(defects)
    force, point, torque = (
        np.stack([np.stack([table.column(c) for c in wanted[name][what]], axis=1) for name in names], axis=1)
        for what in ("force", "point", "torque")
    )
    return Plates(names, table.time_s, force, point, torque)


def _plate_columns(name: str, present: tuple[str, ...]) -> dict[str, list[str]]:
    """Of one plate's force, point and torque; the torque as `<plate>_mx` or `<plate with torque>_x`."""
    torque = re.sub("force", "torque", name, flags=re.IGNORECASE)
    moment = re.sub("force", "moment", name, flags=re.IGNORECASE)
    forms = [
        [f"{name}_m{a}" for a in _AXES],
        [f"{torque}_{a}" for a in _AXES],
        [f"{moment}_{a}" for a in _AXES],
    ]
    return {
        "force": [f"{name}_v{a}" for a in _AXES],
        "point": [f"{name}_p{a}" for a in _AXES],
        "torque": next((form for form in forms if set(form) <= set(present)), forms[1]),
    }


def assign(plates: Plates, heels: Doubles, toes: Doubles) -> FootLoads:
    """Each plate's contacts to the feet; `heels`, `toes` (n, 2, 3): where they are at the plates' times.

    One contact, from the first to the last sample above `LOADED_N`, goes whole to the foot whose line from heel to toe
    is nearest to the centre of pressure, weighted by the load. A gap in a plate's data leaves both feet unmeasured.
    """
    count = len(plates.time_s)
    force, moment = np.zeros((count, 2, 3)), np.zeros((count, 2, 3))
    hands = hands_of(plates.names)
    floor = [name not in hands for name in plates.names]
    measured = np.repeat(np.all(np.isfinite(plates.force[:, floor]), axis=(1, 2))[:, None], 2, axis=1)
    strays = []
    hand_force, hand_moment = np.zeros((count, 2, 3)), np.zeros((count, 2, 3))
    for k, name in enumerate(plates.names):
        load = np.nan_to_num(plates.force[:, k])
        point = np.nan_to_num(plates.point[:, k])
        about_origin = np.cross(point, load) + np.nan_to_num(plates.torque[:, k])
        if name in hands:
            hand_force[:, hands[name]] += load
            hand_moment[:, hands[name]] += about_origin
            continue
        for first, last in bouts(load[:, 1] > LOADED_N):
            rows = slice(first, last)
            far = [_distance(point[rows], heels[rows, s], toes[rows, s]) for s in range(2)]
            weight = load[rows, 1] / np.sum(load[rows, 1])
            mean = [float(np.sum(weight * d)) for d in far]
            side = int(np.argmin(mean))
            if mean[side] > REACH_M:
                strays.append(name)
                continue
            force[rows, side] += load[rows]
            moment[rows, side] += about_origin[rows]
    return FootLoads(
        plates.time_s, force, moment, hand_force, hand_moment, measured, tuple(dict.fromkeys(strays))
    )


def hands_of(names: tuple[str, ...]) -> dict[str, int]:
    """Those of a plate file's `names` that are hands -> 0 right, 1 left."""
    sides = {name: _SIDE.search(name) for name in names if _HAND.search(name)}
    return {name: "rl".index(found[1][0].lower()) for name, found in sides.items() if found}


def bouts(mask: Flags) -> list[tuple[int, int]]:
    """First and one past the last index of every run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _distance(point: Doubles, heel: Doubles, toe: Doubles) -> Doubles:
    """(n,) from points to the lines heel-toe, seen from above."""
    p, a, b = point[:, [0, 2]], heel[:, [0, 2]], toe[:, [0, 2]]
    along = np.sum((p - a) * (b - a), axis=1) / np.maximum(np.sum((b - a) ** 2, axis=1), 1e-9)
    nearest = a + np.clip(along, 0.0, 1.0)[:, None] * (b - a)
    return np.asarray(np.linalg.norm(p - nearest, axis=1), np.float64)


def centre_of_pressure(loads_force: Doubles, loads_moment: Doubles, height_m: float) -> Doubles:
    """(n, 2, 3) where each foot's force meets the horizontal plane at `height_m`; NaN where it does not press."""
    vertical = np.where(loads_force[..., 1] > 1.0, loads_force[..., 1], np.nan)
    x = (loads_moment[..., 2] + height_m * loads_force[..., 0]) / vertical
    z = (height_m * loads_force[..., 2] - loads_moment[..., 0]) / vertical
    return np.stack([x, np.where(np.isnan(vertical), np.nan, height_m), z], axis=-1)
