"""`second-skin-lab`: virtual wearers, training, evaluation, export."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from jetson_runtime.suit.errors import SuitError
from models.folds import RESERVED_SEEDS

_KEPT = f"below {RESERVED_SEEDS}: for the demo and for evaluation, refused by train"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one subcommand; the exit status is 2 where the input was wrong."""
    options = _parser().parse_args(arguments)
    try:
        status: int = options.run(options)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in ("models", "jetson_runtime", "drivers"):
            raise
        print(
            f"second-skin-lab: needs the Python package {error.name}: pip install 'second-skin[lab]'",
            file=sys.stderr,
        )
        return 2
    except (SuitError, FileNotFoundError, ValueError) as error:
        print(f"second-skin-lab: {error}", file=sys.stderr)
        return 2
    return status


def _virtual(options: argparse.Namespace) -> int:
    from models import cohort

    cohort.write(
        options.out,
        options.subjects,
        options.tasks,
        options.seconds,
        trials_each=options.trials_each,
        processes=options.processes,
    )
    return 0


def _train(options: argparse.Namespace) -> int:
    from models import dataset, folds, train

    recordings = dataset.load(options.data, options.processes)
    split = folds.withheld((r.subject for r in recordings), options.folds, options.fold)
    given = {field.name: getattr(options, field.name) for field in fields(train.TrainConfig)}
    config = train.TrainConfig(**{key: value for key, value in given.items() if value is not None})
    train.train(options.run_folder, recordings, split, config, processes=options.processes)
    return 0


def _export(options: argparse.Namespace) -> int:
    from models import ship

    manifest = ship.ship(
        options.run_folder, options.data, options.test, options.out, name=options.name, say=print
    )
    print(f"{options.out}: {manifest.name}, sha256 {manifest.sha256[:12]}")
    return 0


def _renew(options: argparse.Namespace) -> int:
    from models import renew

    out = options.out or options.bundle
    manifest = renew.renew(options.bundle, out)
    print(f"{out}: {manifest.name}, format {manifest.format}, sha256 {manifest.sha256[:12]}")
    return 0


def _evaluate(options: argparse.Namespace) -> int:
    from jetson_runtime.inference import bundle
    from models import dataset, evaluate

    print(evaluate.table(evaluate.evaluate(bundle.load(options.bundle), dataset.load(options.data))))
    return 0


def _medley(options: argparse.Namespace) -> int:
    from jetson_runtime.suit.trial import write_trial
    from models.medley import medley
    from models.virtual_wearer.subject import Subject

    write_trial(options.out, medley(Subject.random(options.subject), options.seed))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="second-skin-lab", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for add in (_add_virtual, _add_train, _add_export, _add_renew, _add_evaluate, _add_medley):
        add(commands)
    return parser


def _add_virtual(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    virtual = commands.add_parser("virtual", help="write trials of virtual wearers as Parquet files")
    virtual.add_argument("--out", type=Path, required=True, help="folder for the trials")
    virtual.add_argument(
        "--subjects",
        type=_seeds,
        required=True,
        metavar="FIRST:END",
        help=f"seeds, END not among them; {_KEPT}",
    )
    virtual.add_argument("--tasks", type=_words, default=None, help="comma-separated; default: all there are")
    virtual.add_argument("--seconds", type=float, default=60.0, help="length of each trial (60)")
    virtual.add_argument(
        "--trials-each", type=int, default=1, help="of every task, each with the suit put on anew"
    )
    virtual.add_argument("--processes", type=int, default=1)
    virtual.set_defaults(run=_virtual)


def _add_train(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
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


def _add_export(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    export = commands.add_parser(
        "export", help="make a bundle of a run's best weights, with its errors on a test set"
    )
    export.add_argument("--run", dest="run_folder", type=Path, required=True)
    export.add_argument("--data", type=Path, required=True, help="the run's folder of trials")
    export.add_argument(
        "--test", type=Path, help="trials of subjects never trained on; their errors go on the card"
    )
    export.add_argument("--out", type=Path, required=True, help="folder of the bundle")
    export.add_argument("--name", default="second-skin")
    export.set_defaults(run=_export)


def _add_renew(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    renew = commands.add_parser(
        "renew", help="give an older bundle today's graphs; its weights, card and golden outcomes stay"
    )
    renew.add_argument("--bundle", type=Path, required=True, help="folder of the bundle")
    renew.add_argument("--out", type=Path, help="folder of the new one; default: in place of the old one")
    renew.set_defaults(run=_renew)


def _add_evaluate(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    evaluate = commands.add_parser(
        "evaluate", help="errors of a bundle on trials, beside constant, ridge and paper"
    )
    evaluate.add_argument("--bundle", type=Path, required=True)
    evaluate.add_argument("--data", type=Path, required=True, help="folder of trials never trained on")
    evaluate.set_defaults(run=_evaluate)


def _add_medley(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    medley = commands.add_parser("medley", help="write the demo's trial: one wearer stands, walks and lifts")
    medley.add_argument("--subject", type=int, required=True, help=f"seed; {_KEPT}")
    medley.add_argument("--seed", type=int, default=0, help="of the movements and of the donning")
    medley.add_argument("--out", type=Path, required=True, help="the Parquet file")
    medley.set_defaults(run=_medley)


def _seeds(text: str) -> range:
    first, _, end = text.partition(":")
    return range(int(first), int(end or int(first) + 1))


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split(","))


if __name__ == "__main__":
    sys.exit(main())
