"""Real sensors' tables -> trials of the suit's format, through a column map (table_map.py)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.spatial.transform import Rotation, RotationSpline

from jetson_runtime.suit.mounting import MOUNTINGS
from jetson_runtime.suit.signals import (
    CHANNEL_INDEX,
    CHANNEL_NAMES,
    COP_BODYWEIGHTS,
    LABEL_NAMES,
    RATE_HZ,
)
from jetson_runtime.suit.trial import Trial, TrialMeta, write_trial
from models.data.filters import grid, lowpass
from models.data.offline import splined
from models.data.stretches import stretches
from models.files import whole
from models.importers import units
from models.importers.errors import ImportSetError, defect, raise_all
from models.importers.imus import angular_velocity
from models.importers.table_files import Columns, read_columns
from models.importers.table_map import Imu, Insole, Layout, MappedTrial, TableMap, load_map

Doubles = npt.NDArray[np.float64]

# Of a recording faster than ours, what lies above is left out before its samples are thinned.
_PASS_HZ = 0.4 * RATE_HZ
# A step longer than so many usual ones is a gap: nothing is known in it.
_GAP_STEPS = 2.5
_SHORTEST_S = 0.1
# What rounding and a late stamp explain; a lost sample soon makes more.
_STRAY_STEPS = 2.5
# World axes with z up, in those with y up.
_Z_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])


class TimedTable(NamedTuple):
    """One file of a trial: its columns in rows whose time is known, times (n,) on the trial's common clock."""

    layout: Layout
    columns: Columns
    time_s: Doubles


def import_tables(path: Path, out: Path, say: Callable[[str], None] = lambda line: None) -> list[Path]:
    """Writes `<subject>_<trial>.parquet` into `out` for each trial of the map at `path`.

    Raises ImportSetError, before the first is written, that lists every mistake of the map and every file and column
    that is not there.
    """
    table_map = load_map(path)
    read: list[tuple[MappedTrial, list[TimedTable]]] = []
    defects: list[str] = []
    for mapped in table_map.trials:
        try:
            read.append((mapped, _read(path.parent, table_map, mapped)))
        except ImportSetError as error:
            defects += error.defects
    raise_all(list(dict.fromkeys(defects)))
    made = [(mapped, _trial(path, table_map, mapped, tables)) for mapped, tables in read]
    out.mkdir(parents=True, exist_ok=True)
    paths = []
    for mapped, trial in made:
        paths.append(out / f"{table_map.subject}_{mapped.name}.parquet")
        with whole(paths[-1]) as fresh:
            write_trial(fresh, trial)
        say(f"{paths[-1].name}: {trial.duration_s:.2f} s, {_worn(trial)}")
    return paths


def _read(folder: Path, table_map: TableMap, trial: MappedTrial) -> list[TimedTable]:
    """The trial's tables; raises ImportSetError that lists what is missing in all of them."""
    tables: list[TimedTable] = []
    defects: list[str] = []
    for name, file in trial.files.items():
        layout = table_map.tables[name]
        try:
            columns = read_columns(folder / file, layout)
        except ImportSetError as error:
            defects += error.defects
            continue
        missing = columns.missing(wanted(layout))
        defects += missing
        if not missing:
            try:
                tables.append(_timed(layout, columns, trial.offset_s.get(name, 0.0)))
            except ImportSetError as error:
                defects += error.defects
    raise_all(defects)
    return tables


def wanted(layout: Layout) -> Iterator[str]:
    """The columns that a file of `layout` must have."""
    if layout.time.column is not None:
        yield layout.time.column
    for imu in layout.imus:
        yield from (*imu.accel, *(imu.gyro or ()), *(imu.orientation or ()))
    for insole in layout.insoles:
        yield from (name for name in (insole.force, insole.cop_ap, insole.cop_ml) if name is not None)
        yield from (zone.column for zone in insole.zones)
    yield from (label.column for label in layout.labels)


def _timed(layout: Layout, columns: Columns, offset_s: float) -> TimedTable:
    """Rows without a time, as a shorter block of a wide file leaves at its end, are dropped."""
    told = layout.time
    if told.column is None:
        assert told.rate_hz is not None, "checked by the map"
        time = np.arange(len(columns.values[0])) / told.rate_hz
    else:
        time = columns[told.column] * (told.step_s or units.TIME_S[told.unit])
    known = np.isfinite(time)
    time = time[known] + offset_s
    if told.steady and len(time) > 1:
        time = _steady(columns.path, time)
    steps = np.diff(time)
    if len(time) < 2 or np.any(steps <= 0.0):
        row = int(np.argmax(steps <= 0.0)) + 1 if len(steps) else 0
        what = f"time does not increase at row {row} of {len(time)}"
        remedy = "name the right column, cut the file there, or set steady = true if stamps only jitter"
        raise ImportSetError([defect(columns.path, what, remedy)])
    kept = Columns(columns.path, columns.names, tuple(one[known] for one in columns.values))
    return TimedTable(layout, kept, time)


def _steady(path: Path, time: Doubles) -> Doubles:
    """The line through `time`; ImportSetError where it strays from one, as after a loss."""
    rows = np.arange(len(time), dtype=np.float64)
    slope, start = np.polyfit(rows, time, 1)
    line: Doubles = start + slope * rows
    stray = np.abs(time - line)
    if float(stray.max()) > _STRAY_STEPS * slope:
        what = f"time strays by {1000 * stray.max():.0f} ms from a steady rate at row {int(stray.argmax())}"
        raise ImportSetError(
            [defect(path, what, "samples were lost: leave out steady, or cut the file there")]
        )
    return line


def _trial(path: Path, table_map: TableMap, mapped: MappedTrial, tables: list[TimedTable]) -> Trial:
    wearer = table_map.wearer
    about = {"trial": mapped.name, "imu_kind": "measured", "imported_by": path.name, **mapped.about}
    meta = TrialMeta(
        table_map.subject,
        mapped.task,
        wearer.mass_kg,
        wearer.foot_length_m,
        wearer.foot_width_m,
        table_map.source,
        about,
    )
    at = _grid(path, mapped, tables)
    channels = np.full((len(at), len(CHANNEL_NAMES)), np.nan)
    labels = np.full((len(at), len(LABEL_NAMES)), np.nan)
    turned = {}
    for table in tables:
        for imu in table.layout.imus:
            first = CHANNEL_INDEX[f"{imu.part}_accel_x"]
            channels[:, first : first + 6], orientation = _imu(table, imu, at)
            if orientation is not None:
                turned[imu.part] = _quaternions(orientation)
        for insole in table.layout.insoles:
            first = CHANNEL_INDEX[f"insole_{insole.side}_vgrf"]
            channels[:, first : first + 3] = _insole(table, insole, at, meta)
        for label in table.layout.labels:
            values = table.columns.stack([label.column]) * (label.sign * units.label(label.unit, meta))
            cutoff = table.layout.lowpass_hz
            labels[:, LABEL_NAMES.index(label.name)] = on_grid(values, table.time_s, at, cutoff)[:, 0]
    rows = np.arange(len(at)) / RATE_HZ
    return Trial(rows, channels.astype(np.float32), labels.astype(np.float32), meta, turned)


def _grid(path: Path, mapped: MappedTrial, tables: list[TimedTable]) -> Doubles:
    """The suit's grid over what all tables share of the common clock."""
    spans = {table.columns.path.name: (table.time_s[0], table.time_s[-1]) for table in tables}
    first = max(
        [span[0] for span in spans.values()] + [-np.inf if mapped.start_s is None else mapped.start_s]
    )
    last = min([span[1] for span in spans.values()] + [np.inf if mapped.end_s is None else mapped.end_s])
    if not last - first > _SHORTEST_S:
        shown = ", ".join(f"{name} {a:.2f} to {b:.2f} s" for name, (a, b) in spans.items())
        remedy = "correct offset_s, start_s, end_s, or the units of the times"
        raise ImportSetError([defect(path, f"trial {mapped.name} has no common time: {shown}", remedy)])
    return grid(first, last)


def on_grid(values: Doubles, time_s: Doubles, at_s: Doubles, cutoff_hz: float | None = None) -> Doubles:
    """(n, k) at the times `at_s` by cubic splines; NaN where it was, in gaps of time and outside.

    Low-passed first (zero-lag) where the recording is faster than the suit's rate, or at `cutoff_hz`.
    """
    step = float(np.median(np.diff(time_s)))
    if cutoff_hz is None and step * RATE_HZ < 0.95:
        cutoff_hz = _PASS_HZ
    known = values if cutoff_hz is None else _passed(values, 1.0 / step, cutoff_hz)
    out = splined(time_s, known, at_s)
    for gap in np.flatnonzero(np.diff(time_s) > _GAP_STEPS * step):
        out[(at_s > time_s[gap]) & (at_s < time_s[gap + 1])] = np.nan
    return out


def _passed(values: Doubles, rate_hz: float, cutoff_hz: float) -> Doubles:
    """Each run of known values low-passed; runs too short for the filter stay as they are."""
    out: Doubles = values.copy()
    least = int(3.0 * rate_hz / cutoff_hz)
    for column in out.T:
        for first, end in stretches(np.isfinite(column)):
            if end - first > least:
                column[first:end] = lowpass(column[first:end], rate_hz, cutoff_hz)
    return out


def _imu(table: TimedTable, imu: Imu, at: Doubles) -> tuple[Doubles, Doubles | None]:
    """(n, 6) in the segment's axes, and (n, 3, 3) the segment's axes in the world, y up, where they are told."""
    mounted = MOUNTINGS[imu.mounting]
    accel = on_grid(table.columns.stack(imu.accel) * units.ACCEL[imu.accel_unit], table.time_s, at)
    turned = None if imu.orientation is None else _orientation(table, imu, at)
    if imu.gyro is not None:
        gyro = on_grid(table.columns.stack(imu.gyro) * units.GYRO[imu.gyro_unit], table.time_s, at)
        return np.hstack([accel @ mounted.T, gyro @ mounted.T]), turned
    assert turned is not None, "checked by the map"
    return np.hstack([accel @ mounted.T, angular_velocity(turned)]), turned


def _orientation(table: TimedTable, imu: Imu, at: Doubles) -> Doubles:
    assert imu.orientation is not None, "asked by the caller"
    values = table.columns.stack(imu.orientation)
    known = np.isfinite(values).all(axis=1)
    if len(imu.orientation) == 4:
        sensor = Rotation.from_quat(values[known][:, [1, 2, 3, 0]])
    else:
        sensor = Rotation.from_matrix(values[known].reshape(-1, 3, 3))
    segment = sensor * Rotation.from_matrix(MOUNTINGS[imu.mounting].T)
    if imu.world_up == "z":
        segment = Rotation.from_matrix(_Z_UP) * segment
    time = table.time_s[known]
    return np.asarray(RotationSpline(time, segment)(np.clip(at, time[0], time[-1])).as_matrix(), np.float64)


def _quaternions(turned: Doubles) -> npt.NDArray[np.float32]:
    wxyz = Rotation.from_matrix(turned).as_quat()[:, [3, 0, 1, 2]]
    return np.asarray(wxyz, np.float32)


def _insole(table: TimedTable, insole: Insole, at: Doubles, meta: TrialMeta) -> Doubles:
    """(n, 3) vgrf, cop_ap, cop_ml; the centre NaN where the foot bears too little."""
    columns = table.columns
    if insole.zones:
        forces = columns.stack(zone.column for zone in insole.zones)
        force = forces.sum(axis=1)
        places = np.array([(zone.ap, zone.ml) for zone in insole.zones])
        with np.errstate(invalid="ignore", divide="ignore"):
            centres = forces @ places / force[:, None]
    else:
        assert insole.force is not None, "checked by the map"
        force = columns[insole.force]
        centres = np.full((len(force), 2), np.nan)
        for k, (name, size) in enumerate(
            ((insole.cop_ap, meta.foot_length_m), (insole.cop_ml, meta.foot_width_m))
        ):
            if name is not None:
                centres[:, k] = columns[name] * units.feet(insole.cop_unit, size)
    force = force * units.bodyweights(insole.force_unit, meta)
    centres = np.where((force < COP_BODYWEIGHTS)[:, None], np.nan, centres)
    out = on_grid(np.column_stack([force, centres]), table.time_s, at)
    out[:, 1:][out[:, 0] < COP_BODYWEIGHTS] = np.nan
    return out


def _worn(trial: Trial) -> str:
    known = np.isfinite(trial.channels).any(axis=0).sum(), np.isfinite(trial.labels).any(axis=0).sum()
    return f"{known[0]} of {len(CHANNEL_NAMES)} channels, {known[1]} of {len(LABEL_NAMES)} labels"
