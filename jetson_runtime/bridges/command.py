"""`second-skin bridge`: the table of the bridges. A bridge is a module with `add_arguments` and `run`."""

from __future__ import annotations

import argparse
import importlib

# Name: what it does, and its module, which imports nothing of an extra by itself.
BRIDGES = {
    "foxglove": ("live in Foxglove: a WebSocket server", "jetson_runtime.bridges.foxglove_command"),
    "lsl": ("on the Lab Streaming Layer: outlets of frames and events", "jetson_runtime.bridges.lsl_command"),
    "nats": ("one-second batches to a fleet's server (NATS JetStream)", "jetson_runtime.fleet.command"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments and handler of each bridge."""
    bridges = parser.add_subparsers(title="bridges", metavar="NAME", required=True)
    for name, (summary, path) in BRIDGES.items():
        module = importlib.import_module(path)
        bridge = bridges.add_parser(name, help=summary, description=summary)
        module.add_arguments(bridge)
        bridge.set_defaults(handler=module.run)
