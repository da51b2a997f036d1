"""What `second-skin record` wrote, for the importer: channels on the grid and edges of the sync line, on one clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from jetson_runtime.recording import export
from jetson_runtime.recording.mcap_file import SUFFIX
from jetson_runtime.suit.config import Wearer
from jetson_runtime.suit.errors import RecordingError
from jetson_runtime.suit.signals import CHANNEL_NAMES
from models.importers.errors import ImportSetError, defect
from models.importers.table_files import Columns

Doubles = npt.NDArray[np.float64]
Mark = Mapping[Any, str | int]


def is_recorded(path: Path) -> bool:
    """Whether `path` names what `second-skin record` writes: a file, or with `*` the parts of one session."""
    return path.suffix == SUFFIX


def read_recorded(
    path: Path, mark: Mark | None = None, wearer: Wearer | None = None, *, rescale: bool = False
) -> tuple[Doubles, Columns, Doubles, int]:
    """Times (n,) [s], channels, edges (k,) in the same seconds, and the first row's instant (CLOCK_MONOTONIC ns).

    mark: what the mark at its beginning says; from the last such mark to the next one. None: all of it. wearer: whose
    bodyweights and feet the insoles' channels are to be told in; rescale: as `SessionMap.rescale_insoles`.
    ImportSetError where it cannot be read, holds no such mark, nothing but gaps, or another wearer's movement.
    """
    paths = sorted(path.parent.glob(path.name)) if "*" in path.name else [path]
    if not paths:
        raise ImportSetError([defect(path, "matches no file", "correct its name in the map")])
    try:
        series = export.read(paths)
        if mark is not None:
            series = _marked(path, series, mark)
        if wearer is not None:
            series = _worn_by(path, series, wearer, rescale=rescale)
    except RecordingError as error:
        raise ImportSetError([str(error)]) from error
    known = np.isfinite(series.channels).any(axis=1)
    if known.sum() < 2:
        raise ImportSetError([defect(path, "holds no rows of channels", "record with the sensors connected")])
    first, last = np.flatnonzero(known)[[0, -1]]
    rows = slice(first, last + 1)
    time_s = series.time_s[rows] - series.time_s[first]
    first_ns = series.start_ns + round(series.time_s[first] * 1e9)
    columns = Columns(path, CHANNEL_NAMES, tuple(series.channels[rows].T))
    return time_s, columns, (_beginnings(series) - first_ns) * 1e-9, first_ns


def _marked(path: Path, series: export.Series, mark: Mark) -> export.Series:
    fitting = [
        piece
        for _, told, piece in export.pieces(series)
        if all(str(told.get(key)) == str(value) for key, value in mark.items())
    ]
    if not fitting:
        what = f"has no mark with {', '.join(f'{key} {value}' for key, value in mark.items())}"
        raise ImportSetError([defect(path, what, "correct mark in the map")])
    return fitting[-1]


def _worn_by(path: Path, series: export.Series, wearer: Wearer, *, rescale: bool) -> export.Series:
    """With the insoles' channels as of `wearer`; those that were recorded before anybody was set are not known."""
    end_ns = series.start_ns + round(1e9 * series.time_s[-1])
    told = [one for at_ns, one in series.wearers if series.start_ns < at_ns <= end_ns]
    wearers = [one for one in (series.config.wearer, *told) if one is not None]
    if all(_alike(one, wearer) for one in wearers):
        return series
    if not rescale or not all(_alike(one, wearers[0]) for one in wearers):
        names = " and ".join(dict.fromkeys(map(_text, wearers)))
        what = f"was worn by {names}, [wearer] of the map is {_text(wearer)}"
        remedy = (
            "correct the map; or, if the suit was told a wrong one all the while, add rescale_insoles = true"
        )
        raise ImportSetError([defect(path, what, remedy)])
    worn, channels = wearers[0], series.channels.copy()
    for side in "rl":
        force, ap, ml = (
            CHANNEL_NAMES.index(f"insole_{side}_{name}") for name in ("vgrf", "cop_ap", "cop_ml")
        )
        channels[:, force] *= worn.mass_kg / wearer.mass_kg
        # From the middle of the foot.
        channels[:, ap] = 0.5 + (channels[:, ap] - 0.5) * worn.foot_length_m / wearer.foot_length_m
        channels[:, ml] = 0.5 + (channels[:, ml] - 0.5) * worn.foot_width_m / wearer.foot_width_m
    return replace(series, channels=channels)


def _alike(one: Wearer, other: Wearer) -> bool:
    return np.allclose(
        list(one.model_dump().values()), list(other.model_dump().values()), rtol=1e-6, atol=0.0
    )


def _text(wearer: Wearer) -> str:
    length, width = 1e3 * wearer.foot_length_m, 1e3 * wearer.foot_width_m
    return f"{wearer.mass_kg:g} kg with feet of {length:g} x {width:g} mm"


def _beginnings(series: export.Series) -> Doubles:
    """Instants [ns] at which a pulse begins; the end of one that began before the rows is none."""
    sync = series.config.sync
    kind = "falling" if sync is not None and sync.edge == "falling" else "rising"
    return np.array([edge["at_ns"] for edge in series.syncs if edge["edge"] == kind], np.float64)
