"""From weights to what the device loads."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from models.commands import Commands


def add(commands: Commands) -> None:
    """From weights to what the device loads."""
    for add_one in (_add_export, _add_renew, _add_calibrate, _add_card):
        add_one(commands)


def _add_export(commands: Commands) -> None:
    export = commands.add_parser(
        "export", help="make a bundle of a run's best weights, with its errors on a test set"
    )
    export.add_argument("--run", dest="run_folder", type=Path, required=True)
    export.add_argument("--data", type=Path, required=True, help="the run's folder of trials")
    export.add_argument(
        "--test", type=Path, help="trials of subjects never trained on; their errors go on the card"
    )
    export.add_argument(
        "--calibrate",
        dest="calibration",
        type=Path,
        help="trials of people never trained on, for intervals and warnings; default: those of the validation",
    )
    export.add_argument("--out", type=Path, required=True, help="folder of the bundle")
    export.add_argument("--name", default="second-skin")
    export.set_defaults(run=_export)


def _export(options: argparse.Namespace) -> int:
    from models.bundles import ship

    manifest = ship.ship(
        options.run_folder,
        options.data,
        options.test,
        options.out,
        name=options.name,
        calibration=options.calibration,
        say=print,
    )
    print(f"{options.out}: {manifest.name}, sha256 {manifest.sha256[:12]}")
    return 0


def _add_renew(commands: Commands) -> None:
    renew = commands.add_parser(
        "renew", help="give an older bundle today's graphs; its weights, card and golden outcomes stay"
    )
    renew.add_argument("--bundle", type=Path, required=True, help="folder of the bundle")
    renew.add_argument("--out", type=Path, help="folder of the new one; default: in place of the old one")
    renew.set_defaults(run=_renew)


def _renew(options: argparse.Namespace) -> int:
    from models.bundles import renew

    out = options.out or options.bundle
    manifest = renew.renew(options.bundle, out)
    print(f"{out}: {manifest.name}, format {manifest.format}, sha256 {manifest.sha256[:12]}")
    return 0


def _add_calibrate(commands: Commands) -> None:
    calibrate = commands.add_parser(
        "calibrate", help="give a bundle intervals and warnings, learned from people it was not trained on"
    )
    calibrate.add_argument("bundle", type=Path, help="folder of the bundle")
    calibrate.add_argument("data", type=Path, help="folder of trials of people that did not train it")
    calibrate.add_argument(
        "--training",
        type=Path,
        help="trials of those that did: what is usual is then learned from them, the thresholds from the others",
    )
    calibrate.add_argument(
        "--test", type=Path, help="trials of yet other people; how often the intervals hold goes on the card"
    )
    calibrate.add_argument(
        "--out", type=Path, help="folder of the new bundle; default: in place of the old one"
    )
    calibrate.set_defaults(run=_calibrate)


def _calibrate(options: argparse.Namespace) -> int:
    from models.bundles import calibrate
    from models.data import dataset

    manifest = calibrate.calibrate(
        options.bundle,
        dataset.load(options.data),
        dataset.load(options.training) if options.training else (),
        dataset.load(options.test) if options.test else (),
        out=options.out,
        say=print,
    )
    print(f"{options.out or options.bundle}: {manifest.name}, sha256 {manifest.sha256[:12]}")
    return 0


def _add_card(commands: Commands) -> None:
    card = commands.add_parser(
        "card", help="what a bundle was made of, how it errs, what it must not be used for"
    )
    card.add_argument("bundle", type=Path, help="folder of the bundle")
    card.add_argument("--json", action="store_true", help="print one object instead of text")
    card.set_defaults(run=_card)


def _card(options: argparse.Namespace) -> int:
    from rich.console import Console
    from rich.markdown import Markdown

    from jetson_runtime.inference import bundle
    from models.bundles import card_text

    manifest = bundle.load(options.bundle).manifest
    console = Console()
    if options.json:
        about = {"name": manifest.name, "created": manifest.created, "sha256": manifest.sha256}
        print(json.dumps({**about, "card": manifest.card}))
    elif console.is_terminal:
        console.print(Markdown(card_text.markdown(manifest)))
    else:
        print(card_text.markdown(manifest))
    return 0
