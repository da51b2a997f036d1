"""`second-skin bench soak`: the service for as long as asked on an emulated suit that is not well.

One cable after the other is pulled and put back, random bytes come between the packets, and a client never reads. What
must hold is held to a limit each (`LIMITS`): the rate, missed ticks, and that memory, descriptors and threads do not
grow. What grows is the difference between the second quarter of the time and the last one.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import zmq

from jetson_runtime.bench import live, machine, report
from jetson_runtime.bench.load import Load
from jetson_runtime.client import FrameClient, ReceivedFrame
from jetson_runtime.demo.children import Child
from jetson_runtime.stream.text import number, summary
from jetson_runtime.suit.signals import RATE_HZ

_MINUTES = 60.0
_REPLUG_S = 30.0
_GARBAGE_EVERY = 50
_POLL_MS = 50.0
_LOOK_S = 1.0
_QUARTERS = 4


class Limit(NamedTuple):
    """A figure of the result, what it may be at the most, and in words what it is."""

    most: float
    unit: str
    summary: str


LIMITS = {
    "rate_error_percent": Limit(0.1, "%", "frames a second away from 200"),
    "missed_percent": Limit(0.1, "%", "ticks of which no frame was sent"),
    "rss_growth_percent": Limit(3.0, "%", "growth of the memory"),
    "descriptors_growth": Limit(0.0, "", "growth of the open descriptors"),
    "threads_growth": Limit(0.0, "", "growth of the threads"),
    "sessions": Limit(1.0, "", "sessions seen: more than one is a restart"),
    "non_finite": Limit(0.0, "", "valid frames with a value that is no number"),
}


class Look(NamedTuple):
    """The process and its frames, once a second."""

    rss_mb: float
    descriptors: int
    threads: int
    age_p99_ms: float


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `second-skin bench soak`."""
    add = parser.add_argument
    add("--minutes", type=report.positive, default=_MINUTES, metavar="M", help=f"how long ({_MINUTES:.0f})")
    add(
        "--replug-every",
        type=report.positive,
        default=_REPLUG_S,
        metavar="S",
        help=f"seconds between two cables that are pulled ({_REPLUG_S:.0f})",
    )
    report.add_engine(parser)
    report.add_bundle(parser)
    report.add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Soaks, prints, and returns 0, or 1 where a limit was not kept."""
    about = machine.Machine()
    words = ("--replug-every", str(options.replug_every), "--garbage-every", str(_GARBAGE_EVERY))
    with live.emulated_suit(options.bundle, *words) as suit:
        path = suit.config("soak", model={"engine": options.engine})
        with live.service(suit, path) as (child, client), _stalled_client(suit.endpoint):
            live.first_frame(child, client, valid=True)
            seconds = 60.0 * options.minutes
            with Load("sleeper", str(seconds)) as sleeper:
                figures = _soak(child, client, seconds)
                figures["machine_floor"] = sleeper.result()
    broken = [name for name, limit in LIMITS.items() if not figures[name] <= limit.most]
    result = {
        **figures,
        "minutes": options.minutes,
        "replug_every_s": options.replug_every,
        "broken": broken,
        "machine": about.facts(),
    }
    report.put(result, _table(result), as_json=options.json)
    return 1 if broken else 0


@contextlib.contextmanager
def _stalled_client(endpoint: str) -> Iterator[None]:
    """It subscribes to all and never reads."""
    with zmq.Context() as context:
        socket = context.socket(zmq.SUB)
        socket.linger = 0
        socket.rcvhwm = 1
        socket.subscribe("")
        socket.connect(endpoint)
        try:
            yield
        finally:
            socket.close()


def _soak(child: Child, client: FrameClient, seconds: float) -> dict[str, Any]:
    looks: list[Look] = []
    ages_ms: list[float] = []
    frames = valid = non_finite = 0
    states: dict[str, int] = {}
    sessions = {client.session}
    missed_before = (client.status or {}).get("missed_ticks", 0)
    start = look_s = time.monotonic()
    first = last = None
    while time.monotonic() < start + seconds:
        for frame in client.recv_all(_POLL_MS):
            first, last = first or frame, frame
            frames += 1
            valid += frame.valid
            non_finite += frame.valid and not _is_finite(frame)
            states[frame.state] = states.get(frame.state, 0) + 1
            ages_ms.append(frame.age_ms)
        if time.monotonic() >= look_s + _LOOK_S and ages_ms:
            look_s += _LOOK_S
            child.check()
            sessions.add(client.session)
            looks.append(_look(child.pid, ages_ms))
            ages_ms.clear()
    status = client.status or {}
    ticks = last.seq - first.seq + 1 if first and last else 0
    missed = status.get("missed_ticks", 0) - missed_before
    return {
        "frames": frames,
        "rate_error_percent": abs(100.0 * ticks / max(1.0, (time.monotonic() - start) * RATE_HZ) - 100.0),
        "missed_percent": 100.0 * missed / max(1, ticks),
        "client_missed": client.missed,
        "valid_percent": 100.0 * valid / max(1, frames),
        "states": states,
        "sessions": len(sessions),
        "non_finite": non_finite,
        "late_ticks": status.get("late_ticks"),
        "dropped": status.get("publisher", {}).get("dropped"),
        "lateness_ms": status.get("lateness_ms"),
        **_growth(looks),
    }


def _look(pid: int, ages_ms: Sequence[float]) -> Look:
    return Look(machine.rss_mb(pid), machine.descriptors(pid), machine.threads(pid), summary(ages_ms)["p99"])


def _growth(looks: Sequence[Look]) -> dict[str, float]:
    """From the second quarter, when all has been in use once, to the last one."""
    part = max(1, len(looks) // _QUARTERS)
    early, late = looks[part : 2 * part] or looks, looks[-part:]

    def middle(part: Sequence[Look], figure: str) -> float:
        return float(statistics.median(getattr(look, figure) for look in part))

    def most(part: Sequence[Look], figure: str) -> int:
        return int(max(getattr(look, figure) for look in part))

    rss = middle(early, "rss_mb")
    return {
        "rss_mb": middle(late, "rss_mb"),
        "rss_growth_percent": 100.0 * (middle(late, "rss_mb") - rss) / max(1.0, rss),
        "descriptors": most(late, "descriptors"),
        "descriptors_growth": most(late, "descriptors") - most(early, "descriptors"),
        "threads": most(late, "threads"),
        "threads_growth": most(late, "threads") - most(early, "threads"),
        "age_p99_ms": middle(late, "age_p99_ms"),
        "age_p99_growth_ms": middle(late, "age_p99_ms") - middle(early, "age_p99_ms"),
    }


def _is_finite(frame: ReceivedFrame) -> bool:
    return all(value - value == 0.0 for value in (*frame.angle.values(), *frame.moment.values()))


def _table(result: Mapping[str, Any]) -> str:
    rows = [
        (
            limit.summary,
            f"{number(result[name], 3)} {limit.unit}".strip(),
            f"{limit.most:g} {limit.unit}".strip(),
            "broken" if name in result["broken"] else "kept",
        )
        for name, limit in LIMITS.items()
    ]
    notes = (
        f"{result['minutes']:g} minutes, {result['frames']} frames, {number(result['valid_percent'])} % valid,"
        f" a cable out every {result['replug_every_s']:g} s; memory {number(result['rss_mb'])} MB,"
        f" {result['descriptors']} descriptors, {result['threads']} threads, age p99 {number(result['age_p99_ms'])} ms"
        f" ({result['age_p99_growth_ms']:+.2f}), client missed {result['client_missed']}; of as many deadlines of 5 ms"
        f" a bare thread of the highest priority missed {result['machine_floor']['late']} on this machine"
    )
    return f"{report.table(('', 'seen', 'at the most', ''), rows)}\n{notes}"
