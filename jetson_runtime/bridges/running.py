"""What every bridge's process does: it says what is not installed, and whom it hears."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator

from jetson_runtime.stream.options import add_key
from jetson_runtime.suit.addresses import DEFAULT_PUBLIC
from jetson_runtime.suit.errors import missing_package


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
        raise missing_package(error, "bridges") from error
