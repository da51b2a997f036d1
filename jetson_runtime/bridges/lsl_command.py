"""`second-skin bridge lsl`: the stream on the Lab Streaming Layer, beside EMG and motion capture."""

from __future__ import annotations

import argparse
import logging

from jetson_runtime.bridges.running import add_stream_arguments, needs_extra
from jetson_runtime.bridges.subscription import Subscription
from jetson_runtime.stream import messages
from jetson_runtime.stream.background import stand_back
from jetson_runtime.suit.addresses import is_loopback
from jetson_runtime.suit.ending import until_signal
from jetson_runtime.suit.errors import EndpointError, SuitError

_TOPICS = (messages.FRAME, messages.HELLO, messages.EVENT)
_STEP_S = 0.1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its arguments."""
    add_stream_arguments(parser)
    add = parser.add_argument
    add(
        "--control",
        metavar="ADDRESS",
        help="the service's control address, where it runs on another machine: its clock is compared by pings",
    )
    add(
        "--name",
        default="SecondSkin",
        help="of the LSL stream; the markers' has -events behind it (%(default)s)",
    )


def run(options: argparse.Namespace) -> int:
    """Until SIGTERM or SIGINT, then 0. EndpointError, KeyFileError; SuitError: pylsl or the name cannot be used."""
    logging.basicConfig(format="%(name)s: %(message)s", level=logging.INFO)
    if options.control is None and not is_loopback(options.endpoint):
        raise EndpointError(
            f"{options.endpoint} is on another machine, whose clock is another: name its control address, too, "
            "with --control"
        )
    if not options.name.strip():
        raise SuitError("--name: is empty; write what LSL's programs are to list, such as SecondSkin")
    try:
        with needs_extra():
            import pylsl

            from jetson_runtime.bridges.lsl_clock import LslClock
            from jetson_runtime.bridges.lsl_outlets import Outlets
    except RuntimeError as error:
        raise SuitError(
            f"pylsl finds no liblsl, which its package holds for some machines alone: {error}; "
            "install liblsl and name its file in PYLSL_LIB"
        ) from error
    stand_back()
    with (
        until_signal() as ended,
        Subscription(options.endpoint, _TOPICS, options.key) as stream,
        LslClock(pylsl.local_clock, options.control, options.key) as clock,
    ):
        outlets = Outlets(options.name, options.endpoint, clock)
        while not ended:
            for message in stream.recv(_STEP_S):
                outlets.take(message)
    return 0
