"""`second-skin collect PROTOCOL`: its arguments."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from jetson_runtime.collect import protocol as protocols
from jetson_runtime.collect.protocol import Protocol
from jetson_runtime.stream.options import add_key
from jetson_runtime.suit.addresses import DEFAULT_CONTROL, DEFAULT_PUBLIC


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments and handler."""
    add = parser.add_argument
    add(
        "protocol",
        metavar="PROTOCOL",
        help=f"TOML file, see examples/collect.toml; or `{protocols.PAPER}`, all of the paper's conditions",
    )
    add("--subject", metavar="NAME", help="in place of the protocol's")
    add("--seed", type=int, metavar="N", help="draws the order; without it as the protocol has it")
    add(
        "--progress",
        type=Path,
        metavar="FILE",
        help="where to go on from (PROTOCOL_SUBJECT.json beside the protocol)",
    )
    add("--list", action="store_true", help="print the conditions in their order, and do nothing")
    add("--endpoint", default=DEFAULT_PUBLIC, metavar="ADDRESS", help=f"of the stream ({DEFAULT_PUBLIC})")
    add("--control", default=DEFAULT_CONTROL, metavar="ADDRESS", help=f"of commands ({DEFAULT_CONTROL})")
    add_key(parser)
    parser.set_defaults(handler=run)


def run(options: argparse.Namespace) -> int:
    """0 where every condition is behind, 1 where some are left."""
    protocol = protocols.load(options.protocol, options.subject, options.seed)
    if options.list:
        _print(protocol)
        return 0
    from jetson_runtime.collect.guide import Guide
    from jetson_runtime.collect.progress import Progress
    from jetson_runtime.collect.suit import Suit
    from jetson_runtime.collect.terminal import Terminal

    assert protocol.subject is not None
    path = options.progress or _progress_path(options.protocol, protocol.subject)
    progress = Progress(path, protocol.subject, protocol.digest())
    suit = Suit(options.endpoint, options.control, options.key)
    try:
        return Guide(suit, Terminal(sys.stdin.fileno(), sys.stdout, suit.look), protocol, progress).run()
    finally:
        suit.close()


def _progress_path(protocol: str, subject: str) -> Path:
    path = Path(protocol)
    folder = Path() if protocol == protocols.PAPER else path.parent
    return folder / f"{path.stem}_{subject}.json"


def _print(protocol: Protocol) -> None:
    for number, one in enumerate(protocol.ordered(), start=1):
        amount = f"{one.seconds:g} s" if one.seconds else f"{one.repetitions} times"
        sys.stdout.write(f"{number:3d}  {one.task:5}  {amount:>9}  {one.what}\n")
