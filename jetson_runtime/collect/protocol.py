"""What a session is made of: one strict TOML file (examples/collect.toml), every mistake at once, or `paper`.

`paper` is the paper's 33 conditions in the order of the task table: the paper tells of no order, a seed draws one.
"""

from __future__ import annotations

import hashlib
import random
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from jetson_runtime.suit import tasks_table
from jetson_runtime.suit.errors import ProtocolError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PAPER = "paper"
OTHER = "other:"
# How the stream can tell repetitions: excursions of the hips, strides of the right foot, not at all.
Way = Literal["hips", "strides", "none"]
# Of the table's kinds; of the others (a wagon, a ladder, a box) the suit cannot tell where one ends.
_WAY_OF_KIND: dict[str, Way] = {"L": "hips", "SH": "hips", "W": "strides"}

Name = Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[\w.+-]+$")]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Condition(_Table):
    """One trial to make. What is not given of a condition of the paper is as the task table has it.

    task: a code of the table, or other:<name>, which needs `what` and one of repetitions and seconds. seconds: how
    long it is done, once; repetitions: how often, at the own pace. tare, rest_s: other than the protocol's.
    """

    task: Annotated[str, Field(pattern=r"^(other:)?[\w.+-]+$", max_length=60)]
    what: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    repetitions: int | None = Field(default=None, ge=1, le=1000)
    seconds: float | None = Field(default=None, ge=1.0, le=3600.0)
    count: Way | None = None
    rest_s: float | None = Field(default=None, ge=0.0, le=3600.0)
    tare: bool | None = None

    @model_validator(mode="after")
    def _is_known(self) -> Condition:
        if not self.task.startswith(OTHER) and self.task not in tasks_table.rows():
            near = [code for code in tasks_table.rows() if code.startswith(self.task.rstrip("0123456789"))]
            raise ValueError(f"{self.task}: no condition; there are {', '.join(near or tasks_table.rows())}")
        if self.repetitions is not None and self.seconds is not None:
            raise ValueError(f"{self.task}: give repetitions or seconds, not both")
        if self.task.startswith(OTHER) and (self.what is None or not (self.repetitions or self.seconds)):
            raise ValueError(f"{self.task}: is not in the task table: give what, and repetitions or seconds")
        return self

    def filled(self, protocol: Protocol) -> Condition:
        """With all that the task table and the protocol say."""
        row = tasks_table.rows().get(self.task, {})
        timed = self.seconds or (None if self.repetitions else _number(row.get("seconds")))
        rest_s, tare = self.rest_s, self.tare
        return Condition(
            task=self.task,
            what=self.what or row["description"],
            repetitions=None if timed else self.repetitions or int(row["repetitions"]),
            seconds=timed,
            count=self.count or _WAY_OF_KIND.get(row.get("kind", ""), "none"),
            rest_s=protocol.rest_s if rest_s is None else rest_s,
            tare=protocol.tare if tare is None else tare,
        )


class Protocol(_Table):
    """The whole file. conditions: codes, or tables that say more.

    tare: before each, tare_s of neutral stance. rest_s: between two. sync_wait_s: how long the pulse is waited for.
    valid_share: of a trial's frames, at least so many must be valid. seed: draws the order; without it as written.
    """

    subject: Name | None = None
    seed: int | None = None
    tare: bool = True
    tare_s: float = Field(default=3.0, ge=0.5, le=10.0)
    rest_s: float = Field(default=30.0, ge=0.0, le=3600.0)
    sync_wait_s: float = Field(default=15.0, ge=0.0, le=600.0)
    valid_share: float = Field(default=0.95, ge=0.0, le=1.0)
    conditions: tuple[Condition, ...]

    @field_validator("conditions", mode="before")
    @classmethod
    def _codes(cls, value: Any) -> Any:
        """A code alone is a condition; TOML has lists alone, strict fields are tuples."""
        if not isinstance(value, list | tuple):
            return value
        if not value:
            raise ValueError("names no condition")
        return tuple({"task": one} if isinstance(one, str) else one for one in value)

    def ordered(self) -> tuple[Condition, ...]:
        """The conditions, filled, in the order in which they are done; the same for the same seed."""
        conditions = [one.filled(self) for one in self.conditions]
        if self.seed is not None:
            random.Random(self.seed).shuffle(conditions)
        return tuple(conditions)

    def digest(self) -> str:
        """A name for what is to be done, and in which order."""
        told = "\n".join(one.model_dump_json() for one in self.ordered())
        return hashlib.sha256(f"{self.subject}\n{told}".encode()).hexdigest()[:16]


def load(name: str, subject: str | None = None, seed: int | None = None) -> Protocol:
    """The protocol in the file `name`, or `paper`; subject and seed before its own. ProtocolError lists mistakes."""
    content: dict[str, Any] = {"conditions": list(tasks_table.rows())}
    if name != PAPER:
        content = _content(Path(name))
    told = {"subject": subject, "seed": seed}
    content |= {key: value for key, value in told.items() if value is not None}
    try:
        protocol = Protocol.model_validate(content)
    except ValidationError as error:
        lines = [f"  {_place(item['loc'])}: {_said(item['msg'])}" for item in error.errors()]
        raise ProtocolError("\n".join([f"{name}: {len(lines)} mistakes", *lines])) from error
    if protocol.subject is None:
        raise ProtocolError(f'{name}: names no subject; add subject = "S01", or say --subject S01')
    return protocol


def _content(path: Path) -> dict[str, Any]:
    try:
        table: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ProtocolError(
            f"{path}: cannot be read ({error.strerror}); name a protocol's file, or `{PAPER}`"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProtocolError(f"{path}: is not valid TOML ({error}); mend it") from error
    return table


def _place(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location) or "(file)"


def _said(message: str) -> str:
    return message.removeprefix("Value error, ")


def _number(text: str | None) -> float | None:
    return float(text) if text else None
