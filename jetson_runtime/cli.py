"""`second-skin`: the table of its commands. A command's modules are imported only when that command is asked for."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Callable
from pathlib import Path

from jetson_runtime import __version__
from jetson_runtime.suit.errors import SuitError, missing_package

BAD_INPUT = 2
INTERRUPTED = 130


def main(arguments: list[str] | None = None) -> int:
    """Runs one command and returns its exit status; bad input is one message on stderr and status 2."""
    words = sys.argv[1:] if arguments is None else arguments
    try:
        options = _parser(words[0] if words else "").parse_args(words)
        handler: Callable[[argparse.Namespace], int] = options.handler
        return handler(options)
    except SuitError as error:
        print(f"second-skin: {error}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of a pipe has had enough. What is still buffered must go nowhere at exit, not into an error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _parser(chosen: str) -> argparse.ArgumentParser:
    """All commands by name and summary; only the chosen one with its arguments and `handler`."""
    parser = argparse.ArgumentParser(
        prog="second-skin", description="Joint angles and moments from a wearable suit, every 5 ms."
    )
    parser.add_argument("--version", action="version", version=f"second-skin {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, (summary, prepare) in _COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=summary)
        if name == chosen:
            prepare(command)
    return parser


def _run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config", type=Path, required=True, metavar="FILE", help="the suit's config, suit.toml"
    )

    parser.add_argument(
        "--state",
        type=Path,
        metavar="FOLDER",
        help="for tare, wearer and other settings (`state` beside the config)",
    )

    def handler(options: argparse.Namespace) -> int:
        from jetson_runtime.service import main as service

        return service.run(options.config, options.state)

    parser.set_defaults(handler=handler)


def _standby(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--socket", type=Path, required=True, metavar="PATH", help="as [standby] in suit.toml"
    )

    def handler(options: argparse.Namespace) -> int:
        from jetson_runtime.service import standby

        return standby.run(options.socket)

    parser.set_defaults(handler=handler)


def _simulate(parser: argparse.ArgumentParser) -> None:
    try:
        from jetson_runtime.demo import simulate
    except ModuleNotFoundError as error:
        raise missing_package(error, "sim") from error
    simulate.add_arguments(parser)
    parser.set_defaults(handler=simulate.run)


def _demo(parser: argparse.ArgumentParser) -> None:
    try:
        from jetson_runtime.demo import demo
    except ModuleNotFoundError as error:
        raise missing_package(error, "sim") from error
    demo.add_arguments(parser)
    parser.set_defaults(handler=demo.run)


def _echo(parser: argparse.ArgumentParser) -> None:
    from jetson_runtime.stream import tools

    tools.add_echo_arguments(parser)
    parser.set_defaults(handler=tools.echo)


def _hz(parser: argparse.ArgumentParser) -> None:
    from jetson_runtime.stream import tools

    tools.add_hz_arguments(parser)
    parser.set_defaults(handler=tools.hz)


def _status(parser: argparse.ArgumentParser) -> None:
    from jetson_runtime.stream import tools

    tools.add_status_arguments(parser)
    parser.set_defaults(handler=tools.status)


def _keys(parser: argparse.ArgumentParser) -> None:
    from jetson_runtime.stream import keys_command

    keys_command.add_arguments(parser)
    parser.set_defaults(handler=keys_command.run)


def _recording(name: str) -> Callable[[argparse.ArgumentParser], None]:
    """A command of `recording/commands.py`."""

    def prepare(parser: argparse.ArgumentParser) -> None:
        from jetson_runtime.recording import commands

        commands.add(name, parser)

    return prepare


def _export(parser: argparse.ArgumentParser) -> None:
    from jetson_runtime.bridges import foxglove_file
    from jetson_runtime.recording import commands

    commands.add_export(parser, {"foxglove": foxglove_file.write})


def _fit(parser: argparse.ArgumentParser) -> None:
    from jetson_runtime.fitting import command

    command.add_arguments(parser)


def _order(name: str) -> Callable[[argparse.ArgumentParser], None]:
    """A command to a running service; `name` as in `orders.add_NAME_arguments`."""

    def prepare(parser: argparse.ArgumentParser) -> None:
        from jetson_runtime.stream import orders

        getattr(orders, f"add_{name}_arguments")(parser)

    return prepare


def _collect(parser: argparse.ArgumentParser) -> None:
    from jetson_runtime.collect import command

    command.add_arguments(parser)


def _panel(parser: argparse.ArgumentParser) -> None:
    from jetson_runtime.panel import panel

    panel.add_arguments(parser)


def _dashboard(parser: argparse.ArgumentParser) -> None:
    from jetson_runtime.dashboard import command

    command.add_arguments(parser)


def _bridge(parser: argparse.ArgumentParser) -> None:
    from jetson_runtime.bridges import command

    command.add_arguments(parser)


def _faults(parser: argparse.ArgumentParser) -> None:
    from jetson_runtime.panel import page

    page.add_arguments(parser)


def _doctor(parser: argparse.ArgumentParser) -> None:
    from jetson_runtime.doctor import command

    command.add_arguments(parser)
    parser.set_defaults(handler=command.run)


def _bench(parser: argparse.ArgumentParser) -> None:
    """A benchmark is a module of `jetson_runtime.bench`, which makes its own parser of the words after its name."""
    parser.add_argument("name", metavar="NAME", choices=tuple(_BENCHMARKS), help="one of those below")
    parser.add_argument("words", metavar="...", nargs=argparse.REMAINDER, help="its options; NAME --help")
    parser.epilog = "\n".join(f"  {name:10} {summary}" for name, summary in _BENCHMARKS.items())
    parser.formatter_class = argparse.RawDescriptionHelpFormatter

    def handler(options: argparse.Namespace) -> int:
        from jetson_runtime.demo.children import ending_on_signals

        name = options.name
        try:
            module = importlib.import_module(f"jetson_runtime.bench.{name}")
        except ModuleNotFoundError as error:
            raise missing_package(error, "sim") from error
        benchmark = argparse.ArgumentParser(prog=f"second-skin bench {name}", description=_BENCHMARKS[name])
        module.add_arguments(benchmark)
        chosen = benchmark.parse_args(options.words)
        with ending_on_signals():
            return int(module.run(chosen))

    parser.set_defaults(handler=handler)


_COMMANDS: dict[str, tuple[str, Callable[[argparse.ArgumentParser], None]]] = {
    "run": ("run the service: from the suit's serial ports to ZeroMQ", _run),
    "standby": ("hold the ports while the service restarts, so that it goes on at once", _standby),
    "simulate": ("put a trial on eight emulated devices, with a config for `run`", _simulate),
    "demo": ("simulate and run together, a live view, and a table of what came out", _demo),
    "echo": ("print the frames of a running service, one a line", _echo),
    "hz": ("measure a running service: rate, jitter, age, missed frames", _hz),
    "status": ("one glance at a running service: its state and what to do", _status),
    "doctor": ("what is wrong with the suit or its machine, a line each with what to do", _doctor),
    "faults": ("every fault by its number, what LED and buzzer say: a page to print", _faults),
    "dashboard": (
        "a page in the browser for technicians: state, sensors, traces, pressure, tare, marks",
        _dashboard,
    ),
    "bridge": ("the stream for other programs: Foxglove, Lab Streaming Layer, a fleet's server", _bridge),
    "panel": ("LED, buzzer and tare button on GPIO pins, where there is no screen", _panel),
    "keys": ("who may connect from another machine: make keys, authorise and revoke clients", _keys),
    "record": ("record a running service: all it reads and says", _recording("record")),
    "collect": ("a session of trials, guided: tare, pulse, repetitions, marks", _collect),
    "recordings": ("list recordings, and repair those that were cut", _recording("recordings")),
    "replay": ("compute a recording's frames anew and compare them", _recording("replay")),
    "export": ("a recording as a trial, a table with units, for OpenSim or Foxglove", _export),
    "tare": ("neutral stance is now: from here the IMUs' own angles count", _order("tare")),
    "fit": ("half a minute of movements: is the suit worn as its config says?", _fit),
    "zero-insoles": ("what the insoles read now, with nobody on them, is nothing", _order("zero")),
    "wearer": ("`wearer set`: who wears the suit from now on", _order("wearer")),
    "mark": ("a line into the recording", _order("mark")),
    "recording": ("`recording start` and `recording stop`: what the recorder is to do", _order("recording")),
    "ping": ("how far the service's clock is ahead of this machine's", _order("ping")),
    "bench": ("measure what the runtime costs on this machine", _bench),
}
_BENCHMARKS = {
    "engines": "one tick of the network in every way that can be had here, beside the memory's own limit",
    "clock": "device clock to host clock: ours beside other estimators",
    "tick": "the service on emulated devices: lateness, age, processor and memory, also under load",
    "scale": "how the cost grows with outcomes, legs, channels and device rates",
    "start": "from the start of the process to the first frame and the first valid one",
    "restart": "from a kill to the next valid frame, with a standby process and without",
    "clients": "from a frame's sending to its values at hand, for each kind of client",
    "recording": "what a recorder costs the tick: pairs of stretches with it and without it",
    "dashboard": "how soon the page is live in a browser; what ten open ones cost the tick, in pairs",
    "fleet": "many suits into one NATS server that is killed on the way: what of it is there, once, in order",
    "soak": "hours on a suit whose cables come loose, with garbage and a stalled client: what grows, what is lost",
}


if __name__ == "__main__":
    sys.exit(main())
