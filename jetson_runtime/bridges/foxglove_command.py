"""`second-skin bridge foxglove`: a WebSocket server that Foxglove opens as a live connection."""

from __future__ import annotations

import argparse
import logging

from jetson_runtime.bridges.running import add_stream_arguments, needs_extra
from jetson_runtime.bridges.subscription import Subscription
from jetson_runtime.stream import messages
from jetson_runtime.stream.background import stand_back
from jetson_runtime.suit.ending import until_signal
from jetson_runtime.suit.errors import EndpointError

_STEP_S = 0.05
_log = logging.getLogger("second-skin-foxglove")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its arguments."""
    add_stream_arguments(parser)
    add = parser.add_argument
    add(
        "--host",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="where Foxglove connects; 0.0.0.0: from other machines, without a key or password (%(default)s)",
    )
    add("--port", type=int, default=8765, metavar="N", help="(%(default)s)")


def run(options: argparse.Namespace) -> int:
    """Until SIGTERM or SIGINT, then 0. EndpointError: the port is taken or none, or as of Subscription."""
    logging.basicConfig(format="%(name)s: %(message)s", level=logging.INFO)
    if not 0 <= options.port < 65_536:
        raise EndpointError(f"--port {options.port}: is no port; write one from 1 to 65535")
    with needs_extra():
        import foxglove

        from jetson_runtime.bridges.foxglove_channels import Channels
    stand_back()
    context = foxglove.Context()
    with (
        until_signal() as ended,
        Subscription(options.endpoint, messages.TOPICS, options.key) as stream,
    ):
        try:
            server = foxglove.start_server(
                name="second-skin", host=options.host, port=options.port, context=context
            )
        except (RuntimeError, OSError) as error:
            raise EndpointError(
                f"{options.host}:{options.port}: cannot be opened: {error}; name another with --host and --port"
            ) from error
        _log.info("ws://%s:%d", options.host, server.port)
        channels = Channels(context)
        try:
            while not ended:
                for message in stream.recv(_STEP_S):
                    channels.take(message)
                channels.hide_stale()
                stream.want(messages.PRESSURE, channels.wants_pressure)
        finally:
            channels.close()
            server.stop()
    return 0
