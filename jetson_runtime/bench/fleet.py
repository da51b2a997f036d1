"""`second-skin bench fleet`: many suits into one NATS server that is killed on the way: what of it is there then.

Each suit is a process that publishes over ZeroMQ, and each has a bridge of its own, the real one. `--real` of them are
the whole: emulated devices, the service with its network. The others are light (`fleet_suit.py`): the service's encoder
on synthetic numbers.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from jetson_runtime.bench import live, machine, report
from jetson_runtime.bench.fleet_count import SITE, Counted, count, newest_number, still_missing
from jetson_runtime.demo.children import Child
from jetson_runtime.suit.errors import EndpointError, SuitError

_SUITS, _MINUTES, _REAL, _AWAY_S = 20, 5.0, 1, 10.0
# For what has waited to reach the server, on a machine that is too busy for it.
_PATIENCE_S = 1200.0
_LOOK_S = 1.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `second-skin bench fleet`."""
    add = parser.add_argument
    add("--suits", type=report.count, default=_SUITS, metavar="N", help=f"how many ({_SUITS})")
    add("--minutes", type=report.positive, default=_MINUTES, metavar="M", help=f"how long ({_MINUTES:g})")
    add(
        "--real",
        type=int,
        default=_REAL,
        metavar="N",
        help=f"of them with devices, service and network: 0 or 1 ({_REAL})",
    )
    add(
        "--away",
        type=report.positive,
        default=_AWAY_S,
        metavar="S",
        help=f"of the killed server ({_AWAY_S:g})",
    )
    report.add_engine(parser)
    report.add_bundle(parser)
    report.add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Measures, prints; 0 where every batch is there once and in order, else 1. SuitError: it cannot be run."""
    if shutil.which("nats-server") is None:
        raise SuitError("needs nats-server: apt install nats-server")
    about = machine.Machine()
    with tempfile.TemporaryDirectory(prefix="fleet-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        server = stack.enter_context(_Server(folder / "nats"))
        real = _real_suit(stack, options) if options.real else None
        light = [f"light-{i:02d}" for i in range(options.suits - bool(real))]
        suits = [stack.enter_context(_LightSuit(folder, suit, 60.0 * options.minutes)) for suit in light]
        bridges = [stack.enter_context(_bridge(folder, one.name, one.address, server.url)) for one in suits]
        if real:
            bridges.append(stack.enter_context(_bridge(folder, "real", real, server.url)))
        cpu_s = _through(server, suits, bridges, options)
        sent = {one.name: one.sent() for one in suits}
        _wait_for_all(server, {name: told["frames"] for name, told in sent.items()}, bridges)
        for bridge in bridges:
            bridge.stop()
        counted = asyncio.run(
            count(server.url, {one: sent.get(one) for one in (*light, *(["real"] if real else []))})
        )
        for one in counted:
            one.lost = newest_number(folder / one.suit) - one.batches + one.twice
        size_mb = sum(path.stat().st_size for path in (folder / "nats").rglob("*") if path.is_file()) / 1e6
    whole = all(one.whole for one in counted)
    result = {
        "suits": [{**asdict(one), "whole": one.whole} for one in counted],
        "whole": whole,
        "minutes": options.minutes,
        "away_s": options.away,
        "server_mb": size_mb,
        "bridge_cpu_percent": cpu_s,
        "latest_s": max((told["latest_s"] for told in sent.values()), default=0.0),
        "machine": about.facts(),
    }
    report.put(result, _table(result, counted), as_json=options.json)
    return 0 if whole else 1


class _Server:
    """nats-server on a free port, its files in `folder`."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = int(probe.getsockname()[1])
        folder.mkdir()
        words = [
            "-js",
            "-sd",
            str(folder),
            "-a",
            "127.0.0.1",
            "-p",
            str(self._port),
            "-l",
            str(folder / "log"),
        ]
        self._command = ["nats-server", *words]
        self._process = subprocess.Popen(self._command)

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self._port}"

    def __enter__(self) -> _Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def kill(self) -> None:
        """SIGKILL."""
        self._process.kill()
        self._process.wait()

    def start(self) -> None:
        self._process = subprocess.Popen(self._command)


class _LightSuit:
    """A process of `fleet_suit.py`; it ends by itself."""

    def __init__(self, folder: Path, name: str, seconds: float) -> None:
        self.name = name
        self.address = f"ipc://{folder / name}.zmq"
        words = [self.address, name, str(seconds)]
        command = [sys.executable, "-m", "jetson_runtime.bench.fleet_suit", *words]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None

    def sent(self) -> dict[str, Any]:
        """What it says at its end; SuitError where it says nothing."""
        try:
            said: dict[str, Any] = json.loads(self._process.communicate(timeout=_PATIENCE_S)[0])
        except (ValueError, subprocess.TimeoutExpired) as error:
            self._process.kill()
            raise SuitError(f"{self.name}: the light suit has failed") from error
        return said

    def __enter__(self) -> _LightSuit:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()


def _real_suit(stack: contextlib.ExitStack, options: argparse.Namespace) -> str:
    """The local address of a whole suit whose frames are valid."""
    suit = stack.enter_context(live.emulated_suit(options.bundle))
    config = suit.config("fleet", model={"engine": options.engine})
    child, client = stack.enter_context(live.service(suit, config))
    live.first_frame(child, client, valid=True)
    return suit.endpoint.removesuffix("public") + "local"


@contextlib.contextmanager
def _bridge(folder: Path, name: str, address: str, url: str) -> Iterator[Child]:
    store = folder / name
    words = ["--endpoint", address, "--server", url, "--site", SITE, "--suit", name, "--store", str(store)]
    with Child(["bridge", "nats", *words], folder / f"{name}.log") as child:
        yield child


def _through(
    server: _Server, suits: list[_LightSuit], bridges: list[Child], options: argparse.Namespace
) -> float:
    """Until the time is over and all light suits have ended; the bridges' processor time meanwhile, percent."""
    begun_s = time.monotonic()
    end_s, kill_s = begun_s + 60.0 * options.minutes, begun_s + 30.0 * options.minutes
    before = [machine.cpu_s(bridge.pid) for bridge in bridges]
    killed = False
    while time.monotonic() < end_s or not all(one.ended for one in suits):
        for bridge in bridges:
            bridge.check()
        if not killed and time.monotonic() > kill_s:
            report.say("the server is killed")
            server.kill()
            time.sleep(options.away)
            server.start()
            report.say("the server is back")
            killed = True
        if time.monotonic() > end_s + _PATIENCE_S:
            raise SuitError("the light suits do not end: the machine is too busy")
        time.sleep(_LOOK_S)
    used_s = sum(machine.cpu_s(bridge.pid) - s for bridge, s in zip(bridges, before, strict=True))
    return 100.0 * used_s / (time.monotonic() - begun_s) / len(bridges)


def _wait_for_all(server: _Server, frames: dict[str, int], bridges: list[Child]) -> None:
    """Until the server has the newest frame of each light suit, or patience is over."""
    end_s = time.monotonic() + _PATIENCE_S
    missing = frames
    while missing and time.monotonic() < end_s:
        for bridge in bridges:
            bridge.check()
        with contextlib.suppress(EndpointError):
            missing = asyncio.run(still_missing(server.url, missing))
        time.sleep(_LOOK_S)


def _table(result: dict[str, Any], counted: list[Counted]) -> str:
    head = (
        "suit",
        "batches",
        "lost",
        "twice",
        "disordered",
        "waited",
        "frames sent",
        "there",
        "absent",
        "not heard",
    )
    rows = [
        (
            one.suit,
            *(str(n) for n in (one.batches, one.lost, one.twice, one.disordered, one.waited)),
            "-" if one.sent is None else str(one.sent),
            *(str(n) for n in (one.frames, one.absent, one.told)),
        )
        for one in counted
    ]
    total = sum(one.batches for one in counted)
    good = total - sum(one.twice + one.disordered for one in counted)
    percent = 100.0 * good / max(1, total + sum(one.lost for one in counted))
    notes = (
        f"{len(counted)} suits, {result['minutes']:g} minutes, the server killed once and away for "
        f"{result['away_s']:g} s: {percent:.2f} % of {total} batches there once and in order\n"
        f"{result['server_mb']:.0f} MB on the server, {result['bridge_cpu_percent']:.1f} % of a processor for each "
        f"bridge; a light suit was late by {result['latest_s']:.1f} s at most"
    )
    return f"{report.table(head, rows)}\n{notes}"
