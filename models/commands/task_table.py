"""The task set as a table to read and as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rich.table import Table

from models.data.tasks import KINDS, Condition, conditions, of_kind


def task_json() -> dict[str, Any]:
    """`kinds` and `conditions` as in data/tasks.py, each with what the paper states of it."""
    kinds = [asdict(one) for one in KINDS.values()]
    return {"kinds": kinds, "conditions": [asdict(one) | {"cyclic": one.cyclic} for one in conditions()]}


def task_table() -> Table:
    """A row for each condition, a line between kinds."""
    table = Table(
        title=f"{len(KINDS)} kinds, {len(conditions())} conditions; ours: in the paper's spirit, not in its text"
    )
    for heading in ("code", "description", "done", "load", "hands", "source"):
        table.add_column(heading, no_wrap=heading in ("code", "done", "load"))
    for one in conditions():
        if one == of_kind(one.kind)[0]:
            table.add_row(one.kind, f"[bold]{KINDS[one.kind].name}[/bold]")
        load = "" if one.load_kg is None else f"{one.load_kg:g} kg"
        hands = "" if one.hands == "none" else one.hands
        last = one == of_kind(one.kind)[-1]
        table.add_row(one.code, one.description, done(one), load, hands, one.source, end_section=last)
    return table


def done(one: Condition) -> str:
    """`once, 30 s` or `10 times`."""
    return f"once, {one.seconds:g} s" if one.seconds is not None else f"{one.repetitions} times"
