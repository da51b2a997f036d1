"""Many trainings, and networks that were trained elsewhere or are trained on."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from models.commands import Commands


def add(commands: Commands) -> None:
    """Many trainings, and networks that were trained elsewhere or are trained on."""
    for add_one in (_add_sweep, _add_import_checkpoint, _add_adapt):
        add_one(commands)


def _add_sweep(commands: Commands) -> None:
    sweep = commands.add_parser(
        "sweep", help="train many models on Ray: folds x outcomes, hyper-parameters, sensors left out"
    )
    sweep.add_argument("file", type=Path, metavar="SWEEP.toml", help="what is to be trained")
    sweep.add_argument("--data", type=Path, required=True, help="folder of trials")
    sweep.add_argument("--out", type=Path, required=True, help="folder of the sweep, shared by all nodes")
    sweep.add_argument(
        "--address",
        default="local",
        help="of the Ray cluster: auto (the one this machine is in), HOST:PORT, ray://HOST:PORT; default: local,"
        " this machine alone",
    )
    sweep.add_argument(
        "--cpus-per-job", type=float, default=1.0, metavar="N", help="cores, each trains a network (1)"
    )
    sweep.add_argument(
        "--gpus-per-job", type=float, default=0.0, metavar="X", help="GPUs, or a part of one (0)"
    )
    sweep.set_defaults(run=_sweep)


def _sweep(options: argparse.Namespace) -> int:
    from models.data import dataset
    from models.sweep import run, spec

    asked = spec.load(options.file)
    return run.run(
        asked,
        dataset.load(options.data, way=asked.config(asked.variations()[0]).way),
        options.out,
        address=options.address,
        cpus=options.cpus_per_job,
        gpus=options.gpus_per_job,
        say=print,
    )


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
    adopt.add_argument("--out", type=Path, required=True, help="folder of the bundle")
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
    print(f"{options.out}: {manifest.name}, sha256 {manifest.sha256[:12]}")
    return 0


def _add_adapt(commands: Commands) -> None:
    adapt = commands.add_parser(
        "adapt", help="train a bundle on with new recordings; promoted only if no outcome gets worse"
    )
    adapt.add_argument("bundle", type=Path, metavar="BUNDLE", help="folder of the bundle to start from")
    adapt.add_argument("data", type=Path, metavar="DATA", help="folder of trials to train on")
    adapt.add_argument("--test", type=Path, required=True, help="trials of people it was never trained on")
    adapt.add_argument("--out", type=Path, required=True, metavar="NEW", help="folder of the new bundle")
    adapt.add_argument(
        "--calibrate",
        dest="calibration",
        type=Path,
        help="trials of yet other people, for intervals and warnings; without it the new bundle has none",
    )
    adapt.add_argument("--name", help="of the new bundle; default: the old one's")
    adapt.add_argument("--learning-rate", type=float, help="default: 1e-5, a fifth of the paper's")
    for name in ("max-epochs", "epoch-steps", "batch", "outputs", "seed"):
        adapt.add_argument(f"--{name}", type=int)
    adapt.add_argument("--processes", type=int, default=1)
    adapt.set_defaults(run=_adapt)


def _adapt(options: argparse.Namespace) -> int:
    """1 where an outcome got worse: then no bundle is written."""
    from models.bundles import adapt

    keys = ("learning_rate", "max_epochs", "epoch_steps", "batch", "outputs", "seed")
    given = {key: getattr(options, key) for key in keys if getattr(options, key) is not None}
    epochs = min(adapt.RECIPE.min_epochs, given.get("max_epochs", adapt.RECIPE.max_epochs))
    found = adapt.adapt(
        options.bundle,
        options.data,
        options.test,
        options.out,
        config=replace(adapt.RECIPE, **{**given, "min_epochs": epochs}),
        name=options.name,
        calibration=options.calibration,
        processes=options.processes,
    )
    print("\n".join([adapt.as_table(found), *found.remarks]))
    if found.worse:
        print(
            "\n".join(
                [f"{options.out}: not written, it would be worse for the withheld people:", *found.worse]
            )
        )
        return 1
    assert found.manifest is not None
    print(f"{options.out}: {found.manifest.name}, sha256 {found.manifest.sha256[:12]}")
    return 0
