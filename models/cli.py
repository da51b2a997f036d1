"""`second-skin-lab`: what a biomechanist does at a workstation or a cluster."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from jetson_runtime.suit.errors import SuitError
from models.commands import bundles, data, evaluation, importing, sweeping, training


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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="second-skin-lab", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for group in (data, importing, training, sweeping, bundles, evaluation):
        group.add(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
