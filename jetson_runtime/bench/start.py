"""`second-skin bench start`: from the start of the service's process to its first frame and its first valid one.

A frame is valid when the network's history of 1.24 s is full, so none can be valid sooner than that. The first frame is
the first that a client got which tried to connect every 50 ms from the start on.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from jetson_runtime.bench import live, machine, report
from jetson_runtime.bench.start_parts import PARTS
from jetson_runtime.inference import engines
from jetson_runtime.stream.text import number
from jetson_runtime.suit.errors import SuitError

_RUNS = 3
_PARTS_MODULE = "jetson_runtime.bench.start_parts"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `second-skin bench start`."""
    parser.add_argument(
        "--runs", type=report.count, default=_RUNS, metavar="N", help=f"of each engine ({_RUNS})"
    )
    parser.add_argument("--engines", metavar="NAME,...", help="default: auto and each that can be made here")
    report.add_bundle(parser)
    report.add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Measures, prints, and returns 0; SuitError: an engine that was asked for and cannot be made here."""
    about = machine.Machine()
    parts = _parts(options)
    with live.emulated_suit(options.bundle) as suit:
        starts: dict[str, list[tuple[float, float]]] = {name: [] for name in parts}
        for number_of_run in range(options.runs):
            for name in parts:
                report.say(f"{name}, start {number_of_run + 1} of {options.runs}")
                starts[name].append(_start(suit, name))
    result = {
        "engines": {
            name: {
                "first_frame_s": statistics.median(first for first, _ in starts[name]),
                "first_valid_s": statistics.median(valid for _, valid in starts[name]),
                **parts[name],
            }
            for name in parts
        },
        "runs": options.runs,
        "machine": about.facts(),
    }
    report.put(result, _table(result), as_json=options.json)
    return 0


def _parts(options: argparse.Namespace) -> dict[str, dict[str, float]]:
    """What each engine's start is made of; without the engines that cannot be made here, unless asked for."""
    names = options.engines.split(",") if options.engines else [engines.AUTO, *engines.NAMES]
    found = {}
    for name in names:
        done = subprocess.run(
            [sys.executable, "-m", _PARTS_MODULE, str(options.bundle), name],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode == 0:
            found[name] = json.loads(done.stdout.splitlines()[-1])
        elif options.engines:
            raise SuitError(f"engine {name}: {(done.stderr.strip().splitlines() or ['ended'])[-1]}")
        else:
            report.say(f"{name}: cannot be made here")
    return found


def _start(suit: live.EmulatedSuit, engine: str) -> tuple[float, float]:
    """Seconds from the start of the process to the first frame's sending and to the first valid one's."""
    path = suit.config(f"start-{engine}", model={"engine": engine})
    start_ns = time.monotonic_ns()
    with live.service(suit, path) as (child, client):
        first = live.first_frame(child, client, valid=False)
        valid = first if first.valid else live.first_frame(child, client, valid=True)
    return (first.publish_ns - start_ns) * 1e-9, (valid.publish_ns - start_ns) * 1e-9


def _table(result: Mapping[str, Any]) -> str:
    rows: Sequence[Sequence[str]] = [
        (
            name,
            number(start["first_frame_s"], 2),
            number(start["first_valid_s"], 2),
            *(number(start[part], 0) for part in PARTS),
        )
        for name, start in result["engines"].items()
    ]
    head = (
        "engine",
        "first frame s",
        "first valid s",
        "imports ms",
        "bundle ms",
        "engine ms",
        "self-test ms",
    )
    note = f"medians of {result['runs']} starts, one after the other in turns; the parts are from one start alone"
    return f"{report.table(head, rows)}\n{note}"
