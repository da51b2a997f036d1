"""`second-skin bench restart`: SIGKILL, the next start, and how long no valid frame speaks of the wearer.

With a standby process the next service goes on where the killed one was; without one it brings the devices up and fills
the history of 1.24 s anew. In turns, on the same emulated suit.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import statistics
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from jetson_runtime.bench import live, machine, report
from jetson_runtime.client import FrameClient
from jetson_runtime.demo.children import Child
from jetson_runtime.stream.text import number
from jetson_runtime.suit.errors import SuitError

SIDES = ("with", "without")
_RUNS = 5
# Of the service that is killed, once its frames are valid.
_BEFORE_S = 3.0
_PATIENCE_S = 10.0


class _Restart(NamedTuple):
    """first_s, valid_s: from the start of the next process to its first frame's sending, to its first valid one's;
    gap_s: between the instants that the last valid frame and the next one speak of. told: how the status says it began.
    """

    first_s: float
    valid_s: float
    gap_s: float
    told: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `second-skin bench restart`."""
    parser.add_argument(
        "--runs", type=report.count, default=_RUNS, metavar="N", help=f"of each way ({_RUNS})"
    )
    report.add_engine(parser)
    report.add_bundle(parser)
    report.add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Measures, prints, and returns 0; SuitError: a service that does not start."""
    about = machine.Machine()
    restarts: dict[str, list[_Restart]] = {side: [] for side in SIDES}
    with live.emulated_suit(options.bundle) as suit:
        for number_of_run in range(options.runs):
            for side in SIDES:
                report.say(f"{side} standby, kill {number_of_run + 1} of {options.runs}")
                restarts[side].append(_restart(suit, side, options.engine))
    result = {
        "standby": {side: _pooled(restarts[side]) for side in SIDES},
        "runs": options.runs,
        "machine": about.facts(),
    }
    report.put(result, _table(result), as_json=options.json)
    return 0


def _restart(suit: live.EmulatedSuit, side: str, engine: str) -> _Restart:
    with _standby(suit.folder, side) as table:
        path = suit.config(f"restart-{side}", model={"engine": engine}, standby=table)
        with live.service(suit, path) as (child, client):
            last = live.first_frame(child, client, valid=True)
            end_s = time.monotonic() + _BEFORE_S
            while time.monotonic() < end_s:
                last = next((f for f in reversed(client.recv_all(50)) if f.valid), last)
            os.kill(child.pid, signal.SIGKILL)
            last = next((f for f in reversed(client.recv_all(50)) if f.valid), last)
        start_ns = time.monotonic_ns()
        with live.service(suit, path) as (child, client):
            first = live.first_frame(child, client, valid=False)
            valid = first if first.valid else live.first_frame(child, client, valid=True)
            told = _told(client)
    return _Restart(
        (first.publish_ns - start_ns) * 1e-9,
        (valid.publish_ns - start_ns) * 1e-9,
        (valid.t_ns - last.t_ns) * 1e-9,
        told,
    )


@contextlib.contextmanager
def _standby(folder: Path, side: str) -> Iterator[dict[str, str]]:
    """What goes under [standby], and the process that listens there."""
    if side == "without":
        yield {}
        return
    path = folder / "standby"
    path.unlink(missing_ok=True)
    with Child(["standby", "--socket", str(path)], folder / "standby.log") as child:
        end_s = time.monotonic() + _PATIENCE_S
        while not path.exists():
            child.check()
            if time.monotonic() > end_s:
                raise SuitError(f"the standby process is not there after {_PATIENCE_S:.0f} s")
            time.sleep(0.02)
        yield {"socket": str(path)}


def _told(client: FrameClient) -> str:
    end_s = time.monotonic() + _PATIENCE_S
    while client.status is None and time.monotonic() < end_s:
        client.recv_all(50)
    start = (client.status or {}).get("start")
    return str(start["text"]) if start else "cold"


def _pooled(restarts: list[_Restart]) -> dict[str, Any]:
    return {
        "first_frame_s": statistics.median(restart.first_s for restart in restarts),
        "first_valid_s": statistics.median(restart.valid_s for restart in restarts),
        "gap_s": statistics.median(restart.gap_s for restart in restarts),
        "warm": sum(restart.told.startswith("warm") for restart in restarts),
        "told": [restart.told for restart in restarts],
    }


def _table(result: Mapping[str, Any]) -> str:
    rows = [
        (
            f"{side} standby",
            number(of["first_frame_s"], 2),
            number(of["first_valid_s"], 2),
            number(of["gap_s"], 2),
            f"{of['warm']} of {result['runs']}",
        )
        for side, of in result["standby"].items()
    ]
    head = ("", "first frame s", "first valid s", "without a valid frame s", "warm")
    note = "medians, from the start of the next process; how each began:"
    told = [f"  {side}: {text}" for side, of in result["standby"].items() for text in of["told"]]
    return "\n".join([report.table(head, rows), note, *told])
