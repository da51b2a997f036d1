"""The suit's own recordings and a laboratory's reference of the same movement -> trials, aligned by the sync pulse.

A recording, exported, is a table (Parquet, CSV, HDF5) of what the suit measured, in the suit's units and axes: a
column `t_ns`, when each row was sampled on the host's clock, columns named as the channels, a column `sync` with the
level of the pulse. Or a folder, or an HDF5 file with groups, of such a table for each stream (`imu_pelvis`,
`insole_r`) and one, `sync`, whose `t_ns` are the edges. Or the file that `second-skin record` wrote (MCAP), as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from jetson_runtime.suit.config import Wearer
from jetson_runtime.suit.signals import CHANNEL_INDEX, CHANNEL_NAMES, LABEL_NAMES, RATE_HZ, STREAM_NAMES
from jetson_runtime.suit.trial import Trial, TrialMeta, write_trial
from models.data.filters import grid
from models.files import whole
from models.importers import storage, units
from models.importers.errors import ImportSetError, defect, raise_all
from models.importers.sensor_tables import on_grid
from models.importers.session_map import Pulse, Session, SessionMap, load_sessions
from models.importers.suit_recording import Mark, is_recorded, read_recorded
from models.importers.sync import Alignment, SyncError, align, rising_edges
from models.importers.table_files import Columns, read_columns
from models.importers.table_map import Layout, Time

Doubles = npt.NDArray[np.float64]

_SYNC = "sync"
_HOST_TIME = Layout(time=Time(column="t_ns", unit="ns"))
_OPENSIM = (".mot", ".sto")
_HDF5 = (".h5", ".hdf5")
_SHORTEST_S = 0.5


class Recording(NamedTuple):
    """tables: times (n,) [s, from `first_ns` on the host's clock] and columns of channels; edges_s: of the pulse."""

    tables: list[tuple[Doubles, Columns]]
    edges_s: Doubles | None
    first_ns: int


class Reference(NamedTuple):
    """labels: name -> times (n,) on the laboratory's clock, values (n, 1) in our units and signs."""

    labels: dict[str, tuple[Doubles, Doubles]]
    first_s: float
    last_s: float


def import_recordings(path: Path, out: Path, say: Callable[[str], None] = lambda line: None) -> list[Path]:
    """Writes `<subject>_<trial>.parquet` into `out` for each trial of the map at `path`.

    Raises ImportSetError, before the first is written, that lists every file that is defective and every trial whose
    pulses do not match, with the reason.
    """
    sessions = load_sessions(path)
    made: list[tuple[Session, Trial, Alignment]] = []
    defects: list[str] = []
    for session in sessions.trials:
        try:
            made.append((session, *_trial(path.parent, sessions, session)))
        except ImportSetError as error:
            defects += list(error.defects)
        except SyncError as error:
            defects.append(f"{path}: trial {session.name}: {error}")
    raise_all(list(dict.fromkeys(defects)))
    out.mkdir(parents=True, exist_ok=True)
    paths = []
    for session, trial, alignment in made:
        paths.append(out / f"{sessions.subject}_{session.name}.parquet")
        with whole(paths[-1]) as fresh:
            write_trial(fresh, trial)
        say(f"{paths[-1].name}: {trial.duration_s:.2f} s; {alignment.text()}")
    return paths


def _trial(folder: Path, sessions: SessionMap, session: Session) -> tuple[Trial, Alignment]:
    source = folder / session.recording
    recording = read_recording(source, session.mark, sessions.wearer, rescale=sessions.rescale_insoles)
    reference = _reference(folder, sessions, session)
    suit = _suit_edges(folder, session, recording)
    alignment = align(
        suit, _edges(folder, session.laboratory_pulse, session.reference[0]), near_s=session.near_s
    )
    clocks = [alignment.laboratory_s(time) for time, _ in recording.tables]
    first = max([reference.first_s, *(time[0] for time in clocks)])
    last = min([reference.last_s, *(time[-1] for time in clocks)])
    first = first if session.start_s is None else max(first, session.start_s)
    last = last if session.end_s is None else min(last, session.end_s)
    if last - first < _SHORTEST_S:
        what = f"recording and reference share no time (reference {reference.first_s:.1f} to {reference.last_s:.1f} s, "
        what += f"recording {clocks[0][0]:.1f} to {clocks[0][-1]:.1f} s of the laboratory's clock)"
        raise ImportSetError([defect(folder / session.recording, what, "name the files of one trial")])
    at = grid(first, last)
    channels = np.full((len(at), len(CHANNEL_NAMES)), np.nan)
    for time, (_, columns) in zip(clocks, recording.tables, strict=True):
        names = [name for name in columns.names if name in CHANNEL_INDEX]
        channels[:, [CHANNEL_INDEX[name] for name in names]] = on_grid(columns.stack(names), time, at)
    labels = np.full((len(at), len(LABEL_NAMES)), np.nan)
    for name, (time, values) in reference.labels.items():
        labels[:, LABEL_NAMES.index(name)] = on_grid(values, time, at, sessions.lowpass_hz)[:, 0]
    meta = _meta(sessions, session, alignment)
    return Trial(
        np.arange(len(at)) / RATE_HZ, channels.astype(np.float32), labels.astype(np.float32), meta
    ), alignment


def _meta(sessions: SessionMap, session: Session, alignment: Alignment | None = None) -> TrialMeta:
    about = {"trial": session.name, "imu_kind": "measured", **session.about}
    if alignment is not None:
        about |= {
            "sync_offset_s": f"{alignment.offset_s:.6f}",
            "sync_skew_ppm": f"{1e6 * alignment.skew:.2f}",
            "sync_residual_ms": f"{1e3 * alignment.residual_s:.3f}",
            "sync_pulses": str(alignment.pairs),
        }
    wearer = sessions.wearer
    return TrialMeta(
        sessions.subject,
        session.task,
        wearer.mass_kg,
        wearer.foot_length_m,
        wearer.foot_width_m,
        sessions.source,
        about,
    )


def read_recording(
    path: Path, mark: Mark | None = None, wearer: Wearer | None = None, *, rescale: bool = False
) -> Recording:
    """A recording, exported or not; raises ImportSetError that lists what is wrong with its tables.

    mark, wearer, rescale: of one that was not exported, see `read_recorded`.
    """
    if is_recorded(path):
        time_s, recorded, pulses_s, started_ns = read_recorded(path, mark, wearer, rescale=rescale)
        return Recording([(time_s, recorded)], pulses_s, started_ns)
    tables: list[Columns] = []
    defects: list[str] = []
    edges: Columns | None = None
    for name, columns in _tables(path).items():
        if name == _SYNC:
            edges = columns
            continue
        missing = columns.missing(["t_ns"])
        known = [one for one in columns.names if one in CHANNEL_INDEX]
        if not missing and not known:
            missing.append(
                defect(columns.path, f"{name} holds no channel of the suit", "name columns as signals.py")
            )
        if not missing and np.any(np.diff(columns["t_ns"]) <= 0.0):
            missing.append(
                defect(columns.path, f"t_ns of {name} does not increase", "export the recording again")
            )
        defects += missing
        if not missing:
            tables.append(columns)
    if not defects and not tables:
        streams = ", ".join(STREAM_NAMES)
        defects.append(
            defect(path, "holds no table of the suit", f"a folder's files are named {streams} and sync")
        )
    raise_all(defects)
    first_ns = int(min(columns["t_ns"][0] for columns in tables))
    timed = [((columns["t_ns"] - first_ns) * 1e-9, columns) for columns in tables]
    edges_s = None if edges is None else (edges["t_ns"] - first_ns) * 1e-9
    return Recording(timed, edges_s, first_ns)


def _tables(path: Path) -> dict[str, Columns]:
    """Stream's name, `sync`, or the file's own -> its columns."""
    if path.is_dir():
        files = {one.stem: one for one in sorted(path.iterdir()) if one.stem in (*STREAM_NAMES, _SYNC)}
        return {name: read_columns(one, _HOST_TIME) for name, one in files.items()}
    if path.suffix.lower() in _HDF5:
        groups = [name for name in (*STREAM_NAMES, _SYNC) if name in hdf5_groups(path)]
        if groups:
            return {
                name: read_columns(path, _HOST_TIME.model_copy(update={"group": name})) for name in groups
            }
    return {path.stem: read_columns(path, _HOST_TIME)}


def hdf5_groups(path: Path) -> list[str]:
    """Names of the groups at the top of an HDF5 file; none where it cannot be read."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            return [name for name, item in file.items() if isinstance(item, h5py.Group)]
    except OSError:
        return []


def _suit_edges(folder: Path, session: Session, recording: Recording) -> Doubles:
    """On the recording's seconds."""
    pulse = session.suit_pulse
    if pulse is not None:
        if pulse.edges_s is not None or pulse.file is not None:
            return _edges(folder, pulse, session.recording) - recording.first_ns * 1e-9
    elif recording.edges_s is not None:
        return recording.edges_s
    name = _SYNC if pulse is None else pulse.column
    for time, columns in recording.tables:
        if name in columns.names:
            return rising_edges(columns[name], time)
    remedy = "export it with the recording, or name it as suit_pulse"
    raise ImportSetError([defect(folder / session.recording, f"has no column {name!r} of the pulse", remedy)])


def _edges(folder: Path, pulse: Pulse, own: str) -> Doubles:
    """Times [s] of a pulse's edges on its own clock."""
    if pulse.edges_s is not None:
        return np.asarray(pulse.edges_s, np.float64)
    path = folder / (pulse.file or own)
    if path.suffix.lower() in _OPENSIM:
        table = storage.read_table(path)
        if pulse.column not in table.names:
            what = f"has no column {pulse.column!r} of the pulse"
            raise ImportSetError([defect(path, what, f"it has {', '.join(table.names[:12])}")])
        return rising_edges(table.column(pulse.column), table.time_s)
    columns = read_columns(path, Layout(time=Time(column=pulse.time)))
    raise_all(columns.missing([pulse.time, pulse.column]))
    return rising_edges(columns[pulse.column], columns[pulse.time] * units.TIME_S[pulse.unit])


def _reference(folder: Path, sessions: SessionMap, session: Session) -> Reference:
    labels: dict[str, tuple[Doubles, Doubles]] = {}
    spans: list[tuple[float, float]] = []
    defects: list[str] = []
    for file in session.reference:
        try:
            found = _labels(folder / file, sessions, session)
        except ImportSetError as error:
            defects += list(error.defects)
            continue
        for name in found:
            if name in labels:
                defects.append(defect(folder / file, f"{name} is in another reference too", "keep one"))
        labels |= found
        spans += [(time[0], time[-1]) for time, _ in found.values()]
    raise_all(defects)
    return Reference(labels, max(first for first, _ in spans), min(last for _, last in spans))


def _labels(path: Path, sessions: SessionMap, session: Session) -> dict[str, tuple[Doubles, Doubles]]:
    """The labels that a reference holds, in our units and signs."""
    opensim = path.suffix.lower() in _OPENSIM
    time, columns, in_degrees = _opensim_columns(path) if opensim else _label_columns(path)
    if not columns:
        remedy = f"name columns as in OpenSim's models, e.g. {LABEL_NAMES[0]}, {LABEL_NAMES[7]}"
        raise ImportSetError([defect(path, "holds no label", remedy)])
    unit = sessions.moments or ("Nm" if opensim else "Nm/kg")
    moment = units.label(unit, _meta(sessions, session))
    angle = units.ANGLE_DEG["deg" if in_degrees else "rad"]
    out = {}
    for name, values in columns.items():
        sign = -1.0 if sessions.is_reversed(name) else 1.0
        factor = moment if name.endswith("_moment") else angle
        out[name] = (time, (sign * factor * values)[:, None])
    return out


def _opensim_columns(path: Path) -> tuple[Doubles, dict[str, Doubles], bool]:
    """Times, labels as they are, and whether angles are in degrees."""
    table = storage.read_table(path)
    columns = {name: table.column(name) for name in LABEL_NAMES if name in table.names}
    return table.time_s, columns, table.in_degrees is not False


def _label_columns(path: Path) -> tuple[Doubles, dict[str, Doubles], bool]:
    table = read_columns(path, Layout(time=Time(column="time")))
    raise_all(table.missing(["time"]))
    return table["time"], {name: table[name] for name in LABEL_NAMES if name in table.names}, True
