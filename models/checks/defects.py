"""One thing that is wrong with one file: where, what, and what to do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from jetson_runtime.suit.signals import RATE_HZ
from models.data.stretches import stretches

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Defect:
    """rows: [first, last], counted from 0, both among them; None for the whole file. An error is never trained on."""

    severity: Severity
    file: str
    column: str
    what: str
    remedy: str
    rows: tuple[int, int] | None = None

    def line(self) -> str:
        """As one line of text."""
        where = f", {place(self.rows)}" if self.rows else ""
        return f"{self.file}: {self.severity}: {self.column}{where}: {self.what}; {self.remedy}"

    def table(self) -> dict[str, Any]:
        """As an object of JSON."""
        return asdict(self)


def place(rows: tuple[int, int]) -> str:
    """`rows 100-199 (0.500-0.995 s)`."""
    first, last = rows
    return f"rows {first}-{last} ({first / RATE_HZ:.3f}-{last / RATE_HZ:.3f} s)"


def errors(defects: Iterable[Defect]) -> list[Defect]:
    """Those that keep a file from being used."""
    return [one for one in defects if one.severity == "error"]


def runs(flags: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """[first, last] of each run of True in `flags` (n,), both among it."""
    return [(first, end - 1) for first, end in stretches(flags)]


def several(found: list[tuple[int, int]]) -> str:
    """In words how much the runs `found` are: `2 runs, 120 rows in all, the longest of 0.500 s`."""
    lengths = [last - first + 1 for first, last in found]
    if len(found) == 1:
        return f"for {lengths[0] / RATE_HZ:.3f} s"
    return f"in {len(found)} runs, {sum(lengths)} rows in all, the longest of {max(lengths) / RATE_HZ:.3f} s"


def longest(found: list[tuple[int, int]]) -> tuple[int, int]:
    """The longest of the runs, the first of equals."""
    return max(found, key=lambda run: run[1] - run[0])


def listed(names: list[str]) -> str:
    """`a, b and 3 more`."""
    return ", ".join(names) if len(names) <= 3 else f"{', '.join(names[:2])} and {len(names) - 2} more"
