"""Other laboratories' data in, checked: importers, the check of a folder, the task set."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from models.commands import Commands


def add(commands: Commands) -> None:
    """Other laboratories' data in, checked."""
    for add_one in (_add_check, _add_tasks):
        add_one(commands)


def _add_check(commands: Commands) -> None:
    check = commands.add_parser(
        "check", help="tell every defect of every trial in a folder; exit status 1 with errors"
    )
    check.add_argument("folder", type=Path, help="of trials (*.parquet)")
    check.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    check.add_argument("--processes", type=int, default=1)
    check.set_defaults(run=_check)


def _check(options: argparse.Namespace) -> int:
    from models.checks.defects import errors
    from models.checks.folder import check_folder

    report = check_folder(options.folder, options.processes)
    print(json.dumps(report.table()) if options.json else report.text())
    return 1 if errors(report.defects) else 0


def _add_tasks(commands: Commands) -> None:
    tasks = commands.add_parser("tasks", help="show the task set: the paper's kinds and their conditions")
    tasks.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    tasks.set_defaults(run=_tasks)


def _tasks(options: argparse.Namespace) -> int:
    from models.commands.task_table import task_json, task_table

    if options.json:
        print(json.dumps(task_json()))
        return 0
    from rich.console import Console

    Console().print(task_table())
    return 0
