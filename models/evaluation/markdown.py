"""Tables for reading and for spreadsheets."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path

from models.files import whole


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, the first column to the left, the others to the right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def digits_of(outcome: str) -> int:
    """Decimals of an outcome's errors: 2 of an angle or an R2, 3 of a moment."""
    return 3 if outcome.endswith("moment") else 2


def number(value: float, digits: int) -> str:
    """`value` with so many decimals, a dash where it is not known."""
    return f"{value:.{digits}f}" if math.isfinite(value) else "-"


def write_csv(path: Path, head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """The same as comma-separated values, whole or not at all; what is not known stays empty."""
    with whole(path) as fresh, fresh.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerow(head)
        writer.writerows([["" if _unknown(cell) else cell for cell in row] for row in rows])


def _unknown(cell: object) -> bool:
    return isinstance(cell, float) and not math.isfinite(cell)
