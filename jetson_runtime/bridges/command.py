"""`second-skin bridge`: the table of the bridges. Each module has `add_arguments`, which also sets the handler."""

from __future__ import annotations

import argparse
import importlib

# Name: what it does, and the module of its arguments, which imports nothing of an extra.
BRIDGES = {
    "foxglove": ("live in Foxglove: a WebSocket server", "jetson_runtime.bridges.foxglove_command"),
    "lsl": ("on the Lab Streaming Layer: outlets of frames and events", "jetson_runtime.bridges.lsl_command"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments and handler of each bridge."""
    bridges = parser.add_subparsers(title="bridges", metavar="NAME", required=True)
    for name, (summary, module) in BRIDGES.items():
        importlib.import_module(module).add_arguments(
            bridges.add_parser(name, help=summary, description=summary)
        )
