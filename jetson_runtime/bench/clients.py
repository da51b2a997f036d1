"""`second-skin bench clients`: from a frame's sending to its values in a client's hands, for each kind of client.

One service on one emulated suit; the clients read it one after the other, some seconds each, in rounds, so that what
the machine does over the minutes falls on all alike. Each is a process of its own, of normal priority.
"""

from __future__ import annotations

import argparse
import json
import shutil
import socket
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jetson_runtime.bench import client_ways, live, machine, report
from jetson_runtime.demo.children import Child
from jetson_runtime.stream.text import number, summary
from jetson_runtime.suit import config as configs
from jetson_runtime.suit.errors import SuitError
from jetson_runtime.suit.signals import RATE_HZ

BARE = "pyzmq"
CPLUSPLUS = "C++"
_SOURCES = Path(__file__).resolve().parents[2] / "clients" / "cpp"
_PROGRAM = "read_latency"
_ROUNDS, _SECONDS = 10, 4.0
_PATIENCE_S = 60.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `second-skin bench clients`."""
    add = parser.add_argument
    add("--rounds", type=report.count, default=_ROUNDS, metavar="N", help=f"how many ({_ROUNDS})")
    add(
        "--seconds",
        type=report.positive,
        default=_SECONDS,
        metavar="S",
        help=f"of each client in each round ({_SECONDS:.0f})",
    )
    report.add_engine(parser)
    report.add_bundle(parser)
    report.add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Measures, prints, and returns 0; SuitError: a service or a client that does not start."""
    about = machine.Machine()
    with live.emulated_suit(options.bundle) as suit:
        receiver = f"127.0.0.1:{live.free_port(socket.SOCK_DGRAM)}"
        config = suit.config("clients", model={"engine": options.engine}, output={"udp": [receiver]})
        latest = configs.load(config).output.latest[0]
        program, why_not = _build(suit.folder)
        ways = {name: _python(name, suit.endpoint, options.seconds) for name in client_ways.WAYS}
        ways["latest"] = _python("latest", latest, options.seconds)
        ways["udp"] = _python("udp", receiver, options.seconds)
        if program is not None:
            ways[CPLUSPLUS] = [str(program), suit.endpoint, str(round(options.seconds * RATE_HZ))]
        rounds: dict[str, list[list[int]]] = {name: [] for name in ways}
        with live.service(suit, config) as (child, client):
            live.first_frame(child, client, valid=True)
            client.close()
            for done in range(options.rounds):
                report.say(f"round {done + 1} of {options.rounds}")
                for name, words in ways.items():
                    rounds[name].append(_read(name, words, options.seconds, child))
    result = {
        "clients": {name: _pooled(rounds, name) for name in ways},
        "without_cplusplus": why_not,
        "rounds": options.rounds,
        "seconds": options.seconds,
        "machine": about.facts(),
    }
    report.put(result, _table(result), as_json=options.json)
    return 0


def _python(name: str, address: str, seconds: float) -> list[str]:
    return [sys.executable, "-m", "jetson_runtime.bench.client_ways", name, address, str(seconds)]


def _read(name: str, words: Sequence[str], seconds: float, service: Child) -> list[int]:
    """What one client took for each frame, ns."""
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, timeout=2 * seconds + _PATIENCE_S, check=True
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        service.check()
        raise SuitError(f"the client {name} did not read the stream: {error}; {error.stderr!r}") from error
    found = json.loads(done.stdout) if words[0] == sys.executable else [*map(int, done.stdout.split())]
    if not found:
        raise SuitError(f"the client {name} heard no frame in {seconds:g} s")
    return [int(took_ns) for took_ns in found]


def _build(folder: Path) -> tuple[Path | None, str]:
    """The C++ client's reader, and why there is none."""
    source, compiler = _SOURCES / f"{_PROGRAM}.cpp", shutil.which("g++")
    if not source.is_file():
        return None, "the sources of the C++ client are not here (clients/cpp of the repository)"
    if compiler is None:
        return None, "g++ is not installed"
    program = folder / _PROGRAM
    words = [compiler, "-std=c++17", "-O2", str(source), "-o", str(program), "-lzmq"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        return None, f"the C++ client does not build: {done.stderr.strip().splitlines()[0]}"
    return program, ""


def _pooled(rounds: Mapping[str, Sequence[Sequence[int]]], name: str) -> dict[str, Any]:
    """Of all rounds of one client; ratio: its p99 over the bare subscriber's, and that of each round in the median."""
    told = summary([took_ns * 1e-3 for one in rounds[name] for took_ns in one])
    bare = summary([took_ns * 1e-3 for one in rounds[BARE] for took_ns in one])
    each = [_p99(mine) / _p99(bares) for mine, bares in zip(rounds[name], rounds[BARE], strict=True)]
    return {
        "latency_us": told,
        "frames": sum(map(len, rounds[name])),
        "ratio": {
            "p50": told["p50"] / bare["p50"],
            "p99": told["p99"] / bare["p99"],
            "p99_median_round": statistics.median(each),
        },
    }


def _p99(took_ns: Sequence[int]) -> float:
    return summary(list(map(float, took_ns)))["p99"]


def _table(result: Mapping[str, Any]) -> str:
    rows = [
        (
            name,
            str(of["frames"]),
            *(number(of["latency_us"][key], 0) for key in ("p50", "p99", "max")),
            *(number(of["ratio"][key], 2) for key in ("p50", "p99", "p99_median_round")),
        )
        for name, of in result["clients"].items()
    ]
    head = ("client", "frames", "p50 us", "p99 us", "worst us", "p50 ratio", "p99 ratio", "median round's")
    note = (
        f"{result['rounds']} rounds of {result['seconds']:g} s each; ratios to {BARE}; from publish_ns of a frame until"
        " its values are at hand; asyncio returns none older than 20 ms, so none counts"
    )
    missing = [f"no C++: {result['without_cplusplus']}"] if result["without_cplusplus"] else []
    return "\n".join([report.table(head, rows), note, *missing])
