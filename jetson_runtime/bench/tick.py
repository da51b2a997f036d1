"""`second-skin bench tick`: from the serial ports to the sockets, by the real service on the emulated suit.

The suit, the service, its load and its clients are processes of their own on this one machine. Beside each case
stands the machine's floor: how late a bare thread of the highest priority woke in the same seconds.
"""

from __future__ import annotations

import argparse
import contextlib
import time
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from jetson_runtime.bench import live, machine, report, stations
from jetson_runtime.bench.load import Load
from jetson_runtime.client import FrameClient, ReceivedFrame
from jetson_runtime.demo.children import Child
from jetson_runtime.inference.pipeline import max_wait_ns
from jetson_runtime.stream.text import number, summary
from jetson_runtime.suit import config as configs
from jetson_runtime.suit.errors import SuitError
from jetson_runtime.suit.signals import RATE_HZ

_SECONDS = 10.0
_SETTLE_S = 0.5
_POLL_MS = 20.0


class Case(NamedTuple):
    """hogs: processes that compute all the time; subscribers: beside the measuring one; fifo: as the config has it."""

    summary: str
    hogs: int = 0
    subscribers: int = 0
    fifo: bool = True


CASES = {
    "idle": Case("one subscriber, nothing else to do"),
    "subscribers_10": Case("ten subscribers", subscribers=9),
    "subscribers_100": Case("a hundred subscribers", subscribers=99),
    "hogs": Case("eight processes that compute all the time", hogs=8),
    "normal": Case("as idle, without SCHED_FIFO", fifo=False),
    "normal_hogs": Case("as hogs, without SCHED_FIFO", hogs=8, fifo=False),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `second-skin bench tick`."""
    add = parser.add_argument
    add(
        "--seconds",
        type=report.positive,
        default=_SECONDS,
        metavar="S",
        help=f"of each case ({_SECONDS:.0f})",
    )
    add("--minutes", type=report.positive, metavar="M", help="instead: the case idle alone, for so long")
    add("--cases", metavar="NAME,...", help=f"of {', '.join(CASES)}; default: all, and the stations")
    report.add_bundle(parser)
    report.add_engine(parser)
    report.add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Measures, prints, and returns 0; SuitError: a name that is no case's, or a service that does not start."""
    seconds = options.seconds if options.minutes is None else 60.0 * options.minutes
    names = _chosen("idle" if options.minutes is not None else options.cases)
    about = machine.Machine()
    cases = {}
    with live.emulated_suit(options.bundle) as suit:
        for name in names:
            report.say(f"{name}: {CASES[name].summary}, {seconds:.0f} s")
            cases[name] = _measure(suit, name, options.engine, seconds)
    result: dict[str, Any] = {"cases": cases, "seconds": seconds}
    tables = [_table(cases)]
    if options.cases is None and options.minutes is None:
        result["stations"] = stations.measure(options.bundle, options.engine)
        tables.append(stations.table(result["stations"]))
    report.put(result | {"machine": about.facts()}, *tables, as_json=options.json)
    return 0


def _chosen(words: str | None) -> list[str]:
    wanted = list(CASES) if words is None else words.split(",")
    if unknown := [name for name in wanted if name not in CASES]:
        raise SuitError(f"--cases {','.join(unknown)}: choose from {', '.join(CASES)}")
    return wanted


def _measure(suit: live.EmulatedSuit, name: str, engine: str, seconds: float) -> dict[str, Any]:
    """A service of its own, measured from when it has settled."""
    case = CASES[name]
    changes: dict[str, dict[str, Any]] = {"model": {"engine": engine}}
    if not case.fifo:
        changes["realtime"] = {"priority": 0}
    path = suit.config(name, **changes)
    with live.service(suit, path) as (child, client):
        live.first_frame(child, client, valid=True)
        with _loaded(case, suit.endpoint) as subscribers:
            time.sleep(_SETTLE_S)
            client.recv_all(0.0)
            figures = _watch(child, client, seconds, max_wait_ns(configs.load(path).limits))
            told = subscribers.told() if subscribers else {}
    if told:
        figures["subscriber_frames"] = told
    return figures


@contextlib.contextmanager
def _loaded(case: Case, endpoint: str) -> Iterator[Load | None]:
    with contextlib.ExitStack() as stack:
        for _ in range(case.hogs):
            stack.enter_context(Load("hog"))
        crowd = Load("subscribers", endpoint, str(case.subscribers)) if case.subscribers else None
        yield stack.enter_context(crowd) if crowd else None


def _watch(child: Child, client: FrameClient, seconds: float, wait_ns: int) -> dict[str, Any]:
    """Every frame of `seconds`, and what the process took meanwhile."""
    missed, cpu_s, start_ns = client.missed, machine.cpu_s(child.pid), time.monotonic_ns()
    frames: list[ReceivedFrame] = []
    with Load("sleeper", str(seconds)) as sleeper:
        while time.monotonic_ns() - start_ns < seconds * 1e9:
            frames += client.recv_all(_POLL_MS)
            child.check()
        cpu_s, took_s = machine.cpu_s(child.pid) - cpu_s, (time.monotonic_ns() - start_ns) * 1e-9
        rss_mb = machine.rss_mb(child.pid)
        floor = sleeper.result()
    missed = client.missed - missed
    ages_ms = [frame.age_ms for frame in frames]
    return {
        "frames": len(frames),
        "missed": missed,
        "missed_percent": 100.0 * missed / max(1, missed + len(frames)),
        "valid_percent": 100.0 * sum(frame.valid for frame in frames) / max(1, len(frames)),
        "age_ms": summary(ages_ms),
        "oldest_ms": summary([frame.oldest_ms for frame in frames]),
        "lateness_ms": summary([max(0.0, age_ms - wait_ns * 1e-6) for age_ms in ages_ms]),
        "service_lateness_ms": (client.status or {}).get("lateness_ms"),
        "engine": (client.hello or {}).get("engine"),
        "cpu_percent": 100.0 * cpu_s / took_s,
        "rss_mb": rss_mb,
        "machine_floor": floor,
    }


def _table(cases: Mapping[str, Mapping[str, Any]]) -> str:
    def spread(values: Mapping[str, float], digits: int = 1) -> str:
        return "/".join(number(values[key], digits) for key in ("p50", "p99", "max"))

    head = ("case", "frames", "missed", "age p50/p99/max ms", "lateness ms", "oldest ms", "CPU %", "RSS MB")
    rows = [
        (
            name,
            number(case["frames"], 0),
            f"{case['missed']} ({number(case['missed_percent'], 2)} %)",
            spread(case["age_ms"]),
            spread(case["lateness_ms"], 2),
            spread(case["oldest_ms"]),
            number(case["cpu_percent"], 1),
            number(case["rss_mb"], 0),
            f"{case['machine_floor']['late']}, {number(case['machine_floor']['worst_ms'], 1)} ms",
        )
        for name, case in cases.items()
    ]
    notes = (
        f"age: sent after its grid time, of {RATE_HZ} Hz; lateness: sent after its deadline; oldest: age of the oldest "
        "sample in it; machine: 5 ms deadlines that a bare thread of the highest priority missed by 5 ms, and its worst"
    )
    return f"{report.table((*head, 'machine'), rows)}\n{notes}"
