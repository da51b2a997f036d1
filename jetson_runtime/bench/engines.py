"""`second-skin bench engines`: one tick of the network in every way that can be had here, in microseconds.

Each way lives in a process of its own, on one thread, at the service's priority. They are measured in turns, a short
stretch each, round after round, and a figure is the median of its rounds (a p99: of all calls): when the machine
stalls, it stalls a round of some ways and not one way's whole measurement.

hot: back to back, everything in the caches. paced: a call every 5 ms after a sleep, as a service calls; a way that
needs longer is called at the next grid time. floor: the bytes of the weights read once, in the same rounds.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jetson_runtime.bench import report
from jetson_runtime.bench.crew import Crew
from jetson_runtime.bench.machine import Machine
from jetson_runtime.bench.rails import Rails, Watch
from jetson_runtime.bench.ways import BOTH, FLOOR_WAYS, FLOORS, WAYS, WayToRun
from jetson_runtime.inference import bundle
from jetson_runtime.stream.text import number
from jetson_runtime.suit.errors import SuitError

_SECONDS = 34.0
_HOT_S, _PACED_S = 0.02, 0.12
_FEWEST_ROUNDS = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `second-skin bench engines`."""
    report.add_bundle(parser)
    parser.add_argument(
        "--seconds",
        type=report.positive,
        default=_SECONDS,
        metavar="S",
        help=f"rounds begin until S seconds after the start ({_SECONDS:.0f}); three are always made",
    )
    parser.add_argument("--only", metavar="NAME,...", help="of the ways, these alone")
    report.add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Measures, prints, and returns 0; SuitError: the bundle, or a name that is no way's."""
    end_s = time.monotonic() + options.seconds
    ways = _chosen(options.only)
    model = bundle.load(options.bundle)
    machine = Machine()
    with tempfile.TemporaryDirectory() as folder, Crew(ways, model, Path(folder)) as crew:
        known = str(crew.known)
        checked = crew.ask_all("check", file=known, sd=list(model.manifest.outcome_sd))
        settled = crew.ask_all("settle", file=known)
        if lost := [name for name in FLOORS.values() if name not in settled]:
            raise SuitError(f"the floor cannot be measured: {crew.absent[lost[0]]}")
        rounds = _rounds(crew, end_s)
        memory = crew.ask_all("memory")
    errors = {name: checked[name]["max_abs_error"] for name in memory if name not in FLOORS.values()}
    result = _result(rounds, errors, {name: answer["rss_mb"] for name, answer in memory.items()})
    result |= {
        "floor_by": settled[FLOORS["fp32"]]["by"],
        "absent": crew.absent,
        "bundle": model.manifest.name,
        "machine": machine.facts(),
    }
    report.put(result, _table(result), as_json=options.json)
    return 0


def _chosen(only: str | None) -> list[WayToRun]:
    names = [way.name for way in WAYS]
    wanted = names if only is None else only.split(",")
    if unknown := [name for name in wanted if name not in names]:
        raise SuitError(f"--only {','.join(unknown)}: choose from {', '.join(names)}")
    return [*FLOOR_WAYS, *(way for way in WAYS if way.name in wanted)]


class Stretch(NamedTuple):
    """One way's part of a round. cpu_percent: of a processor, while paced; tick_mj: None without a power monitor."""

    hot_us: float
    paced_us: list[float]
    cpu_percent: float
    tick_mj: float | None


Round = dict[str, Stretch]


def _rounds(crew: Crew, end_s: float) -> list[Round]:
    """Rounds until the time is over; of each way that was there to the last, by name."""
    rails = Rails()
    rounds: list[Round] = []
    took_s = 0.0
    while len(rounds) < _FEWEST_ROUNDS or time.monotonic() + took_s < end_s:
        start_s = time.monotonic()
        stretches = {name: _stretch(crew, name, rails) for name in crew.names}
        rounds.append({name: stretch for name, stretch in stretches.items() if stretch is not None})
        took_s = time.monotonic() - start_s
    return [{name: one[name] for name in crew.names} for one in rounds]


def _stretch(crew: Crew, name: str, rails: Rails) -> Stretch | None:
    """Measures one way once; None where it was lost."""
    watch = Watch(rails)
    hot = crew.ask(name, "hot", seconds=_HOT_S)
    paced = hot and crew.ask(name, "paced", meanwhile=watch.look, seconds=_PACED_S)
    if not hot or not paced:
        return None
    return Stretch(
        hot_us=float(np.median(hot["ns"])) * 1e-3,
        paced_us=[ns * 1e-3 for ns in paced["ns"]],
        cpu_percent=100.0 * paced["cpu_s"] / paced["wall_s"],
        tick_mj=watch.tick_mj(),
    )


def _result(
    rounds: Sequence[Round], errors: Mapping[str, float], memory: Mapping[str, float]
) -> dict[str, Any]:
    """Medians of the rounds, of the ratios within a round too; percentiles of all paced calls."""
    precision = {way.name: way.precision for way in WAYS}
    floor = {kind: [one[name] for one in rounds] for kind, name in FLOORS.items()}
    return {
        "floor_us": statistics.median(one.hot_us for one in floor["fp32"]),
        "floor_fp16_us": statistics.median(one.hot_us for one in floor["fp16"]),
        "floor_paced_us": statistics.median(us for one in floor["fp32"] for us in one.paced_us),
        "engines": {
            name: {
                **_figures([one[name] for one in rounds]),
                "max_abs_error": errors[name],
                "over_floor": _ratio(rounds, name, FLOORS[precision[name]]),
                "over_native": _ratio(rounds, name, "native_fp32"),
                "rss_mb": memory[name],
            }
            for name in errors
        },
        "rounds": len(rounds),
    }


def _figures(stretches: Sequence[Stretch]) -> dict[str, float | None]:
    p50, p99 = np.percentile([us for one in stretches for us in one.paced_us], (50, 99))
    energies = [one.tick_mj for one in stretches if one.tick_mj is not None]
    return {
        "hot_us": statistics.median(one.hot_us for one in stretches),
        "paced_p50_us": float(p50),
        "paced_p99_us": float(p99),
        "cpu_percent": statistics.median(one.cpu_percent for one in stretches),
        "tick_mj": statistics.median(energies) if energies else None,
    }


def _ratio(rounds: Sequence[Round], name: str, to: str) -> float | None:
    """Of the hot times; None where the other way is not here."""
    if to not in rounds[0]:
        return None
    return statistics.median(one[name].hot_us / one[to].hot_us for one in rounds)


def _table(result: Mapping[str, Any]) -> str:
    head = (
        "one tick",
        "hot us",
        "paced p50",
        "p99",
        "x floor",
        "x native",
        "error/SD",
        "CPU %",
        "RSS MB",
        "mJ",
    )
    rows = [
        (
            name,
            number(way["hot_us"], 0),
            number(way["paced_p50_us"], 0),
            number(way["paced_p99_us"], 0),
            number(way["over_floor"], 2),
            number(way["over_native"], 2),
            f"{way['max_abs_error']:.1e}",
            number(way["cpu_percent"], 1),
            number(way["rss_mb"], 0),
            number(way["tick_mj"], 2),
        )
        for name, way in sorted(result["engines"].items(), key=lambda item: item[1]["hot_us"])
    ]
    floors = (
        f"floor: the weights read once: {number(result['floor_us'], 0)} us in float32, "
        f"{number(result['floor_fp16_us'], 0)} us in float16, {number(result['floor_paced_us'], 0)} us paced "
        f"(by {result['floor_by']}); native leaves unread what would meet a zero\n"
        f"medians of {result['rounds']} rounds; _both: the two legs; error: against PyTorch in float64; CPU: at 200 Hz"
    )
    absent = [f"not here: {name}: {why}" for name, why in result["absent"].items() if not name.endswith(BOTH)]
    return "\n".join([report.table(head, rows), floors, *absent])
