"""A task set as a table to read and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby
from typing import Any

from rich.table import Table

from models.data.tasks import KINDS, Condition


def task_json(shown: Sequence[Condition]) -> dict[str, Any]:
    """`kinds` and `conditions` as in data/tasks.py, each with what the paper states of it."""
    kinds = [asdict(one) for one in KINDS.values()]
    return {"kinds": kinds, "conditions": [asdict(one) | {"cyclic": one.cyclic} for one in shown]}


def task_table(shown: Sequence[Condition]) -> Table:
    """A row for each condition, a line between kinds."""
    kinds = {one.kind for one in shown}
    table = Table(
        title=f"{len(kinds)} kinds, {len(shown)} conditions; ours: in the paper's spirit, not in its text"
    )
    for heading in ("code", "description", "done", "load", "hands", "source"):
        table.add_column(heading, no_wrap=heading in ("code", "done", "load"))
    for kind, of_kind in groupby(shown, lambda one: one.kind):
        table.add_row(kind, f"[bold]{KINDS[kind].name}[/bold]")
        for one in of_kind:
            load = "" if one.load_kg is None else f"{one.load_kg:g} kg"
            hands = "" if one.hands == "none" else one.hands
            table.add_row(one.code, one.description, done(one), load, hands, one.source)
        table.add_section()
    return table


def done(one: Condition) -> str:
    """`once, 30 s` or `10 times`."""
    return f"once, {one.seconds:g} s" if one.seconds is not None else f"{one.repetitions} times"
