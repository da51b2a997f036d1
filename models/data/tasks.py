"""The task set: the paper's 7 kinds of task and 33 conditions, as data.

    conditions()               the 33 of tasks.csv, in order
    condition("SH1").kind      "SH"
    kind("SH").name            "shovelling"
    load(path)                 another laboratory's table in the same columns

The paper's text counts 33 conditions and names the 7 kinds, but lists few conditions. So each condition tells where it
is from: `source` is `paper` where the text names that very condition, else `ours`, a condition in the text's spirit
(varied weights, symmetry, inclines). `paper` lists every field that the text states, as field@statement; paper.py holds
the words. What is not in that list is ours, in every row.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from jetson_runtime.suit.tasks_table import TABLE
from models.data.paper import STATEMENTS

# A stance that sensors are tared with, neither trained on nor scored: as a trial's task, and among a session's codes.
NEUTRAL = "other:neutral"
NEUTRAL_CODE = "neutral"

SOURCES = ("paper", "ours")
HANDS = ("none", "both", "right", "left")
REPETITIONS = (1, 5, 10)

COLUMNS = (
    "code",
    "kind",
    "description",
    "repetitions",
    "seconds",
    "load_kg",
    "hands",
    "incline_deg",
    "height_m",
    "speed_m_s",
    "source",
    "paper",
)


@dataclass(frozen=True)
class Kind:
    """closure: of models/analytical/hand_forces.py, or empty where no load cell is used. paper: as of Condition."""

    code: str
    name: str
    cyclic: bool
    closure: str
    treadmill: bool
    paper: Mapping[str, str]


def _kind(code: str, name: str, closure: str = "", *, walks: bool = False) -> Kind:
    stated = {"code": "kinds", "name": "kinds", "cyclic": "cyclic", "treadmill": "plates"}
    stated |= {"closure": closure} if closure else {"closure": "cell"}
    return Kind(code, name, cyclic=walks, closure=closure, treadmill=walks, paper=stated)


# The caption says 6 activities and names 7; "agon" is the wagon of II.B and II.D. Only walking is set against
# non-cyclic tasks in the text, so only walking counts as cyclic.
KINDS: dict[str, Kind] = {
    one.code: one
    for one in (
        _kind("L", "lead blanket lift"),
        _kind("PP", "wagon push/pull", "symmetric"),
        _kind("PS", "pseudo-static postures"),
        _kind("SH", "shovelling", "shovel"),
        _kind("SP", "static push/pull", "symmetric"),
        _kind("VA", "vertical ambulation"),
        _kind("W", "walking", walks=True),
    )
}


@dataclass(frozen=True)
class Condition:
    """One row of the table.

    repetitions: 1 with seconds, else 5 or 10 with seconds None (at the wearer's own pace; of walking, strides).
    load_kg: what is lifted, shovelled, carried or wheeled; None where nothing is. hands: which of them carry or push,
    `none` where none does. incline_deg: of the ground, up positive. height_m: to which the load or the body is brought,
    or where the hands push.
    paper: field -> key of STATEMENTS.
    """

    code: str
    kind: str
    description: str
    repetitions: int
    seconds: float | None
    load_kg: float | None
    hands: str
    incline_deg: float
    height_m: float | None
    speed_m_s: float | None
    source: str
    paper: Mapping[str, str]

    @property
    def cyclic(self) -> bool:
        """As of its kind."""
        return KINDS[self.kind].cyclic


def conditions() -> tuple[Condition, ...]:
    """The 33 conditions in the table's order."""
    return tuple(_shipped().values())


def condition(code: str) -> Condition:
    """The condition of this code; ValueError that names those of its kind, or all kinds, for another."""
    table = _shipped()
    if code not in table:
        near = [known for known, one in table.items() if one.kind == code.rstrip("0123456789")]
        raise ValueError(f"no condition {code!r}; there are {', '.join(near or table)}")
    return table[code]


def kind(code: str) -> Kind:
    """The kind of this code; ValueError that names the seven for another."""
    if code not in KINDS:
        raise ValueError(f"no kind of task {code!r}; there are {', '.join(KINDS)}")
    return KINDS[code]


def of_kind(code: str) -> tuple[Condition, ...]:
    """The conditions of one kind, in the table's order."""
    return tuple(one for one in conditions() if one.kind == kind(code).code)


def load(path: Path) -> dict[str, Condition]:
    """code -> condition of a CSV in COLUMNS; ValueError that lists every defect with its row and column."""
    return _parsed(path.read_text(encoding="utf-8"), str(path))


@lru_cache(maxsize=1)
def _shipped() -> dict[str, Condition]:
    return _parsed(TABLE.read_text(encoding="utf-8"), TABLE.name)


def _parsed(text: str, name: str) -> dict[str, Condition]:
    reader = csv.DictReader(text.splitlines())
    if tuple(reader.fieldnames or ()) != COLUMNS:
        raise ValueError(f"{name}: the columns must be {', '.join(COLUMNS)}")
    table: dict[str, Condition] = {}
    defects = []
    for number, row in enumerate(reader, start=2):
        wrong = _defects(row, table)
        defects += [f"  row {number}, {column}: {what}" for column, what in wrong.items()]
        if not wrong:
            one = _condition(row)
            table[one.code] = one
    if defects:
        raise ValueError("\n".join([f"{name}: {len(defects)} defects", *defects]))
    return table


def _condition(row: Mapping[str, str]) -> Condition:
    return Condition(
        code=row["code"],
        kind=row["kind"],
        description=row["description"],
        repetitions=int(row["repetitions"]),
        seconds=_number(row["seconds"]),
        load_kg=_number(row["load_kg"]),
        hands=row["hands"],
        incline_deg=_number(row["incline_deg"]) or 0.0,
        height_m=_number(row["height_m"]),
        speed_m_s=_number(row["speed_m_s"]),
        source=row["source"],
        paper=_stated(row["paper"]),
    )


def _number(text: str) -> float | None:
    return float(text) if text else None


def _stated(text: str) -> dict[str, str]:
    pairs = (item.partition("@") for item in text.split())
    return {field: statement for field, _, statement in pairs}


def _defects(row: Mapping[str, str | None], before: Mapping[str, Condition]) -> dict[str, str]:
    """column -> what is wrong with it."""
    if None in row.values() or None in row:
        return {"row": f"does not have {len(COLUMNS)} cells"}
    cells = {column: row[column] or "" for column in COLUMNS}
    wrong = {
        column: f"{cells[column]!r} is none of {', '.join(allowed)}"
        for column, allowed in (("kind", tuple(KINDS)), ("hands", HANDS), ("source", SOURCES))
        if cells[column] not in allowed
    }
    wrong |= {
        column: f"{cells[column]!r} is no number from {least:g} to {most:g}"
        for column, (least, most) in _RANGES.items()
        if cells[column] and not _within(cells[column], least, most)
    }
    return wrong | _code_defects(cells, before) | _repetition_defects(cells) | _paper_defects(cells)


# What a person can be asked to do in a laboratory; a pound taken for a kilogram or a percent for a degree shows.
_RANGES = {
    "seconds": (1.0, 600.0),
    "load_kg": (0.0, 100.0),
    "incline_deg": (-20.0, 20.0),
    "height_m": (0.0, 3.0),
    "speed_m_s": (0.1, 3.0),
}


def _within(text: str, least: float, most: float) -> bool:
    try:
        return least <= float(text) <= most
    except ValueError:
        return False


def _code_defects(cells: Mapping[str, str], before: Mapping[str, Condition]) -> dict[str, str]:
    code = cells["code"]
    if code in before:
        return {"code": f"{code} is there twice"}
    if not (code.startswith(cells["kind"]) and code[len(cells["kind"]) :].isdigit()):
        return {"code": f"{code!r} is not the kind and a number"}
    return {} if cells["description"] else {"description": "is empty"}


def _repetition_defects(cells: Mapping[str, str]) -> dict[str, str]:
    if cells["repetitions"] not in {str(count) for count in REPETITIONS}:
        return {"repetitions": f"{cells['repetitions']!r} is none of {', '.join(map(str, REPETITIONS))}"}
    if (cells["repetitions"] == "1") != bool(cells["seconds"]):
        return {"seconds": "a condition done once has them, one that is repeated has none"}
    return {}


def _paper_defects(cells: Mapping[str, str]) -> dict[str, str]:
    stated = _stated(cells["paper"])
    unknown = [
        f"{field}@{key}" for field, key in stated.items() if field not in COLUMNS or key not in STATEMENTS
    ]
    if unknown:
        return {"paper": f"{' '.join(unknown)}: no such field or statement"}
    if (cells["source"] == "paper") != ("description" in stated):
        return {"source": "is `paper` where the paper states the description, and only there"}
    return {}
