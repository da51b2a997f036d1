"""Columns of numbers out of CSV, Parquet and HDF5 files.

A column goes by its name, or by `#n`, the n-th, where it has none or shares it. Of an HDF5 file, each dataset of the
group is a column; one of two dimensions is the columns `name#1`, `name#2` and so on.
"""

from __future__ import annotations

import difflib
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from models.errors import first_line
from models.importers.errors import ImportSetError, defect
from models.importers.table_map import Layout

Doubles = npt.NDArray[np.float64]

_PLACE = re.compile(r"^#(\d+)$")
_FORMATS = {".parquet": "parquet", ".h5": "hdf5", ".hdf5": "hdf5", ".mat": "hdf5"}


@dataclass(frozen=True)
class Columns:
    """A file's columns, in its order; `values[i]` (rows,) belongs to `names[i]`."""

    path: Path
    names: tuple[str, ...]
    values: tuple[Doubles, ...]

    def missing(self, wanted: Iterable[str]) -> list[str]:
        """A defect for each of `wanted` that is not there, is there several times, or holds no numbers."""
        defects = []
        for name in dict.fromkeys(wanted):
            count = len(self._places(name))
            if count > 1:
                what = f"has {count} columns {name!r}"
                defects.append(
                    defect(self.path, what, f"name one by its place, as in #{self._places(name)[0] + 1}")
                )
            elif count == 0:
                near = difflib.get_close_matches(name, self.names, 3, 0.5)
                remedy = f"is it {' or '.join(map(repr, near))}?" if near else f"it has {_some(self.names)}"
                defects.append(defect(self.path, f"has no column {name!r}", remedy))
            elif np.isnan(self[name]).all():
                defects.append(
                    defect(self.path, f"column {name!r} holds no number", "correct the map or the file")
                )
        return defects

    def __getitem__(self, name: str) -> Doubles:
        return self.values[self._places(name)[0]]

    def stack(self, names: Iterable[str]) -> Doubles:
        """(rows, len(names))."""
        return np.stack([self[name] for name in names], axis=1)

    def _places(self, name: str) -> list[int]:
        if found := _PLACE.match(name):
            place = int(found[1]) - 1
            return [place] if 0 <= place < len(self.names) else []
        return [i for i, other in enumerate(self.names) if other == name]


def read_columns(path: Path, layout: Layout) -> Columns:
    """The columns of the file at `path`; raises ImportSetError for one that cannot be read."""
    kind = layout.format or _FORMATS.get(path.suffix.lower(), "csv")
    try:
        if kind == "parquet":
            return _columns(path, pq.read_table(path))
        return _hdf5(path, layout.group) if kind == "hdf5" else _csv(path, layout)
    except (OSError, pa.ArrowInvalid, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or first_line(error)
        raise ImportSetError(
            [defect(path, f"cannot be read as {kind} ({reason})", "check path and format")]
        ) from error


def _csv(path: Path, layout: Layout) -> Columns:
    lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    if layout.comment:
        lines = [line for line in lines if not line.startswith(layout.comment)]
    if len(lines) < layout.header_line:
        raise ImportSetError([defect(path, f"has {len(lines)} lines", "correct header_line")])
    names = [name.strip().strip('"') for name in lines[layout.header_line - 1].split(layout.separator)]
    body = [line for line in lines[(layout.first_row or layout.header_line + 1) - 1 :] if line.strip()]
    if not body:
        raise ImportSetError(
            [defect(path, "holds no row of values", "correct first_row, or export it again")]
        )
    # Rows may have more cells than names, as a separator at their end makes.
    width = max(len(names), body[0].count(layout.separator) + 1)
    names += [""] * (width - len(names))
    table = pa.csv.read_csv(
        io.BytesIO("\n".join(body).encode()),
        pa.csv.ReadOptions(column_names=[str(i) for i in range(width)]),
        pa.csv.ParseOptions(delimiter=layout.separator),
        pa.csv.ConvertOptions(
            decimal_point=layout.decimal, null_values=["", "NA", "NaN", "nan", "null", "-"]
        ),
    )
    return Columns(path, tuple(names), tuple(_numbers(column) for column in table.columns))


def _columns(path: Path, table: pa.Table) -> Columns:
    return Columns(path, tuple(table.column_names), tuple(_numbers(column) for column in table.columns))


def _numbers(column: pa.ChunkedArray) -> Doubles:
    """NaN where there is none; all NaN for a column of texts."""
    if pa.types.is_floating(column.type) or pa.types.is_integer(column.type):
        return np.asarray(column.cast(pa.float64()).to_numpy(), np.float64)
    return np.full(len(column), np.nan)


def _hdf5(path: Path, group: str) -> Columns:
    import h5py

    names: list[str] = []
    values: list[Doubles] = []
    with h5py.File(path, "r") as file:
        if group not in file:
            raise ImportSetError([defect(path, f"has no group {group!r}", f"it has {_some(tuple(file))}")])

        def take(name: str, item: object) -> None:
            if isinstance(item, h5py.Dataset) and item.dtype.kind in "fiu" and 1 <= item.ndim <= 2:
                block = np.asarray(item, np.float64)
                single = block.ndim == 1
                names.extend([name] if single else [f"{name}#{k + 1}" for k in range(block.shape[1])])
                values.extend([block] if single else list(block.T))

        file[group].visititems(take)
    longest = max((len(one) for one in values), default=0)
    kept = [i for i, one in enumerate(values) if len(one) == longest]
    return Columns(path, tuple(names[i] for i in kept), tuple(values[i] for i in kept))


def _some(names: tuple[str, ...]) -> str:
    shown = [name for name in names if name][:12]
    return f"{', '.join(shown)}{' and more' if len(names) > len(shown) else ''}"
