"""`second-skin-lab`: what a biomechanist does at a workstation or a cluster."""

from __future__ import annotations

import argparse
import errno
import os
import sys
from collections.abc import Sequence

from jetson_runtime.suit.errors import SuitError, missing_package
from models.commands import bundles, data, dosing, evaluation, fleet, importing, training

BAD_INPUT = 2
INTERRUPTED = 130
_REMEDIES = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some space",
    errno.EACCES: "choose another folder, or have yourself given the right to it",
    errno.EPERM: "choose another folder, or have yourself given the right to it",
    errno.EROFS: "choose a folder that can be written to",
    errno.EISDIR: "name a file, not a folder",
    errno.ENOTDIR: "name a folder, not a file",
    errno.EEXIST: "choose another name, or remove what is there",
    errno.ENOENT: "see that it is there and rightly spelt",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one subcommand; the exit status is 2 where the input or the disk was wrong, 130 after Ctrl-C."""
    options = parser().parse_args(arguments)
    try:
        status: int = options.run(options)
        sys.stdout.flush()
    except ModuleNotFoundError as error:
        missing = missing_package(error, "lab")
        if missing is error:
            raise
        return _told(str(missing))
    except (SuitError, ValueError) as error:
        return _told(str(error))
    except BrokenPipeError:
        # Whoever reads has seen enough, as `head` does; what Python flushes at its end goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        return _told(_of_the_disk(error))
    except KeyboardInterrupt:
        _told("stopped; every file is whole, run the same command again to go on")
        return INTERRUPTED
    return status


def parser() -> argparse.ArgumentParser:
    """All subcommands and what they take."""
    parser = argparse.ArgumentParser(prog="second-skin-lab", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for subject in (importing, data, training, bundles, evaluation, dosing, fleet):
        subject.add(commands)
    return parser


def _told(message: str) -> int:
    print(f"second-skin-lab: {message}", file=sys.stderr)
    return BAD_INPUT


def _of_the_disk(error: OSError) -> str:
    """Which file, why, what to do; the error's own words where the system did not raise it."""
    if error.errno is None:
        return str(error)
    where = f"{error.filename}: " if error.filename else ""
    remedy = _REMEDIES.get(error.errno, "mend that")
    cause = os.strerror(error.errno) if error.errno in _REMEDIES else str(error.strerror)
    return f"{where}{cause.lower()}; {remedy} and run the same command again"


if __name__ == "__main__":
    sys.exit(main())
