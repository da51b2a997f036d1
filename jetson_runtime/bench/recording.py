"""`second-skin bench recording`: what a recorder costs the tick, in pairs of stretches with it and without it.

One service on one emulated suit; the recorder is the process that its unit starts, with the unit's priority. Which of a
pair comes first alternates, so that what the machine does over the minutes falls on both alike.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jetson_runtime.bench import live, machine, pairs, report
from jetson_runtime.client import FrameClient
from jetson_runtime.demo.children import Child
from jetson_runtime.inference.pipeline import max_wait_ns
from jetson_runtime.suit import config as configs
from jetson_runtime.suit.errors import SuitError

# As in second-skin-record.service.
NICE = 5
_PAIRS, _SECONDS = 20, 5.0
_PATIENCE_S = 40.0
_POLL_MS = 20.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `second-skin bench recording`."""
    add = parser.add_argument
    add("--pairs", type=report.count, default=_PAIRS, metavar="N", help=f"how many ({_PAIRS})")
    add(
        "--seconds",
        type=report.positive,
        default=_SECONDS,
        metavar="S",
        help=f"of each stretch ({_SECONDS:.0f})",
    )
    report.add_engine(parser)
    report.add_bundle(parser)
    report.add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Measures, prints, and returns 0; SuitError: a service or a recorder that does not start."""
    about = machine.Machine()
    stretches: dict[str, list[dict[str, Any]]] = {side: [] for side in pairs.SIDES}
    with live.emulated_suit(options.bundle) as suit:
        table = {"folder": str(suit.folder / "recordings"), "keep_free_mb": 0}
        config = suit.config("recording", model={"engine": options.engine}, recording=table)
        wait_ns = max_wait_ns(configs.load(config).limits)
        with live.service(suit, config) as (child, client):
            live.first_frame(child, client, valid=True)
            for side in pairs.in_turn(options.pairs):
                with _recorder(config, client) if side == "on" else contextlib.nullcontext() as recorder:
                    beside = {"recorder": recorder} if recorder is not None else {}
                    stretches[side].append(pairs.stretch(child, client, beside, options.seconds, wait_ns))
            told = (client.status or {}).get("recording") or {}
    result = {
        **pairs.result(stretches),
        "lost": {name: told.get(name) for name in ("missed", "dropped")},
        "pairs": options.pairs,
        "seconds": options.seconds,
        "machine": about.facts(),
    }
    report.put(result, pairs.table("recorder", result), as_json=options.json)
    return 0


@contextlib.contextmanager
def _recorder(config: Path, client: FrameClient) -> Iterator[Child]:
    """It records when the block begins."""
    with Child(["record", "--config", str(config)], config.with_suffix(".recorder.log")) as recorder:
        os.setpriority(os.PRIO_PROCESS, recorder.pid, NICE)
        end_s = time.monotonic() + _PATIENCE_S
        before = (_told(client) or {}).get("file")
        while (told := _told(client)) is None or told["state"] != "recording" or told["file"] == before:
            recorder.check()
            if time.monotonic() > end_s:
                raise SuitError(f"the recorder does not record within {_PATIENCE_S:.0f} s")
            client.recv_all(_POLL_MS)
        yield recorder


def _told(client: FrameClient) -> dict[str, Any] | None:
    told: dict[str, Any] | None = (client.status or {}).get("recording")
    return told
