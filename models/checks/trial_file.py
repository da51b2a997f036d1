"""Everything that can be told wrong of one trial's file."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from jetson_runtime.suit.errors import TrialError
from jetson_runtime.suit.signals import CHANNEL_NAMES, LABEL_NAMES
from models.checks import causes, columns, gaps, gravity, insoles, joint_rates, joints, sheet, units
from models.checks.columns import column_defects, meta_defects, time_defects
from models.checks.defects import Defect, errors
from models.checks.gaps import gap_defects
from models.checks.gravity import gravity_defects
from models.checks.insoles import insole_defects
from models.checks.joints import joint_defects
from models.checks.sheet import Sheet, read_sheet
from models.checks.units import unit_defects
from models.data.tasks import NEUTRAL

_NUMBERS = ("body_mass_kg", "foot_length_m", "foot_width_m")
# The code that decides; what it let pass may be kept until it changes.
CHECKS = (causes, columns, gaps, gravity, insoles, joint_rates, joints, sheet, units)
# A trial is not scored before the network's history is full.
_SCORED_FROM = 249


@dataclass(frozen=True)
class Facts:
    """What files of one folder are compared by. digest: of the channels' values; empty where none are.

    labelled: whether any label is known; None: a neutral stance, which needs none, or no trial at all.
    """

    file: str
    subject: str
    numbers: dict[str, float]
    digest: str
    labelled: bool | None = None

    def text(self) -> str:
        """To be kept beside the file's rows."""
        return json.dumps(asdict(self))

    @staticmethod
    def of_text(text: str) -> Facts:
        """What `text` was made of."""
        return Facts(**json.loads(text))


def check_file(path: Path) -> tuple[list[Defect], Facts]:
    """All defects of the file at `path`, and what it is compared with others by."""
    try:
        found = read_sheet(path)
    except TrialError as error:
        return [Defect("error", path.name, "file", str(error), "export it again")], Facts(
            path.name, "", {}, ""
        )
    return check_sheet(found), _facts(found)


def check_sheet(one: Sheet) -> list[Defect]:
    """All defects; those that need a grid in order are looked for where there is one."""
    found = [*column_defects(one), *time_defects(one), *meta_defects(one)]
    if one.rows < 2:
        return found
    found += gap_defects(one)
    with np.errstate(all="ignore"):
        found += unit_defects(one)
        found += gravity_defects(one)
        if not any(error.column == "time" for error in errors(found)):
            found += [*joint_defects(one), *insole_defects(one)]
    if one.rows < _SCORED_FROM:
        what = f"{one.rows} rows, shorter than the network's history of {_SCORED_FROM - 1}"
        found.append(
            Defect("warning", one.name, "time", what, "its first row is held before it as a lead-in")
        )
    return found


def _facts(one: Sheet) -> Facts:
    numbers = {key: value for key in _NUMBERS if (value := one.number(key)) is not None}
    present = [one.columns[name] for name in CHANNEL_NAMES if name in one.columns]
    known = [column for column in present if np.isfinite(column).any()]
    # Rounded, so that a copy that went through another format is found.
    digest = hashlib.sha256(b"".join(np.round(column, 3).tobytes() for column in known)).hexdigest()
    labelled = any(np.isfinite(one.columns[name]).any() for name in LABEL_NAMES if name in one.columns)
    return Facts(
        one.name,
        one.meta.get("subject", ""),
        numbers,
        digest if known else "",
        None if one.task == NEUTRAL else labelled,
    )
