"""A session with the suit in a laboratory: which recording belongs to which trial's reference, and where each side's
sync pulse is. One TOML file (examples/import-recording.toml); strict, every mistake at once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from jetson_runtime.suit.config import Wearer
from jetson_runtime.suit.signals import LABEL_NAMES
from models.importers.toml_map import MapTable, read_map


class Pulse(MapTable):
    """Where a side's sync pulse is: the times of its edges, or a column of a table that holds its level.

    file: relative to the map; left out: the side's own file. time: its column of times, in `unit`.
    """

    edges_s: tuple[float, ...] | None = None
    file: str | None = None
    column: str = "sync"
    time: str = "time"
    unit: Literal["s", "ms", "us", "ns"] = "s"


class Session(MapTable):
    """One trial: the suit's recording and the reference.

    reference: OpenSim tables (.mot, .sto) or tables with a column `time` and columns of labels (CSV, Parquet), on one
    clock. suit_pulse: by default the column `sync` of the recording, or its events of the sync line. near_s: the offset
    as known otherwise. mark: of a recording (.mcap) the part from the last mark that says so to the next one.
    """

    name: Annotated[str, Field(pattern=r"^[\w.+-]+$")]
    task: str
    recording: str
    mark: dict[Literal["subject", "task", "trial", "repetition", "text"], str | int] | None = None
    reference: tuple[str, ...] = Field(min_length=1)
    suit_pulse: Pulse | None = None
    laboratory_pulse: Pulse
    near_s: float | None = None
    start_s: float | None = None
    end_s: float | None = None
    about: dict[str, str] = Field(default_factory=dict)


class SessionMap(MapTable):
    """The whole file. reversed: labels whose sign is another in the reference (Gait2392's knee flexion is negative);
    an angle stands for its moment too, as a generalised force changes sign with its coordinate.

    lowpass_hz: zero-lag, of the reference, where it is not filtered yet. moments: `Nm/kg` or `Nm`; by default Nm in
    OpenSim's tables and Nm/kg in others. rescale_insoles: where the suit was told another wearer than this one, its
    forces and centres, in that one's bodyweights and feet, are brought to this one's; else the recording is refused.
    """

    subject: Annotated[str, Field(min_length=1)]
    wearer: Wearer
    source: str = ""
    lowpass_hz: float | None = Field(default=None, gt=0.0)
    reversed: tuple[str, ...] = ()
    moments: Literal["Nm/kg", "Nm"] | None = None
    rescale_insoles: bool = False
    trials: tuple[Session, ...] = Field(min_length=1)

    @field_validator("reversed")
    @classmethod
    def _labels(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [name for name in value if name not in LABEL_NAMES]
        if unknown:
            raise ValueError(f"{', '.join(unknown)}: no label; there are {', '.join(LABEL_NAMES)}")
        return value

    def is_reversed(self, label: str) -> bool:
        """Whether the reference counts `label` the other way round: by its own name, or as the moment of an angle."""
        return label in self.reversed or label.removesuffix("_moment") in self.reversed

    @model_validator(mode="after")
    def _names(self) -> SessionMap:
        names = [trial.name for trial in self.trials]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"{', '.join(twice)}: two trials have this name; give each its own")
        return self


def load_sessions(path: Path) -> SessionMap:
    """The map at `path`; raises ImportSetError that lists every mistake."""
    return read_map(path, SessionMap)
