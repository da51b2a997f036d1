"""How all benchmarks print: tables for people, or one JSON object on the last line for programs."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from jetson_runtime.bench import machine
from jetson_runtime.inference.bundle import SHIPPED
from jetson_runtime.stream import text


def add_json(parser: argparse.ArgumentParser) -> None:
    """The option that all benchmarks have."""
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line, nothing else")


def add_bundle(parser: argparse.ArgumentParser) -> None:
    """The model that is measured."""
    parser.add_argument("--bundle", type=Path, default=SHIPPED, help="the model (default: the shipped one)")


def add_engine(parser: argparse.ArgumentParser) -> None:
    """What computes in the service that is measured."""
    parser.add_argument("--engine", default="auto", help="as under [model] in suit.toml (auto)")


def positive(text: str) -> float:
    """An argument's number of seconds or minutes; ValueError, which argparse explains, where it is none above 0."""
    number = float(text)
    if not 0.0 < number < math.inf:
        raise ValueError(text)
    return number


def count(text: str) -> int:
    """An argument's number of repetitions, at least one; ValueError as in `positive`."""
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def put(result: dict[str, Any], *tables: str, as_json: bool) -> None:
    """The result as one line of JSON, or the tables and what they were measured on (`result["machine"]`)."""
    lines = [text.to_json(result)] if as_json else [*tables, machine.describe(result["machine"])]
    sys.stdout.write("\n\n".join(lines) + "\n")
    sys.stdout.flush()


def say(line: str) -> None:
    """Progress: on stderr, so that stdout holds results alone."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Columns as wide as their widest cell; the first to the left, the others to the right."""
    lines = [tuple(head), *(tuple(row) for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    return "\n".join(
        "  ".join(
            [line[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(line[1:], widths[1:], strict=True))]
        ).rstrip()
        for line in lines
    )
