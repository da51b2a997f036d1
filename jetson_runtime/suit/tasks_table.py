"""Where the task set lies: one row for each condition of the paper (`second-skin-lab tasks` tells and checks it)."""

from __future__ import annotations

import csv
from functools import lru_cache
from pathlib import Path

TABLE = Path(__file__).with_name("tasks.csv")


@lru_cache(maxsize=1)
def rows() -> dict[str, dict[str, str]]:
    """code -> the row's cells by column, in the table's order."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        return {row["code"]: row for row in csv.DictReader(file)}
