"""Batches of frames as rows on the 5 ms grid, checked: which numbers came, which never, which twice or too late.

Columns have the names of `second-skin export` where it has them; all others that of their key in `frame`, with a line
below for each step into it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from jetson_runtime.suit.signals import CHANNELS, PERIOD_NS, SIDES, published_outcomes

# A gap longer than this is written in pieces; one longer than a day is no gap of one session.
_PIECE_ROWS = 12_000
LONGEST_ROWS = 24 * 3600 * 200
# What `t_ns` tells as well, and what this makes by itself.
_LEFT_OUT = ("t", "seq", "t_ns", "valid")
_OUTCOME_UNITS = {item.name: item.outcome.unit for item in published_outcomes(SIDES)}
_INSOLE_UNITS = {
    channel.quantity: channel.unit for channel in CHANNELS if channel.quantity not in ("accel", "gyro")
}


@dataclass
class Check:
    """What became of the numbers of a session's frames. missing: first number and how many; repeated: frames that came
    again, or behind a newer one, which are left out; left_out: columns that the first batch did not have."""

    first: int | None = None
    last: int | None = None
    frames: int = 0
    missing: list[tuple[int, int]] = field(default_factory=list)
    repeated: int = 0
    left_out: set[str] = field(default_factory=set)

    @property
    def absent(self) -> int:
        """Numbers between the first and the last that never came."""
        return sum(count for _, count in self.missing)

    @property
    def whole(self) -> bool:
        return self.frames > 0 and not self.missing and not self.repeated

    def take(self, seqs: Sequence[int]) -> list[int]:
        """Notes the numbers of a batch; which of its places are new, in order."""
        new = []
        for place, seq in enumerate(seqs):
            if self.last is not None and seq <= self.last:
                self.repeated += 1
                continue
            if self.first is None or self.last is None:
                self.first = seq
            elif seq > self.last + 1:
                self.missing.append((self.last + 1, seq - self.last - 1))
            self.last = seq
            self.frames += 1
            new.append(place)
        return new


class Rows:
    """Tables of one session, in order; `of` for each batch. schema: known behind the first."""

    def __init__(self) -> None:
        self.check = Check()
        self.schema: pa.Schema | None = None
        self._paths: dict[str, str] = {}

    def of(self, columns: Mapping[str, Sequence[Any]]) -> Iterator[pa.Table]:
        """The rows from behind the last batch to the end of this one; where no frame came they hold nothing, and are
        not valid. columns: of `batches.columns`. ValueError: a gap of more than a day, or no frames."""
        if not {"seq", "t_ns", "valid"} <= columns.keys():
            raise ValueError("a batch of frames without seq, t_ns or valid")
        next_seq = None if self.check.last is None else self.check.last + 1
        places = self.check.take(columns["seq"])
        if not places:
            return
        if self.schema is None:
            self._begin(columns)
        self.check.left_out |= {path for path in columns if path not in self._paths and path not in _LEFT_OUT}
        seqs = np.array([columns["seq"][place] for place in places], np.int64)
        first = int(seqs[0]) if next_seq is None else next_seq
        end = int(seqs[-1]) + 1
        if end - first > LONGEST_ROWS:
            raise ValueError(
                f"{end - first} rows without a frame are more than a day: this is no one session"
            )
        while int(seqs[0]) - first > _PIECE_ROWS:
            yield self._table({}, seqs[:0], places, first, first + _PIECE_ROWS)
            first += _PIECE_ROWS
        yield self._table(columns, seqs, places, first, end)

    def _begin(self, columns: Mapping[str, Sequence[Any]]) -> None:
        self._paths = {path: _name(path) for path in columns if path not in _LEFT_OUT}
        own = [
            _field("time", pa.float64(), "s"),
            _field("t_ns", pa.int64(), "ns"),
            _field("seq", pa.int64(), ""),
            _field("received", pa.bool_(), ""),
            _field("valid", pa.bool_(), ""),
        ]
        told = [_field(name, _type(path, columns[path]), unit_of(path)) for path, name in self._paths.items()]
        # As `export` orders them: outcomes first.
        told.sort(key=lambda one: one.name not in _OUTCOME_UNITS)
        self.schema = pa.schema(own + told)

    def _table(
        self, columns: Mapping[str, Sequence[Any]], seqs: Any, places: Sequence[int], first: int, end: int
    ) -> pa.Table:
        """Rows of the numbers from `first` to before `end`; seqs: those that came, at `places` of the columns."""
        schema, begun = self.schema, self.check.first
        assert schema is not None and begun is not None
        grid = np.arange(first, end, dtype=np.int64)
        came = np.isin(grid, seqs)
        arrays = {
            "time": (grid - begun) * (PERIOD_NS * 1e-9),
            "t_ns": grid * PERIOD_NS,
            "seq": grid,
            "received": came,
            "valid": _placed(columns.get("valid"), places, came, False),
        }
        for path, name in self._paths.items():
            kind = schema.field(name).type
            empty = np.nan if kind == pa.float64() else None
            told = _placed(columns.get(path), places, came, empty)
            arrays[name] = [_text(value) for value in told] if kind == pa.string() else told
        return pa.table([pa.array(arrays[one.name], type=one.type) for one in schema], schema=schema)


def unit_of(path: str) -> str:
    """Of a path within `frame`; '' for what has none."""
    *before, key = path.split(".")
    group = before[0] if before else ""
    if group in ("angle", "moment", "interval"):
        return _OUTCOME_UNITS.get(key, "")
    if group == "angle_imu":
        return "deg"
    if group == "velocity":
        return "deg/s"
    if key in _INSOLE_UNITS:
        return _INSOLE_UNITS[key]
    ending = key.rpartition("_")[2]
    return ending if ending in ("ns", "ms", "s") else ""


def _name(path: str) -> str:
    group, _, key = path.partition(".")
    return key if group in ("angle", "moment") and key in _OUTCOME_UNITS else path.replace(".", "_")


def _field(name: str, kind: pa.DataType, unit: str) -> pa.Field:
    return pa.field(name, kind, metadata={"unit": unit} if unit else None)


def _type(path: str, values: Sequence[Any]) -> pa.DataType:
    """By the first value, but for instants, which are None before the first of them."""
    if path.endswith("_ns"):
        return pa.int64()
    kinds = {bool: pa.bool_(), int: pa.int64(), float: pa.float64()}
    return kinds.get(type(values[0]), pa.string())


def _placed(values: Sequence[Any] | None, places: Sequence[int], came: Any, empty: Any) -> Any:
    """The values at `places` where a frame came, `empty` elsewhere."""
    told: list[Any] = [empty] * len(came)
    if values is not None:
        for row, place in zip(np.flatnonzero(came).tolist(), places, strict=True):
            told[row] = values[place]
    return told


def _text(value: Any) -> str | None:
    """Of what is in a column of text: its first batch may have had nothing but None."""
    if value is None:
        return None
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
