"""Arguments that several subcommands take, each told once; a value that cannot be is refused with what can."""

from __future__ import annotations

import argparse
import math
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path


def add_bundle(command: ArgumentParser, what: str = "folder of the bundle") -> None:
    """BUNDLE."""
    command.add_argument("bundle", type=Path, metavar="BUNDLE", help=what)


def add_run(command: ArgumentParser, what: str) -> None:
    """RUN, what `train` made."""
    command.add_argument("run_folder", type=Path, metavar="RUN", help=what)


def add_data(command: ArgumentParser, what: str) -> None:
    """DATA, a folder of trials."""
    command.add_argument("data", type=Path, metavar="DATA", help=what)


def add_out(command: ArgumentParser, what: str, *, in_place: bool = False) -> None:
    """--out; `in_place`: may be left out, the new then takes the old one's place."""
    told = f"{what}; default: in place of the old one" if in_place else what
    command.add_argument("--out", type=Path, required=not in_place, help=told)


def add_processes(command: ArgumentParser) -> None:
    """--processes."""
    command.add_argument(
        "--processes", type=at_least(1), default=1, metavar="N", help="that work at the same time (1)"
    )


def add_json(command: ArgumentParser, instead_of: str) -> None:
    """--json."""
    command.add_argument("--json", action="store_true", help=f"print one JSON object instead of {instead_of}")


def at_least(least: int) -> Callable[[str], int]:
    """A whole number."""

    def whole_number(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if value < least:
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number of {least} or more")
        return value

    return whole_number


def above(least: float, *, itself: bool = False) -> Callable[[str], float]:
    """A finite number, `itself`: or `least`."""

    def number(text: str) -> float:
        value = _finite(text)
        if value is None or not (least < value or (itself and value == least)):
            wanted = f"of {least:g} or more" if itself else f"above {least:g}"
            raise argparse.ArgumentTypeError(f"{text!r} is no number {wanted}")
        return value

    return number


def words(text: str) -> tuple[str, ...]:
    """Names with commas between them."""
    found = tuple(text.split(","))
    if not all(found):
        raise argparse.ArgumentTypeError(f"{text!r}: write names with one comma between them, as 'W1,L3'")
    return found


def _finite(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
