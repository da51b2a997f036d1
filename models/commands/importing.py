"""Other laboratories' data in, checked: importers, the check of a folder, the task set."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from models.commands import Commands


def add(commands: Commands) -> None:
    """Other laboratories' data in, checked."""
    for add_one in (_add_table, _add_check, _add_tasks):
        add_one(commands)


def _add_table(commands: Commands) -> None:
    table = commands.add_parser(
        "import-table", help="make trials of sensor tables (CSV, Parquet, HDF5) through a column map"
    )
    table.add_argument("map", type=Path, help="TOML file, see examples/import-table.toml")
    table.add_argument("out", type=Path, help="folder for the trials")
    table.set_defaults(run=_import_table)


def _import_table(options: argparse.Namespace) -> int:
    from models.importers.sensor_tables import import_tables

    return _checked(import_tables(options.map, options.out, print))


def _checked(paths: list[Path]) -> int:
    """Tells what the check finds in the trials that were written; they stay, whatever it is."""
    from models.checks.defects import errors
    from models.checks.trial_file import check_file

    found = [defect for path in paths for defect in check_file(path)[0]]
    for defect in found:
        print(defect.line())
    return 1 if errors(found) else 0


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
