"""Trials in: virtual wearers, importers, checks."""

from __future__ import annotations

import argparse
from pathlib import Path

from models.commands import Commands
from models.data.folds import RESERVED_SEEDS

_KEPT = f"below {RESERVED_SEEDS}: for the demo and for evaluation, refused by train"


def add(commands: Commands) -> None:
    """Trials in: virtual wearers, importers, checks."""
    for add_one in (_add_virtual, _add_medley):
        add_one(commands)


def _add_virtual(commands: Commands) -> None:
    virtual = commands.add_parser("virtual", help="write sessions of virtual wearers as Parquet files")
    virtual.add_argument("--out", type=Path, required=True, help="folder for the trials")
    virtual.add_argument(
        "--subjects",
        type=_seeds,
        required=True,
        metavar="FIRST:END",
        help=f"seeds, END not among them; {_KEPT}",
    )
    virtual.add_argument(
        "--tasks",
        type=_words,
        default=None,
        help="codes of conditions (L3) or kinds (W), with commas; all 33",
    )
    virtual.add_argument(
        "--seconds", type=float, default=None, help="of each trial; default: as the table of conditions says"
    )
    virtual.add_argument(
        "--sessions",
        type=int,
        default=1,
        help="of each wearer: the suit put on anew, a neutral stance, then every task (1)",
    )
    virtual.add_argument("--processes", type=int, default=1)
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


def _add_medley(commands: Commands) -> None:
    medley = commands.add_parser("medley", help="write the demo's trial: one wearer stands, walks and lifts")
    medley.add_argument("--subject", type=int, required=True, help=f"seed; {_KEPT}")
    medley.add_argument("--seed", type=int, default=0, help="of the movements and of the donning")
    medley.add_argument("--out", type=Path, required=True, help="the Parquet file")
    medley.set_defaults(run=_medley)


def _medley(options: argparse.Namespace) -> int:
    from jetson_runtime.suit.trial import write_trial
    from models.files import whole
    from models.virtual_wearer.medley import medley
    from models.virtual_wearer.subject import Subject

    trial = medley(Subject.random(options.subject), options.seed)
    with whole(options.out) as fresh:
        write_trial(fresh, trial)
    return 0


def _seeds(text: str) -> range:
    first, _, end = text.partition(":")
    return range(int(first), int(end or int(first) + 1))


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split(","))
