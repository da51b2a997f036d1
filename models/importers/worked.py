"""What an imported trial's moments were made of, kept in a folder beside it to ask inverse dynamics again.

`s1_walk.parquet` has `s1_walk.opensim/`: the wearer's model and three tables that OpenSim too can read.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from jetson_runtime.suit.signals import LABEL_NAMES, SIDES
from jetson_runtime.suit.trial import Trial
from models.importers.body_model import BodyModel, Poses
from models.importers.errors import ImportSetError, defect
from models.importers.foot_loads import Borne
from models.importers.ground import FootLoads
from models.importers.storage import Table, read_table, write_table

Doubles = npt.NDArray[np.float64]

# Of a trial's metadata, where import-opensim made its moments.
MARK = "residual_limit_N_per_kg"

_MODEL, _TRUE, _RIDDEN, _LOADS = "model.osim", "coordinates.sto", "sensors.sto", "loads.sto"
_WRENCHES = ("force", "moment", "hand_force", "hand_moment")
_FLAGS = ("measured_r", "measured_l", "unknown", "touched")
# Degrees between a label of a trial and the same kept beside it; labels are stored in single precision.
_SAME = 1e-3


@dataclass(frozen=True)
class Worked:
    """An imported trial and what its moments were made of, so that inverse dynamics can be asked again.

    names, values: the coordinates (n, k) [rad, m], low-passed like the labels; true: the poses they give.
    ridden_values, ridden: the same of what the sensors ride on. borne: None where no plate stood. notes: in words what
    was done.
    """

    trial: Trial
    model: BodyModel
    names: tuple[str, ...]
    values: Doubles
    ridden_values: Doubles
    true: Poses
    ridden: Poses
    borne: Borne | None
    notes: tuple[str, ...]


def beside(path: Path) -> Path:
    """The folder that belongs to the trial at `path`."""
    return path.with_suffix(".opensim")


def write(folder: Path, worked: Worked) -> None:
    """Whole or not at all; what was there goes. A trial without ground forces has nothing to keep."""
    fresh = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    if worked.borne is not None:
        fresh.mkdir()
        shutil.copyfile(worked.model.path, fresh / _MODEL)
        time = worked.borne.raw.time_s
        for name, values in ((_TRUE, worked.values), (_RIDDEN, worked.ridden_values)):
            write_table(fresh / name, Table(worked.names, time, values, in_degrees=False))
        write_table(fresh / _LOADS, _loads_table(worked.borne))
    if folder.exists():
        shutil.rmtree(folder)
    if worked.borne is not None:
        fresh.replace(folder)


def read(folder: Path, trial: Trial) -> Worked:
    """What `write` kept of this trial; raises ImportSetError where a file is missing or belongs to another trial, and
    where OpenSim is not installed."""
    model = BodyModel(folder / _MODEL)
    true, ridden, loads = (read_table(folder / name) for name in (_TRUE, _RIDDEN, _LOADS))
    tables = {_TRUE: true.names, _RIDDEN: true.names, _LOADS: _columns()}
    whole = all(
        table.names == names and len(table.time_s) == len(trial.time_s)
        for table, names in zip((true, ridden, loads), tables.values(), strict=True)
    )
    if not whole or not _same(model, true, trial):
        raise ImportSetError([defect(folder, "belongs to another trial", "import the trial again")])
    names = true.names
    poses = model.poses(names, true.values), model.poses(names, ridden.values)
    return Worked(trial, model, names, true.values, ridden.values, *poses, _borne(loads, trial), ())


def _same(model: BodyModel, true: Table, trial: Trial) -> bool:
    """Whether the kept angles are the trial's, where the trial knows any."""
    for name, sign in model.signs().items():
        if name in true.names:
            label = trial.labels[:, LABEL_NAMES.index(name)]
            apart = np.abs(sign * np.degrees(true.column(name)) - label)
            if np.any(apart[np.isfinite(apart)] > _SAME):
                return False
    return True


def _columns() -> tuple[str, ...]:
    wrenches = [
        f"{kind}_{wrench}_{side}_{axis}"
        for kind in ("raw", "filtered")
        for wrench in _WRENCHES
        for side in SIDES
        for axis in "xyz"
    ]
    return (*wrenches, *_FLAGS, "plates_height")


def _loads_table(borne: Borne) -> Table:
    """Force and moment about the laboratory's origin, of feet and hands; flags as 0 and 1."""
    count = len(borne.raw.time_s)
    wrenches = [
        getattr(loads, wrench).reshape(count, 6)
        for loads in (borne.raw, borne.filtered)
        for wrench in _WRENCHES
    ]
    flags = [borne.raw.measured, borne.unknown[:, None], borne.touched[:, None]]
    values = np.concatenate([*wrenches, *flags, np.full((count, 1), borne.height_m)], axis=1)
    return Table(_columns(), borne.raw.time_s, values.astype(np.float64))


def _borne(table: Table, trial: Trial) -> Borne:
    count, width = len(table.time_s), 6 * len(_WRENCHES)
    flags = table.values[:, 2 * width : 2 * width + len(_FLAGS)] > 0.5

    def loads(first: int) -> FootLoads:
        parts = table.values[:, first : first + width].reshape(count, len(_WRENCHES), 2, 3)
        force, moment, hand_force, hand_moment = np.moveaxis(parts, 1, 0)
        return FootLoads(table.time_s, force, moment, hand_force, hand_moment, flags[:, :2], ())

    soles = np.full((count, 6), np.nan) if trial.plates is None else trial.plates.astype(np.float64)
    return Borne(loads(0), loads(width), float(table.values[0, -1]), soles, flags[:, 2], flags[:, 3])
