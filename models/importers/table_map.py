"""A column map: which column of which of another laboratory's files is which channel of the suit, in what unit.

One TOML file for one wearer, any number of trials of one layout (examples/import-table.toml). Strict: every mistake at
once, with its key.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from jetson_runtime.suit.config import Wearer
from jetson_runtime.suit.mounting import DIRECTIONS, IN_SEGMENT_AXES, MOUNTINGS
from jetson_runtime.suit.signals import LABEL_NAMES, PARTS
from models.importers import units
from models.importers.errors import raise_all
from models.importers.toml_map import MapTable, mistake, read_map

Column = Annotated[str, Field(min_length=1)]
Side = Literal["r", "l"]


def _one_of(value: str, known: tuple[str, ...]) -> str:
    if value not in known:
        raise ValueError(f"is none of {', '.join(known)}")
    return value


class Time(MapTable):
    """column in `unit` (s, ms, us, ns), or counts of `step_s`, or no column and rows at `rate_hz`.

    steady: of stamps that jitter or were rounded, taken for those of a device that lost nothing: a straight line.
    """

    column: Column | None = None
    unit: Literal["s", "ms", "us", "ns"] = "s"
    step_s: float | None = Field(default=None, gt=0.0)
    rate_hz: float | None = Field(default=None, gt=0.0, le=100_000.0)
    steady: bool = False

    @model_validator(mode="after")
    def _told(self) -> Time:
        if (self.column is None) == (self.rate_hz is None):
            raise ValueError("give either column or rate_hz")
        return self


class Imu(MapTable):
    """Three columns each for accel and gyro; orientation: four of a quaternion (w x y z) or nine of a matrix, row by
    row, sensor to world. Without gyro it is taken from the orientation."""

    part: str
    accel: tuple[Column, Column, Column]
    accel_unit: str = "m/s2"
    gyro: tuple[Column, Column, Column] | None = None
    gyro_unit: str = "rad/s"
    orientation: tuple[Column, ...] | None = None
    world_up: Literal["y", "z"] = "z"
    mounting: str = IN_SEGMENT_AXES

    @field_validator("part")
    @classmethod
    def _part(cls, value: str) -> str:
        return _one_of(value, PARTS)

    @field_validator("accel_unit")
    @classmethod
    def _accel(cls, value: str) -> str:
        return _one_of(value, tuple(units.ACCEL))

    @field_validator("gyro_unit")
    @classmethod
    def _gyro(cls, value: str) -> str:
        return _one_of(value, tuple(units.GYRO))

    @field_validator("mounting")
    @classmethod
    def _mounting(cls, value: str) -> str:
        if value not in MOUNTINGS:
            raise ValueError(
                "is no mounting; write where the sensor's x and z axes point, as in x_up_z_back, with two of "
                f"{', '.join(DIRECTIONS)} that are at right angles"
            )
        return value

    @model_validator(mode="after")
    def _turns(self) -> Imu:
        if self.orientation is not None and len(self.orientation) not in (4, 9):
            raise ValueError("orientation takes 4 columns (w, x, y, z) or 9 (a matrix, row by row)")
        if self.gyro is None and self.orientation is None:
            raise ValueError("give gyro, or orientation to take it from")
        return self


class Zone(MapTable):
    """A part of an insole that tells only its force: where its middle is, in foot lengths and widths."""

    column: Column
    ap: float = Field(ge=0.0, le=1.0)
    ml: float = Field(ge=0.0, le=1.0)


class Insole(MapTable):
    """force with its centre (ap from the heel, ml from the medial edge), or zones, whose centre is their mean."""

    side: Side
    force: Column | None = None
    force_unit: str = "N"
    cop_ap: Column | None = None
    cop_ml: Column | None = None
    cop_unit: str = "foot"
    zones: tuple[Zone, ...] = ()

    @field_validator("force_unit")
    @classmethod
    def _force(cls, value: str) -> str:
        return _one_of(value, units.FORCE_UNITS)

    @field_validator("cop_unit")
    @classmethod
    def _centre(cls, value: str) -> str:
        return _one_of(value, units.CENTRE_UNITS)

    @model_validator(mode="after")
    def _told(self) -> Insole:
        if bool(self.zones) == (self.force is not None):
            raise ValueError("give either force or zones")
        if self.zones and (self.cop_ap or self.cop_ml):
            raise ValueError("zones tell the centre of pressure: leave out cop_ap and cop_ml")
        return self


class Label(MapTable):
    """sign: -1 where the other laboratory's angle or moment grows the other way."""

    name: str
    column: Column
    unit: str
    sign: Literal[1, -1] = 1

    @model_validator(mode="after")
    def _fits(self) -> Label:
        _one_of(self.name, LABEL_NAMES)
        _one_of(self.unit, units.MOMENT_UNITS if self.name.endswith("_moment") else tuple(units.ANGLE_DEG))
        return self


class Layout(MapTable):
    """One kind of file. header_line: of the columns' names, from 1; first_row: the line of the first values.

    group: of an HDF5 file. lowpass_hz: zero-lag, of the labels alone, where they are not filtered yet.
    """

    time: Time
    format: Literal["csv", "parquet", "hdf5"] | None = None
    separator: str = ","
    decimal: Literal[".", ","] = "."
    comment: str = ""
    header_line: int = Field(default=1, ge=1)
    first_row: int | None = Field(default=None, ge=1)
    group: str = "/"
    lowpass_hz: float | None = Field(default=None, gt=0.0)
    imus: tuple[Imu, ...] = ()
    insoles: tuple[Insole, ...] = ()
    labels: tuple[Label, ...] = ()


class MappedTrial(MapTable):
    """files: name of a table -> path, relative to the map. offset_s: to be added to a table's times, by its name, to
    bring them to the common clock. start_s, end_s: what of that clock becomes the trial."""

    name: Annotated[str, Field(pattern=r"^[\w.+-]+$")]
    task: str
    files: dict[str, str]
    offset_s: dict[str, float] = Field(default_factory=dict)
    start_s: float | None = None
    end_s: float | None = None
    about: dict[str, str] = Field(default_factory=dict)


class TableMap(MapTable):
    """The whole file."""

    subject: Annotated[str, Field(min_length=1)]
    wearer: Wearer
    source: str = ""
    tables: dict[str, Layout]
    trials: tuple[MappedTrial, ...]


def load_map(path: Path) -> TableMap:
    """The map at `path`; raises ImportSetError that lists every mistake."""
    found = read_map(path, TableMap)
    raise_all(list(_between(path, found)))
    return found


def _between(path: Path, found: TableMap) -> Iterator[str]:
    """What single keys cannot show."""
    for k, trial in enumerate(found.trials):
        for key, given in (("files", list(trial.files)), ("offset_s", list(trial.offset_s))):
            for name in given:
                if name not in found.tables:
                    what = f"there is no table {name}; there are {', '.join(found.tables)}"
                    yield mistake(path, ("trials", k, key, name), what)
        if not trial.files:
            yield mistake(path, ("trials", k, "files"), "is empty; name a file for a table")
        if trial.name in [one.name for one in found.trials[:k]]:
            yield mistake(path, ("trials", k, "name"), f"{trial.name} is there twice; give each its own")
    seen: dict[str, str] = {}
    for where, target in _targets(found):
        if target in seen:
            yield mistake(path, (where,), f"{target} comes from {seen[target]} too; keep one")
        seen.setdefault(target, where)


def _targets(found: TableMap) -> Iterator[tuple[str, str]]:
    """Where in the map, and what is made there."""
    for table, layout in found.tables.items():
        for target in (
            *(f"part {imu.part}" for imu in layout.imus),
            *(f"insole {insole.side}" for insole in layout.insoles),
            *(f"label {label.name}" for label in layout.labels),
        ):
            yield f"tables.{table}", target
