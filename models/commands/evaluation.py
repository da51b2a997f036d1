"""How good a bundle is."""

from __future__ import annotations

import argparse
from pathlib import Path

from models.commands import Commands


def add(commands: Commands) -> None:
    """How good a bundle is."""
    for add_one in (_add_evaluate,):
        add_one(commands)


def _add_evaluate(commands: Commands) -> None:
    evaluate = commands.add_parser(
        "evaluate", help="errors of a bundle on trials, beside constant, ridge and paper"
    )
    evaluate.add_argument("--bundle", type=Path, required=True)
    evaluate.add_argument("--data", type=Path, required=True, help="folder of trials never trained on")
    evaluate.set_defaults(run=_evaluate)


def _evaluate(options: argparse.Namespace) -> int:
    from jetson_runtime.inference import bundle
    from models import dataset, evaluate

    print(evaluate.table(evaluate.evaluate(bundle.load(options.bundle), dataset.load(options.data))))
    return 0
