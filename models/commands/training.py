"""From trials to trained weights."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.commands import Commands
from models.commands.arguments import above, add_data, add_processes

if TYPE_CHECKING:
    from models.data.dataset import Recording
    from models.data.folds import Split
    from models.training.recipe import TrainConfig

_FOLDS, _FOLD = 10, 0
_NUMBERS = ("learning-rate", "dropout", "time-limit-s", "clip-norm", "donning-deg", "sensor-dropout")
_COUNTS = ("batch", "outputs", "min-epochs", "max-epochs", "patience", "epoch-steps", "seed")


def add(commands: Commands) -> None:
    """From trials to trained weights."""
    for add_one in (_add_train, _add_sweep):
        add_one(commands)


def _add_train(commands: Commands) -> None:
    train = commands.add_parser(
        "train", help="train the eight outcomes, or go on with a run that was stopped"
    )
    add_data(train, "folder of trials")
    train.add_argument("--run", dest="run_folder", type=Path, required=True, help="folder of the run")
    train.add_argument(
        "--withhold", nargs="+", metavar="SUBJECT", help="leave these out, one a fold; `all`: each once"
    )
    train.add_argument(
        "--folds", type=int, metavar="N", help=f"without --withhold: so many groups of subjects ({_FOLDS})"
    )
    train.add_argument(
        "--fold",
        type=int,
        metavar="K",
        help=f"the one to withhold, from 0; the next one validates, the rest trains ({_FOLD})",
    )
    train.add_argument(
        "--paper-literal",
        action="store_true",
        help="the withheld subject decides when to stop (with --withhold)",
    )
    train.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    add_processes(train)
    _add_recipe(train)
    train.set_defaults(run=_train)


def _add_recipe(train: argparse.ArgumentParser) -> None:
    recipe = train.add_argument_group("recipe", "what is not given is as in --recipe")
    recipe.add_argument(
        "--recipe", choices=("paper", "quick"), default="paper", help="as in the paper (paper)"
    )
    recipe.add_argument("--schedule", choices=("constant", "one_cycle"))
    recipe.add_argument("--legs", choices=("both", "right"), help="the left one mirrored as more data (both)")
    recipe.add_argument(
        "--way",
        choices=("device", "offline"),
        help="rows as the suit delivers them, or by the paper's spline (device); report and export keep to it",
    )
    recipe.add_argument("--init", metavar="BUNDLE_OR_RUN", help="start from its weights, not at random")
    for name in _NUMBERS:
        recipe.add_argument(f"--{name}", type=float)
    for name in _COUNTS:
        recipe.add_argument(f"--{name}", type=int)


def _train(options: argparse.Namespace) -> int:
    from models.data import dataset
    from models.training import fit
    from models.training.recipe import beside_paper

    config = _config(options)
    recordings = dataset.load(options.data, options.processes, config.way)
    splits = _splits(options, recordings)
    differs, ours = beside_paper(config)
    for key, values in differs.items():
        print(f"recipe: {key} is {values['here']}, the paper's is {values['paper']}")
    print("recipe, where the paper is silent: " + ", ".join(f"{key} {value}" for key, value in ours.items()))
    where: dict[str, Any] = {"device": options.device, "processes": options.processes}
    if not sys.stdout.isatty():
        fit.train_folds(options.run_folder, recordings, splits, config, say=_print_line, **where)
        return 0
    from models.training import progress

    with progress.bars(list(splits), config) as watch:
        fit.train_folds(options.run_folder, recordings, splits, config, say=_hush, watch=watch, **where)
    return 0


def _config(options: argparse.Namespace) -> TrainConfig:
    from models.training.recipe import RECIPES

    names = (*_NUMBERS, *_COUNTS, "schedule", "legs", "init", "way")
    given = {name.replace("-", "_"): getattr(options, name.replace("-", "_")) for name in names}
    chosen = {name: value for name, value in given.items() if value is not None}
    return replace(RECIPES[options.recipe], **chosen, paper_literal=options.paper_literal)


def _splits(options: argparse.Namespace, recordings: Sequence[Recording]) -> Mapping[str, Split]:
    from models.data import folds

    subjects = [r.subject for r in recordings]
    if options.withhold is None:
        if options.paper_literal:
            raise ValueError("--paper-literal needs --withhold SUBJECT ... or --withhold all")
        count = _FOLDS if options.folds is None else options.folds
        fold = _FOLD if options.fold is None else options.fold
        return {f"fold-{fold}": folds.withheld(subjects, count, fold)}
    if (options.folds, options.fold) != (None, None):
        raise ValueError("--withhold names the subjects, --folds and --fold draw them: give one or the other")
    named = None if options.withhold == ["all"] else options.withhold
    return folds.leave_one_out(subjects, named, options.paper_literal)


def _print_line(line: str) -> None:
    print(line, flush=True)


def _hush(line: str) -> None:
    pass


def _add_sweep(commands: Commands) -> None:
    sweep = commands.add_parser(
        "sweep", help="train many models on Ray: folds x outcomes, hyper-parameters, sensors left out"
    )
    sweep.add_argument("file", type=Path, metavar="SWEEP.toml", help="what is to be trained")
    add_data(sweep, "folder of trials")
    sweep.add_argument(
        "--run", dest="run_folder", type=Path, required=True, help="folder of the sweep, shared by all nodes"
    )
    sweep.add_argument(
        "--address",
        default="local",
        help="of the Ray cluster: auto (the one this machine is in), HOST:PORT, ray://HOST:PORT; default: local,"
        " this machine alone",
    )
    sweep.add_argument(
        "--cpus-per-job", type=above(0.0), default=1.0, metavar="N", help="cores, each trains a network (1)"
    )
    sweep.add_argument(
        "--gpus-per-job",
        type=above(0.0, itself=True),
        default=0.0,
        metavar="X",
        help="GPUs, or a part of one (0)",
    )
    add_processes(sweep)
    sweep.set_defaults(run=_sweep)


def _sweep(options: argparse.Namespace) -> int:
    from models.data import dataset
    from models.sweep import run, spec

    asked = spec.load(options.file)
    return run.run(
        asked,
        dataset.load(options.data, options.processes, asked.config(asked.variations()[0]).way),
        options.run_folder,
        address=options.address,
        cpus=options.cpus_per_job,
        gpus=options.gpus_per_job,
        say=print,
    )
