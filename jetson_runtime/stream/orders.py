"""`second-skin tare`, `zero-insoles`, `wearer`, `mark`, `recording`, `ping`: commands to a service, one reply each.

Exit status: 0 done; 1 a recording is asked for and no recorder runs; 2 refused, no service, or bad input.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Any

from jetson_runtime.stream import text
from jetson_runtime.stream.control_client import ControlClient
from jetson_runtime.stream.options import add_key
from jetson_runtime.suit.addresses import DEFAULT_CONTROL
from jetson_runtime.suit.labels import LABELS
from jetson_runtime.suit.signals import SIDE_NAMES, SIDES

_SIDES_OF = {"right": ("r",), "left": ("l",), "both": SIDES}


def add_tare_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `tare`."""
    _common_arguments(parser)
    _seconds_argument(parser)
    parser.set_defaults(handler=_handler(lambda o: ("tare", {"seconds": o.seconds}), _tare_line))


def add_zero_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `zero-insoles`."""
    _common_arguments(parser)
    _seconds_argument(parser)
    parser.add_argument(
        "--side",
        choices=tuple(_SIDES_OF),
        default="both",
        help="which of them, with its foot in the air (both)",
    )
    parser.set_defaults(
        handler=_handler(
            lambda o: ("zero_insoles", {"seconds": o.seconds, "sides": _SIDES_OF[o.side]}), _zero_line
        )
    )


def add_wearer_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `wearer set`."""
    add_set = parser.add_subparsers(title="what to do", metavar="set", required=True).add_parser(
        "set", help="who wears the suit from now on; overrides [wearer] of suit.toml until that is changed"
    )
    _common_arguments(add_set)
    add = add_set.add_argument
    add("--mass-kg", type=float, required=True, metavar="KG", help="of the body, unloaded and unsuited")
    add("--foot-length-m", type=float, required=True, metavar="M", help="heel to toe")
    add("--foot-width-m", type=float, required=True, metavar="M", help="at its widest")
    keys = ("mass_kg", "foot_length_m", "foot_width_m")
    add_set.set_defaults(
        handler=_handler(
            lambda o: ("set_wearer", {"wearer": {key: getattr(o, key) for key in keys}}), _wearer_line
        )
    )


def add_mark_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `mark`."""
    _common_arguments(parser)
    add = parser.add_argument
    add("text", nargs="?", help="any line, for whoever reads the recording")
    add("--task", help="a condition's code, as in the task table")
    add("--subject")
    add("--trial")
    add("--repetition", type=int)
    keys = ("text", "task", "subject", "trial", "repetition")
    parser.set_defaults(
        handler=_handler(
            lambda o: ("mark", {key: getattr(o, key) for key in keys if getattr(o, key) is not None}),
            lambda result: f"marked at {result['at_ns'] * 1e-9:.3f} s",
        )
    )


def add_recording_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `recording start` and `recording stop`."""
    actions = parser.add_subparsers(title="what to do", metavar="start|stop", required=True)
    start = actions.add_parser("start", help="the recorder begins another file; it holds what is told here")
    stop = actions.add_parser("stop", help="the recorder ends its file, and begins none until it is asked")
    for action, command in (("start", start), ("stop", stop)):
        _common_arguments(command)
        command.set_defaults(action=action, **dict.fromkeys(LABELS))
    start.add_argument("--subject")
    start.add_argument("--task", help="a condition's code, as in the task table")
    start.add_argument("--trial")

    def request(options: argparse.Namespace) -> tuple[str, dict[str, Any]]:
        told = {name: getattr(options, name) for name in LABELS if getattr(options, name) is not None}
        return "record", {"action": options.action, **told}

    parser.set_defaults(
        handler=_handler(request, recording_line, lambda r: int(r["wanted"] and r["recorder"] is None))
    )


def recording_line(result: dict[str, Any]) -> str:
    """What came of `record`, for a person: it is the recorder that does it, within a second."""
    asked = "a recording is asked for" if result["wanted"] else "no recording is asked for any more"
    if result["recorder"] is None and result["wanted"]:
        return f"{asked}, which is kept, but no recorder runs: systemctl start second-skin-record"
    if result["recorder"] is None:
        return f"{asked}; no recorder runs"
    return f"{asked}; second-skin status says what the recorder does"


def add_ping_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `ping`."""
    _common_arguments(parser)
    parser.set_defaults(handler=_ping)


def _ping(options: argparse.Namespace) -> int:
    with ControlClient(options.control, key_file=options.key) as client:
        offset_ns, within_ns = client.clock_offset_ns()
    result = {"offset_ms": offset_ns * 1e-6, "within_ms": within_ns * 1e-6}
    line = f"the service's clock is {result['offset_ms']:.3f} ms ahead, within {result['within_ms']:.3f} ms"
    sys.stdout.write((text.to_json(result) if options.json else line) + "\n")
    return 0


def _handler(
    request: Callable[[argparse.Namespace], tuple[str, dict[str, Any]]],
    line: Callable[[dict[str, Any]], str],
    status: Callable[[dict[str, Any]], int] = lambda _: 0,
) -> Callable[[argparse.Namespace], int]:
    def handler(options: argparse.Namespace) -> int:
        op, arguments = request(options)
        with ControlClient(options.control, key_file=options.key) as client:
            result = client.ask(op, **arguments)
        sys.stdout.write((text.to_json(result) if options.json else line(result)) + "\n")
        return status(result)

    return handler


def _tare_line(result: dict[str, Any]) -> str:
    return (
        f"tare {result['tare_id']}: {len(result['parts'])} sensors, averaged over {result['frames']} frames"
    )


def _zero_line(result: dict[str, Any]) -> str:
    told = [f"{SIDE_NAMES[side]} {zero['force_n']:.1f} N" for side, zero in result["sides"].items()]
    return f"zeroed: {', '.join(told)} taken off from now on"


def _wearer_line(result: dict[str, Any]) -> str:
    line = f"the wearer weighs {result['wearer']['mass_kg']:g} kg"
    return line if result["fit"] == "passed" else f"{line}; check the fit now: second-skin fit"


def _common_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--control",
        default=DEFAULT_CONTROL,
        metavar="ADDRESS",
        help=f"where the service takes commands ({DEFAULT_CONTROL})",
    )
    add_key(parser)
    parser.add_argument("--json", action="store_true", help="the result as JSON")


def _seconds_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--seconds", type=float, default=1.5, metavar="S", help="averaged over S seconds (1.5)"
    )
