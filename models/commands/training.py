"""From trials to trained weights."""

from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path

from models.commands import Commands


def add(commands: Commands) -> None:
    """From trials to trained weights."""
    for add_one in (_add_train,):
        add_one(commands)


def _add_train(commands: Commands) -> None:
    train = commands.add_parser(
        "train", help="train the eight outcomes, or go on with a run that was stopped"
    )
    train.add_argument("--data", type=Path, required=True, help="folder of trials")
    train.add_argument("--run", dest="run_folder", type=Path, required=True, help="folder of the run")
    train.add_argument("--folds", type=int, default=10, help="into which the subjects are split (10)")
    train.add_argument(
        "--fold", type=int, default=0, help="the one to withhold; the next one validates, the rest trains (0)"
    )
    train.add_argument("--processes", type=int, default=1, help="one thread each")
    train.add_argument(
        "--schedule", choices=("constant", "one_cycle"), help="what is not given is as in the paper"
    )
    for name in ("learning-rate", "dropout", "time-limit-s", "clip-norm", "donning-deg"):
        train.add_argument(f"--{name}", type=float)
    for name in ("batch", "outputs", "min-epochs", "max-epochs", "patience", "epoch-steps", "seed"):
        train.add_argument(f"--{name}", type=int)
    train.set_defaults(run=_train)


def _train(options: argparse.Namespace) -> int:
    from models import dataset, folds, train

    recordings = dataset.load(options.data, options.processes)
    split = folds.withheld((r.subject for r in recordings), options.folds, options.fold)
    given = {field.name: getattr(options, field.name) for field in fields(train.TrainConfig)}
    config = train.TrainConfig(**{key: value for key, value in given.items() if value is not None})
    train.train(options.run_folder, recordings, split, config, processes=options.processes)
    return 0
