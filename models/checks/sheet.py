"""A trial's file as it is, whatever is wrong with it: its numeric columns and its metadata."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from jetson_runtime.suit.errors import TrialError
from jetson_runtime.suit.signals import AXES, CHANNEL_NAMES, LABEL_NAMES
from jetson_runtime.suit.trial import PLATE_NAMES, read_table

Doubles = npt.NDArray[np.float64]

WANTED = ("time", *CHANNEL_NAMES, *LABEL_NAMES)
KNOWN = (*WANTED, *PLATE_NAMES)


@dataclass(frozen=True)
class Sheet:
    """types: column -> Arrow's name of its type, of all that there are; columns: those of numbers, (rows,) each."""

    name: str
    rows: int
    types: dict[str, str]
    columns: dict[str, Doubles]
    meta: dict[str, str]

    @property
    def task(self) -> str:
        """As the metadata say, empty where they do not."""
        return self.meta.get("task", "")

    def stack(self, *names: str) -> Doubles | None:
        """(rows, len(names)); None where a column is missing or knows no value at all."""
        if any(name not in self.columns for name in names):
            return None
        values = np.stack([self.columns[name] for name in names], axis=1)
        return values if np.isfinite(values).any(axis=0).all() else None

    def vector(self, part: str, quantity: str) -> Doubles | None:
        """(rows, 3) of `accel` or `gyro` of a part; None as of `stack`."""
        return self.stack(*(f"{part}_{quantity}_{axis}" for axis in AXES))

    def number(self, key: str) -> float | None:
        """A positive finite number of the metadata; None where there is none."""
        try:
            value = float(self.meta.get(key, ""))
        except ValueError:
            return None
        return value if 0.0 < value < float("inf") else None


def read_sheet(path: Path) -> Sheet:
    """Raises TrialError for a file that is no Parquet table."""
    try:
        table, meta = read_table(path)
    except TrialError as error:
        raise TrialError(f"cannot be read as a Parquet table ({error})") from error
    types = {field.name: str(field.type) for field in table.schema}
    columns = {
        field.name: table.column(field.name).to_numpy(zero_copy_only=False).astype(np.float64)
        for field in table.schema
        if pa.types.is_floating(field.type) or pa.types.is_integer(field.type)
    }
    return Sheet(path.name, table.num_rows, types, columns, meta)
