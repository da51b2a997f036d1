"""From weights to what the device loads."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from models.commands import Commands
from models.commands.arguments import (
    add_bundle,
    add_data,
    add_json,
    add_out,
    add_processes,
    add_run,
    at_least,
)

if TYPE_CHECKING:
    from jetson_runtime.inference.bundle import Manifest
    from models.training.recipe import TrainConfig

_COUNTS = ("max-epochs", "epoch-steps", "batch", "outputs", "seed")


def add(commands: Commands) -> None:
    """From weights to what the device loads."""
    for add_one in (_add_export, _add_calibrate, _add_adapt, _add_import_checkpoint, _add_renew, _add_card):
        add_one(commands)


def _add_export(commands: Commands) -> None:
    export = commands.add_parser(
        "export", help="make a bundle of a run's best weights, with its errors on a test set"
    )
    add_run(export, "folder of a run with one fold, or of one of its folds")
    add_data(export, "folder of the trials that the run was trained on")
    export.add_argument(
        "--test", type=Path, help="trials of subjects never trained on; their errors go on the card"
    )
    export.add_argument(
        "--calibrate",
        dest="calibration",
        type=Path,
        help="trials of people never trained on, for intervals and warnings; default: those of the validation",
    )
    add_out(export, "folder of the bundle")
    export.add_argument("--name", default="second-skin")
    add_processes(export)
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
        processes=options.processes,
        say=print,
    )
    return _written(options.out, manifest)


def _add_calibrate(commands: Commands) -> None:
    calibrate = commands.add_parser(
        "calibrate", help="give a bundle intervals and warnings, learned from people it was not trained on"
    )
    add_bundle(calibrate)
    add_data(calibrate, "folder of trials of people that did not train it")
    calibrate.add_argument(
        "--training",
        type=Path,
        help="trials of those that did: what is usual is then learned from them, the thresholds from the others",
    )
    calibrate.add_argument(
        "--test", type=Path, help="trials of yet other people; how often the intervals hold goes on the card"
    )
    add_out(calibrate, "folder of the new bundle", in_place=True)
    add_processes(calibrate)
    calibrate.set_defaults(run=_calibrate)


def _calibrate(options: argparse.Namespace) -> int:
    from models.bundles import calibrate
    from models.data import dataset

    data, training, test = (
        dataset.load(folder, options.processes) if folder else []
        for folder in (options.data, options.training, options.test)
    )
    manifest = calibrate.calibrate(
        options.bundle, data, training, test, out=options.out, processes=options.processes, say=print
    )
    return _written(options.out or options.bundle, manifest)


def _add_adapt(commands: Commands) -> None:
    adapt = commands.add_parser(
        "adapt", help="train a bundle on with new recordings; promoted only if no outcome gets worse"
    )
    add_bundle(adapt, "folder of the bundle to start from")
    add_data(adapt, "folder of trials to train on")
    adapt.add_argument("--test", type=Path, required=True, help="trials of people it was never trained on")
    add_out(adapt, "folder of the new bundle")
    adapt.add_argument(
        "--calibrate",
        dest="calibration",
        type=Path,
        help="trials of yet other people, for intervals and warnings; without it the new bundle has none",
    )
    adapt.add_argument("--name", help="of the new bundle; default: the old one's")
    adapt.add_argument("--learning-rate", type=float, help="default: 1e-5, a fifth of the paper's")
    for name in _COUNTS:
        adapt.add_argument(f"--{name}", type=at_least(0 if name == "seed" else 1))
    add_processes(adapt)
    adapt.set_defaults(run=_adapt)


def _adapt(options: argparse.Namespace) -> int:
    """1 where an outcome got worse: then no bundle is written."""
    from models.bundles import adapt

    found = adapt.adapt(
        options.bundle,
        options.data,
        options.test,
        options.out,
        config=_adaptation(adapt.RECIPE, options),
        name=options.name,
        calibration=options.calibration,
        processes=options.processes,
    )
    print("\n".join([adapt.as_table(found), *found.remarks]))
    if found.worse:
        said = f"{options.out}: not written, it would be worse for the withheld people:"
        print("\n".join([said, *found.worse]))
        return 1
    assert found.manifest is not None
    return _written(options.out, found.manifest)


def _adaptation(recipe: TrainConfig, options: argparse.Namespace) -> TrainConfig:
    keys = ("learning_rate", *(name.replace("-", "_") for name in _COUNTS))
    given = {key: getattr(options, key) for key in keys if getattr(options, key) is not None}
    epochs = min(recipe.min_epochs, given.get("max_epochs", recipe.max_epochs))
    return replace(recipe, **{**given, "min_epochs": epochs})


def _add_import_checkpoint(commands: Commands) -> None:
    adopt = commands.add_parser(
        "import-checkpoint",
        help="make a bundle of networks that were trained elsewhere (PyTorch, layout of locuslab's TCN)",
    )
    adopt.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="checkpoints: OUTCOME=FILE, or files called like their outcome",
    )
    add_out(adopt, "folder of the bundle")
    adopt.add_argument(
        "--map",
        type=Path,
        metavar="MAP.toml",
        help="what their inputs and outputs are; default: the suit's own",
    )
    adopt.add_argument("--rest", type=Path, metavar="BUNDLE", help="for the outcomes that no file tells")
    adopt.add_argument(
        "--data", type=Path, help="trials to fit the constant and the ridge on; default: not known"
    )
    adopt.add_argument("--name", default="adopted")
    adopt.set_defaults(run=_import_checkpoint)


def _import_checkpoint(options: argparse.Namespace) -> int:
    from models.bundles import adopted

    manifest = adopted.adopt(
        options.files,
        options.out,
        map_file=options.map,
        rest=options.rest,
        data=options.data,
        name=options.name,
    )
    return _written(options.out, manifest)


def _add_renew(commands: Commands) -> None:
    renew = commands.add_parser(
        "renew", help="give an older bundle today's graphs; its weights, card and golden outcomes stay"
    )
    add_bundle(renew)
    add_out(renew, "folder of the new one", in_place=True)
    renew.set_defaults(run=_renew)


def _renew(options: argparse.Namespace) -> int:
    from models.bundles import renew

    out = options.out or options.bundle
    return _written(out, renew.renew(options.bundle, out))


def _add_card(commands: Commands) -> None:
    card = commands.add_parser(
        "card", help="what a bundle was made of, how it errs, what it must not be used for"
    )
    add_bundle(card)
    add_json(card, "text")
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


def _written(out: Path, manifest: Manifest) -> int:
    print(f"{out}: {manifest.name}, format {manifest.format}, sha256 {manifest.sha256[:12]}")
    return 0
