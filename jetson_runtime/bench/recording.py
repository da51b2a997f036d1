"""`second-skin bench recording`: what a recorder costs the tick, in pairs of stretches with it and without it.

One service on one emulated suit; the recorder is the process that its unit starts, with the unit's priority. Which of a
pair comes first alternates, so that what the machine does over the minutes falls on both alike.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from jetson_runtime.bench import live, machine, report
from jetson_runtime.bench.load import Load
from jetson_runtime.client import FrameClient, ReceivedFrame
from jetson_runtime.demo.children import Child
from jetson_runtime.inference.pipeline import max_wait_ns
from jetson_runtime.stream.text import number, summary
from jetson_runtime.suit import config as configs
from jetson_runtime.suit.errors import SuitError

# As in second-skin-record.service.
NICE = 5
SIDES = ("off", "on")
_COMPARED = ("lateness_ms", "age_ms")
_PAIRS, _SECONDS = 20, 5.0
_SETTLE_S = 1.0
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
    stretches: dict[str, list[dict[str, Any]]] = {side: [] for side in SIDES}
    with live.emulated_suit(options.bundle) as suit:
        table = {"folder": str(suit.folder / "recordings"), "keep_free_mb": 0}
        config = suit.config("recording", model={"engine": options.engine}, recording=table)
        wait_ns = max_wait_ns(configs.load(config).limits)
        with live.service(suit, config) as (child, client):
            live.first_frame(child, client, valid=True)
            for pair in range(options.pairs):
                report.say(f"pair {pair + 1} of {options.pairs}")
                for side in SIDES if pair % 2 == 0 else reversed(SIDES):
                    with _recorder(config, client) if side == "on" else contextlib.nullcontext() as recorder:
                        stretches[side].append(_stretch(child, client, recorder, options.seconds, wait_ns))
            told = (client.status or {}).get("recording") or {}
    sides = {side: _pooled(stretches[side]) for side in SIDES}
    result = {
        "sides": sides,
        "ratio": {name: _ratio(sides, name) for name in _COMPARED},
        "pair_ratio": {name: _pair_ratio(stretches, name) for name in _COMPARED},
        "lost": {name: told.get(name) for name in ("missed", "dropped")},
        "pairs": options.pairs,
        "seconds": options.seconds,
        "machine": about.facts(),
    }
    report.put(result, _table(result), as_json=options.json)
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


def _stretch(
    child: Child, client: FrameClient, recorder: Child | None, seconds: float, wait_ns: int
) -> dict[str, Any]:
    """Every frame of `seconds`, once what came before has settled."""
    pids = [child.pid] + ([recorder.pid] if recorder is not None else [])
    end_s = time.monotonic() + _SETTLE_S
    while time.monotonic() < end_s:
        client.recv_all(_POLL_MS)
    missed, cpu_s, start_s = client.missed, [machine.cpu_s(pid) for pid in pids], time.monotonic()
    frames: list[ReceivedFrame] = []
    with Load("sleeper", str(seconds)) as sleeper:
        while time.monotonic() < start_s + seconds:
            frames += client.recv_all(_POLL_MS)
            child.check()
        took_s = time.monotonic() - start_s
        cpu = [100.0 * (machine.cpu_s(pid) - cpu_s[i]) / took_s for i, pid in enumerate(pids)]
        floor = sleeper.result()
    ages_ms = [frame.age_ms for frame in frames]
    return {
        "age_ms": ages_ms,
        "lateness_ms": [max(0.0, age_ms - wait_ns * 1e-6) for age_ms in ages_ms],
        "missed": client.missed - missed,
        "service_cpu_percent": cpu[0],
        "recorder_cpu_percent": cpu[1] if recorder is not None else 0.0,
        "machine_late": floor["late"],
    }


def _pooled(stretches: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Of all stretches of one side."""
    return {
        **{name: summary([ms for s in stretches for ms in s[name]]) for name in ("age_ms", "lateness_ms")},
        "frames": sum(len(s["age_ms"]) for s in stretches),
        **{name: sum(s[name] for s in stretches) for name in ("missed", "machine_late")},
        **{
            name: sum(s[name] for s in stretches) / len(stretches)
            for name in ("service_cpu_percent", "recorder_cpu_percent")
        },
    }


def _ratio(sides: Mapping[str, Mapping[str, Any]], name: str) -> float | None:
    """p99 with a recorder over p99 without; None where no frame was late enough to compare."""
    off, on = (float(sides[side][name]["p99"]) for side in SIDES)
    return on / off if off > 0.0 else None


def _pair_ratio(stretches: Mapping[str, Sequence[Mapping[str, Any]]], name: str) -> float | None:
    """The same of each pair, their median: what else the machine did in a few of them has no part in it."""
    pairs = zip(*(stretches[side] for side in SIDES), strict=True)
    p99 = [tuple(summary(one[name])["p99"] for one in pair) for pair in pairs]
    ratios = [on / off for off, on in p99 if off > 0.0]
    return statistics.median(ratios) if ratios else None


def _table(result: Mapping[str, Any]) -> str:
    rows = [
        (
            f"recorder {side}",
            number(told["frames"], 0),
            str(told["missed"]),
            *(
                "/".join(number(told[name][key], 2) for key in ("p50", "p99", "max"))
                for name in result["ratio"]
            ),
            number(told["service_cpu_percent"]),
            number(told["recorder_cpu_percent"]),
            str(told["machine_late"]),
        )
        for side, told in result["sides"].items()
    ]
    head = (
        "",
        "frames",
        "missed",
        "lateness p50/p99/max ms",
        "age ms",
        "service CPU %",
        "recorder CPU %",
        "machine",
    )
    pooled, median = (
        " and ".join(number(result[of][name], 3) for name in _COMPARED) for of in ("ratio", "pair_ratio")
    )
    notes = (
        f"{result['pairs']} pairs of {result['seconds']:g} s; p99 with over p99 without, lateness and age:"
        f" {pooled}, in the median pair {median}; machine: 5 ms"
        " deadlines that a bare thread of the highest priority missed by 5 ms"
    )
    return f"{report.table(head, rows)}\n{notes}"
