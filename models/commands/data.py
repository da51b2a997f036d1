"""Trials: virtual wearers that make them, the task set that they are of, the check that they can be trained on."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from models.commands import Commands
from models.commands.arguments import add_data, add_json, add_out, add_processes, at_least, words
from models.data.folds import RESERVED_SEEDS

_KEPT = f"below {RESERVED_SEEDS}: for the demo and for evaluation, refused by train"


def add(commands: Commands) -> None:
    """Trials: virtual wearers, the task set, the check."""
    for add_one in (_add_tasks, _add_virtual, _add_medley, _add_check):
        add_one(commands)


def _add_tasks(commands: Commands) -> None:
    shown = commands.add_parser("tasks", help="show the task set: the paper's kinds and their conditions")
    shown.add_argument(
        "--table", type=Path, metavar="FILE", help="check and show another table (CSV) in the columns of ours"
    )
    add_json(shown, "a table")
    shown.set_defaults(run=_tasks)


def _tasks(options: argparse.Namespace) -> int:
    from models.commands.task_table import task_json, task_table
    from models.data import tasks

    shown = tuple(tasks.load(options.table).values()) if options.table else tasks.conditions()
    if options.json:
        print(json.dumps(task_json(shown)))
        return 0
    from rich.console import Console

    Console().print(task_table(shown))
    return 0


def _add_virtual(commands: Commands) -> None:
    virtual = commands.add_parser("virtual", help="write sessions of virtual wearers as Parquet files")
    add_out(virtual, "folder for the trials")
    virtual.add_argument(
        "--subjects",
        type=_seeds,
        required=True,
        metavar="FIRST:END",
        help=f"seeds, END not among them; {_KEPT}",
    )
    virtual.add_argument(
        "--tasks", type=words, metavar="CODE[,CODE]", help="conditions (L3) or kinds (W); all 33 conditions"
    )
    virtual.add_argument(
        "--seconds", type=float, help="of each trial; default: as the table of conditions says"
    )
    virtual.add_argument(
        "--sessions",
        type=int,
        default=1,
        help="of each wearer: the suit put on anew, a neutral stance, then every task (1)",
    )
    add_processes(virtual)
    virtual.set_defaults(run=_virtual)


def _virtual(options: argparse.Namespace) -> int:
    from models.virtual_wearer import cohort

    cohort.write(
        options.out,
        options.subjects,
        options.tasks,
        options.seconds,
        sessions=options.sessions,
        processes=options.processes,
    )
    return 0


def _seeds(text: str) -> range:
    first, colon, end = text.partition(":")
    if not first.isdecimal() or (colon and not end.isdecimal()):
        raise argparse.ArgumentTypeError(
            f"{text!r}: write seeds from 0 on as FIRST:END, e.g. 1000:1010, or one alone"
        )
    seeds = range(int(first), int(end) if colon else int(first) + 1)
    if not seeds:
        raise argparse.ArgumentTypeError(f"{text!r}: nobody, END is not among them; write a greater END")
    return seeds


def _add_medley(commands: Commands) -> None:
    medley = commands.add_parser("medley", help="write the demo's trial: one wearer stands, walks and lifts")
    medley.add_argument("--subject", type=at_least(0), required=True, help=f"seed; {_KEPT}")
    medley.add_argument("--seed", type=at_least(0), default=0, help="of the movements and of the donning (0)")
    add_out(medley, "the Parquet file")
    medley.set_defaults(run=_medley)


def _medley(options: argparse.Namespace) -> int:
    from jetson_runtime.suit.trial import write_trial
    from models.files import whole
    from models.virtual_wearer.medley import medley
    from models.virtual_wearer.subject import Subject

    trial = medley(Subject.random(options.subject), options.seed)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with whole(options.out) as fresh:
        write_trial(fresh, trial)
    print(f"{options.out}: {trial.duration_s:.1f} s")
    return 0


def _add_check(commands: Commands) -> None:
    check = commands.add_parser(
        "check", help="tell every defect of every trial in a folder; exit status 1 with errors"
    )
    add_data(check, "folder of trials (*.parquet)")
    add_json(check, "lines")
    add_processes(check)
    check.set_defaults(run=_check)


def _check(options: argparse.Namespace) -> int:
    from models.checks.defects import errors
    from models.checks.folder import check_folder

    report = check_folder(options.data, options.processes)
    print(json.dumps(report.table()) if options.json else report.text())
    return 1 if errors(report.defects) else 0
