"""What every bridge's process does: it says what is not installed, and ends with 0 on a signal."""

from __future__ import annotations

import argparse
import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

from jetson_runtime.stream.options import add_key
from jetson_runtime.suit.addresses import DEFAULT_PUBLIC
from jetson_runtime.suit.errors import SuitError


def add_stream_arguments(parser: argparse.ArgumentParser) -> None:
    """`--endpoint` and `--key`."""
    parser.add_argument(
        "--endpoint",
        default=DEFAULT_PUBLIC,
        metavar="ADDRESS",
        help=f"where the service publishes ({DEFAULT_PUBLIC})",
    )
    add_key(parser)


@contextlib.contextmanager
def needs_extra() -> Iterator[None]:
    """Around imports: SuitError where a package of the extra `bridges` is not installed."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in ("jetson_runtime", "drivers"):
            raise
        raise SuitError(
            f"needs the Python package {error.name}: pip install '.[bridges]' in the checkout"
        ) from error


@contextlib.contextmanager
def until_signal() -> Iterator[list[int]]:
    """A list that is no longer empty once SIGTERM or SIGINT has come."""
    ended: list[int] = []

    def end(number: int, _frame: FrameType | None) -> None:
        ended.append(number)

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield ended
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
