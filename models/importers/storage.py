"""OpenSim's text files: tables (.mot, .sto) and marker positions (.trc). Reading needs no OpenSim."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from models.importers.errors import ImportSetError, defect

Doubles = npt.NDArray[np.float64]

_IN_DEGREES = re.compile(r"^\s*inDegrees\s*=\s*(\w+)", re.IGNORECASE)
_ROWS = re.compile(r"^\s*(?:nRows\s*=|datarows)\s*(\d+)", re.IGNORECASE)
_METRES = {"m": 1.0, "cm": 0.01, "mm": 0.001}
_TRC_HEADER_LINES = 5


@dataclass(frozen=True)
class Table:
    """time_s (n,) and values (n, len(names)) as the file has them; `in_degrees` None where its header does not say."""

    names: tuple[str, ...]
    time_s: Doubles
    values: Doubles
    in_degrees: bool | None = None

    def column(self, name: str) -> Doubles:
        """Values (n,) of `name`."""
        return self.values[:, self.names.index(name)]


@dataclass(frozen=True)
class Markers:
    """time_s (n,); positions (n, len(names), 3) in metres, NaN where a marker was not seen."""

    names: tuple[str, ...]
    time_s: Doubles
    positions: Doubles


def read_table(path: Path) -> Table:
    """A .mot or .sto file; raises ImportSetError for one that is damaged."""
    lines = _lines(path)
    end = next((i for i, line in enumerate(lines) if line.strip().lower() == "endheader"), None)
    if end is None:
        raise ImportSetError([defect(path, "has no line `endheader`", "export it as an OpenSim table again")])
    body = [line for line in lines[end + 1 :] if line.strip()]
    names = body[0].split() if body else []
    if len(body) < 3 or names[0].lower() != "time":
        raise ImportSetError(
            [defect(path, "holds no column `time` with at least two rows", "export it again")]
        )
    rows = _numbers(path, body[1:], len(names), None)
    declared = next((int(found[1]) for line in lines[:end] if (found := _ROWS.match(line))), len(rows))
    if declared != len(rows):
        what = f"the header promises {declared} rows, the file holds {len(rows)}"
        raise ImportSetError([defect(path, what, "it was cut short or edited: copy or export it again")])
    _check_time(path, rows[:, 0])
    said = next((found[1].lower() for line in lines[:end] if (found := _IN_DEGREES.match(line))), None)
    return Table(tuple(names[1:]), rows[:, 0], rows[:, 1:], None if said is None else said == "yes")


def write_table(path: Path, table: Table) -> None:
    """A .mot or .sto file that OpenSim's tools read."""
    degrees = "yes" if table.in_degrees else "no"
    head = [path.stem, "version=1", f"nRows={len(table.time_s)}", f"nColumns={len(table.names) + 1}"]
    rows = np.column_stack([table.time_s, table.values])
    text = ["\t".join(f"{value:.9g}" for value in row) for row in rows]
    names = "\t".join(["time", *table.names])
    path.write_text("\n".join([*head, f"inDegrees={degrees}", "endheader", names, *text]) + "\n")


def read_markers(path: Path) -> Markers:
    """A .trc file; raises ImportSetError for one that is damaged or in unknown units."""
    lines = _lines(path)
    if len(lines) <= _TRC_HEADER_LINES or not lines[0].startswith("PathFileType"):
        raise ImportSetError([defect(path, "is no .trc file", "export the markers as .trc")])
    head = dict(zip(lines[1].split("\t"), lines[2].split("\t"), strict=False))
    scale = _METRES.get(head.get("Units", "").strip())
    names = tuple(name.strip() for name in lines[3].split("\t")[2:] if name.strip())
    if scale is None:
        what = f"Units is {head.get('Units', '')!r}"
        raise ImportSetError([defect(path, what, "write m, cm or mm there")])
    body = [line for line in lines[_TRC_HEADER_LINES:] if line.strip()]
    rows = _numbers(path, body, 2 + 3 * len(names), "\t")
    _check_time(path, rows[:, 1])
    positions = rows[:, 2:].reshape(len(rows), len(names), 3) * scale
    # Several exporters write a marker that was not seen as three zeros.
    positions[np.all(positions == 0.0, axis=2)] = np.nan
    return Markers(names, rows[:, 1], positions)


def write_markers(path: Path, markers: Markers) -> None:
    """A .trc file in metres; not seen is `nan`, because OpenSim drops blanks at the end of a row."""
    count, rate = len(markers.time_s), 1.0 / np.median(np.diff(markers.time_s))
    head = [
        f"PathFileType\t4\t(X/Y/Z)\t{path.name}",
        "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\tOrigNumFrames",
        f"{rate:.6g}\t{rate:.6g}\t{count}\t{len(markers.names)}\tm\t{rate:.6g}\t1\t{count}",
        "Frame#\tTime\t" + "\t\t\t".join(markers.names),
        "\t\t" + "\t".join(f"X{i}\tY{i}\tZ{i}" for i in range(1, len(markers.names) + 1)),
        "",
    ]
    rows = []
    for i, (time, places) in enumerate(zip(markers.time_s, markers.positions, strict=True)):
        cells = [f"{value:.7g}" for value in places.ravel()]
        rows.append("\t".join([str(i + 1), f"{time:.9g}", *cells]))
    path.write_text("\n".join([*head, *rows]) + "\n")


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise ImportSetError(
            [defect(path, f"cannot be read ({error.strerror})", "check the path")]
        ) from error


def _numbers(path: Path, lines: list[str], width: int, separator: str | None) -> Doubles:
    """(len(lines), width); a blank cell of a tab-separated file is NaN."""
    rows = np.full((len(lines), width), np.nan)
    defects = []
    for i, line in enumerate(lines):
        cells = line.split(separator)
        if separator is None and len(cells) != width:
            defects.append(
                defect(path, f"row {i + 1} has {len(cells)} cells, not {width}", "export it again")
            )
            continue
        for k, cell in enumerate(cells[:width]):
            try:
                rows[i, k] = float(cell) if cell.strip() else np.nan
            except ValueError:
                defects.append(defect(path, f"row {i + 1}: {cell!r} is no number", "export it again"))
    if defects:
        raise ImportSetError(defects[:5])
    return rows


def _check_time(path: Path, time: Doubles) -> None:
    steps = np.diff(time)
    if len(time) < 2 or not np.all(np.isfinite(time)) or np.any(steps <= 0.0):
        row = int(np.argmin(np.where(np.isfinite(steps), steps, -np.inf))) + 2 if len(steps) else 1
        raise ImportSetError([defect(path, f"time does not increase at row {row}", "export it again")])
    if np.max(steps) > 1.5 * np.median(steps):
        row = int(np.argmax(steps)) + 2
        what = f"time jumps by {np.max(steps):.4f} s at row {row}, otherwise by {np.median(steps):.4f} s"
        raise ImportSetError([defect(path, what, "cut the trial there or fill the gap")])
