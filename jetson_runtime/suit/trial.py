"""One trial: what the suit measures during a movement and the outcomes that are true of it, as one Parquet file.

200 Hz; a column `time` [s, from 0], one column for each channel and label of signals.py in their units, optional
`<part>_quat_w|x|y|z`, optional `plate_<side>_vgrf|cop_ap|cop_ml` (what force plates measured, in the units of the
insoles), and key-value metadata. NaN columns of a whole device mean that the device was not worn.
Needs pyarrow (the extra `sim` or `lab`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from jetson_runtime.suit.errors import TrialError
from jetson_runtime.suit.signals import CHANNEL_NAMES, LABEL_NAMES, PARTS, RATE_HZ, SIDES

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

PLATE_NAMES = tuple(f"plate_{side}_{value}" for side in SIDES for value in ("vgrf", "cop_ap", "cop_ml"))
_QUATERNION = ("w", "x", "y", "z")
_META_NUMBERS = ("body_mass_kg", "foot_length_m", "foot_width_m")


@dataclass(frozen=True)
class TrialMeta:
    """Who moved and how; `task` is L, PP, PS, SH, SP, VA, W or other:<name>. `extra`: any further key and text."""

    subject: str
    task: str
    body_mass_kg: float
    foot_length_m: float
    foot_width_m: float
    source: str = ""
    extra: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Trial:
    """time_s (n,); channels (n, 54) and labels (n, 14) float32 in the order of signals.py; part -> (n, 4) w x y z.

    plates: (n, 6) in the order of PLATE_NAMES, the truth that the insoles are compared with; None where no plate stood.
    """

    time_s: Doubles
    channels: Floats
    labels: Floats
    meta: TrialMeta
    quaternions: dict[str, Floats] = field(default_factory=dict)
    plates: Floats | None = None

    @property
    def duration_s(self) -> float:
        """From the first row to the end of the last."""
        return len(self.time_s) / RATE_HZ


def read_trial(path: Path) -> Trial:
    """The trial at `path`; raises TrialError that lists every missing column, gap in time and absent metadata."""
    try:
        table, meta = read_table(path)
    except TrialError as error:
        raise TrialError(f"{path}: cannot be read as a Parquet trial: {error}") from error
    defects = _column_defects(table) + _meta_defects(meta)
    if not defects:
        defects = _time_defects(table)
    if defects:
        raise TrialError(
            "\n".join([f"{path}: {len(defects)} defects; mend the file or export it again", *defects])
        )
    return Trial(
        time_s=_columns(table, ("time",)).astype(np.float64)[:, 0],
        channels=_columns(table, CHANNEL_NAMES),
        labels=_columns(table, LABEL_NAMES),
        meta=_meta(meta),
        quaternions={
            part: _columns(table, _quaternion_names(part))
            for part in PARTS
            if set(_quaternion_names(part)) <= set(table.column_names)
        },
        plates=_columns(table, PLATE_NAMES) if set(PLATE_NAMES) <= set(table.column_names) else None,
    )


def read_table(path: Path) -> tuple[pa.Table, dict[str, str]]:
    """The table at `path` and its metadata, whatever they hold; raises TrialError that tells why there are none."""
    if not path.is_file():
        raise TrialError("is a link to nothing" if path.is_symlink() else "is no file")
    try:
        names = pq.read_schema(path).names
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise TrialError(f"column {', '.join(twice)}: stands there twice")
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise TrialError(str(error).partition("\n")[0]) from error
    try:
        return table, {key.decode(): text.decode() for key, text in (table.schema.metadata or {}).items()}
    except UnicodeDecodeError:
        raise TrialError("its metadata are not UTF-8 text") from None


def write_trial(path: Path, trial: Trial) -> None:
    """Writes `trial` so that `read_trial` gives it back."""
    columns: dict[str, npt.NDArray[np.floating]] = {"time": trial.time_s}
    columns |= {name: trial.channels[:, i] for i, name in enumerate(CHANNEL_NAMES)}
    columns |= {name: trial.labels[:, i] for i, name in enumerate(LABEL_NAMES)}
    for part, values in trial.quaternions.items():
        columns |= {name: values[:, i] for i, name in enumerate(_quaternion_names(part))}
    if trial.plates is not None:
        columns |= {name: trial.plates[:, i] for i, name in enumerate(PLATE_NAMES)}
    meta = trial.meta
    texts = {"subject": meta.subject, "task": meta.task, "source": meta.source, "rate_hz": str(RATE_HZ)}
    texts |= {name: repr(float(getattr(meta, name))) for name in _META_NUMBERS}
    table = pa.table(columns).replace_schema_metadata({**meta.extra, **texts})
    floats = [name for name in columns if name != "time"]
    pq.write_table(
        table,
        path,
        compression="zstd",
        use_dictionary=False,
        column_encoding=dict.fromkeys(floats, "BYTE_STREAM_SPLIT"),
    )


def _quaternion_names(part: str) -> tuple[str, ...]:
    return tuple(f"{part}_quat_{axis}" for axis in _QUATERNION)


def _columns(table: pa.Table, names: tuple[str, ...]) -> Floats:
    kind = np.float64 if names == ("time",) else np.float32
    values = [table.column(name).to_numpy(zero_copy_only=False).astype(kind) for name in names]
    return np.stack(values, axis=1)


def _column_defects(table: pa.Table) -> list[str]:
    wanted = ("time", *CHANNEL_NAMES, *LABEL_NAMES)
    present = set(table.column_names)
    defects = [
        f"  column {name}: is missing; a device that was not worn is a column of NaN"
        for name in wanted
        if name not in present
    ]
    defects += [
        f"  column {name}: holds {table.schema.field(name).type}; write floating-point numbers"
        for name in wanted
        if name in present and not pa.types.is_floating(table.schema.field(name).type)
    ]
    return defects


def _meta_defects(meta: dict[str, str]) -> list[str]:
    defects = [
        f"  metadata {key}: is missing; add it"
        for key in ("subject", "task", *_META_NUMBERS)
        if key not in meta
    ]
    defects += [
        f"  metadata {key}: {meta[key]!r} is no positive number"
        for key in _META_NUMBERS
        if key in meta and not _positive(meta[key])
    ]
    if meta.get("rate_hz", str(RATE_HZ)) != str(RATE_HZ):
        defects.append(f"  metadata rate_hz: {meta['rate_hz']}; resample the trial to {RATE_HZ} Hz")
    return defects


def _time_defects(table: pa.Table) -> list[str]:
    time = _columns(table, ("time",))[:, 0]
    if len(time) < 2:
        return [f"  column time: {len(time)} rows; a trial has at least 2"]
    expected = np.arange(len(time)) / RATE_HZ
    off = np.flatnonzero(~(np.abs(time - expected) < 1e-4))
    if len(off):
        row = int(off[0])
        return [
            f"  column time: row {row} is {time[row]:.6f} s, not {expected[row]:.6f}; resample to {RATE_HZ} Hz from 0"
        ]
    return []


def _positive(text: str) -> bool:
    try:
        return 0.0 < float(text) < float("inf")
    except ValueError:
        return False


def _meta(meta: dict[str, str]) -> TrialMeta:
    known = ("subject", "task", "source", "rate_hz", *_META_NUMBERS)
    return TrialMeta(
        subject=meta["subject"],
        task=meta["task"],
        source=meta.get("source", ""),
        body_mass_kg=float(meta["body_mass_kg"]),
        foot_length_m=float(meta["foot_length_m"]),
        foot_width_m=float(meta["foot_width_m"]),
        extra={
            key: value
            for key, value in meta.items()
            if key not in known and not key.startswith(("ARROW", "pandas"))
        },
    )
