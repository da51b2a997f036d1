"""Command-line options that several clients of the service take."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_key(parser: argparse.ArgumentParser) -> None:
    """`--key FILE`: a Path, or None."""
    parser.add_argument(
        "--key", type=Path, metavar="FILE", help="this client's key, where the service is on another machine"
    )
