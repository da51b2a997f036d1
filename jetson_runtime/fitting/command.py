"""`second-skin fit`: half a minute of told movements, then what is wrong with how the suit is worn.

Exit status: 0 it is worn as its config says; 1 refused, each cause a line; 2 no service, or bad input.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from jetson_runtime.fitting.check import check
from jetson_runtime.fitting.collect import Collector
from jetson_runtime.fitting.protocol import SECONDS, Phase
from jetson_runtime.stream.control_client import ControlClient
from jetson_runtime.stream.text import to_json
from jetson_runtime.suit import config as configs
from jetson_runtime.suit.errors import SuitError

DEFAULT_CONFIG = Path("/etc/second-skin/suit.toml")
_COUNTDOWN_S = 3.0
_PASSED, _REFUSED = 0, 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `second-skin fit`."""
    parser.add_argument(
        "--config", type=Path, default=DEFAULT_CONFIG, metavar="FILE", help=f"the suit's ({DEFAULT_CONFIG})"
    )
    parser.add_argument("--json", action="store_true", help="the result as JSON; instructions go to stderr")
    parser.set_defaults(handler=run)


def run(options: argparse.Namespace, begin_ns: int | None = None) -> int:
    """Instructs, checks, and tells the service the verdict. begin_ns: when to begin, on CLOCK_MONOTONIC."""
    config = configs.load(options.config)
    if not config.output.local or not config.output.control:
        raise SuitError(
            f"{options.config}: [output] names no local and control address, which the fit check needs"
        )
    out = sys.stderr if options.json else sys.stdout
    if begin_ns is None:
        out.write(f"{SECONDS:.0f} s of movements; begin each when it is told. In {_COUNTDOWN_S:.0f} s:\n")
        begin_ns = time.monotonic_ns() + round(_COUNTDOWN_S * 1e9)

    def say(phase: Phase) -> None:
        out.write(f"{phase.begin_s:4.0f} s  {phase.says}\n")
        out.flush()

    with Collector(config.output.local[0]) as collector:
        rows = collector.rows(begin_ns, say)
        session = collector.session
    found = check(rows, {name: stream.mounting for name, stream in config.streams.items()})
    with ControlClient(config.output.control[0]) as control:
        told = [str(one)[:400] for one in found][:16]
        control.ask("tell_fit", found=told, session=session, begin_ns=begin_ns)
    if options.json:
        sys.stdout.write(to_json({"passed": not found, "found": [one._asdict() for one in found]}) + "\n")
    else:
        sys.stdout.write(
            "".join(f"refused: {one}\n" for one in found) or "the suit is worn as it should be\n"
        )
    return _REFUSED if found else _PASSED
