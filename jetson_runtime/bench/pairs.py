"""Stretches of one running service, in pairs: with something beside it and without. For benchmarks that compare two."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from jetson_runtime.bench import machine, report
from jetson_runtime.bench.load import Load
from jetson_runtime.client import FrameClient, ReceivedFrame
from jetson_runtime.demo.children import Child
from jetson_runtime.stream.text import number, summary

SIDES = ("off", "on")
COMPARED = ("lateness_ms", "age_ms")
_SHARE = "_cpu_percent"
_SETTLE_S = 1.0
_POLL_MS = 20.0


def in_turn(count: int) -> Iterator[str]:
    """The side of each stretch of `count` pairs, which says so; which of a pair comes first alternates."""
    for pair in range(count):
        report.say(f"pair {pair + 1} of {count}")
        yield from SIDES if pair % 2 == 0 else reversed(SIDES)


def stretch(
    child: Child, client: FrameClient, beside: Mapping[str, Child], seconds: float, wait_ns: int
) -> dict[str, Any]:
    """Every frame of `seconds`, once what came before has settled. beside: whose processor time is told, by name."""
    pids = {"service": child.pid, **{name: one.pid for name, one in beside.items()}}
    end_s = time.monotonic() + _SETTLE_S
    while time.monotonic() < end_s:
        client.recv_all(_POLL_MS)
    missed, start_s = client.missed, time.monotonic()
    cpu_s = {name: machine.cpu_s(pid) for name, pid in pids.items()}
    frames: list[ReceivedFrame] = []
    with Load("sleeper", str(seconds)) as sleeper:
        while time.monotonic() < start_s + seconds:
            frames += client.recv_all(_POLL_MS)
            child.check()
        took_s = time.monotonic() - start_s
        cpu = {name: 100.0 * (machine.cpu_s(pid) - cpu_s[name]) / took_s for name, pid in pids.items()}
        floor = sleeper.result()
    ages_ms = [frame.age_ms for frame in frames]
    return {
        "age_ms": ages_ms,
        "lateness_ms": [max(0.0, age_ms - wait_ns * 1e-6) for age_ms in ages_ms],
        "missed": client.missed - missed,
        "machine_late": floor["late"],
        **{f"{name}{_SHARE}": share for name, share in cpu.items()},
    }


def result(stretches: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, Any]:
    """`sides`: what the stretches of each tell; `ratio`, `pair_ratio` (the median): p99 with over p99 without."""
    shares = {key for side in SIDES for one in stretches[side] for key in one if key.endswith(_SHARE)}
    sides = {side: _pooled(stretches[side], sorted(shares)) for side in SIDES}
    return {
        "sides": sides,
        "ratio": {name: _ratio(sides, name) for name in COMPARED},
        "pair_ratio": {name: _pair_ratio(stretches, name) for name in COMPARED},
    }


def table(name: str, result: Mapping[str, Any]) -> str:
    """A row for each side of `name`, and below them the ratios; of `result` with `pairs` and `seconds` beside it."""
    shares = [key for key in result["sides"]["on"] if key.endswith(_SHARE)]
    rows = [
        (
            f"{name} {side}",
            number(told["frames"], 0),
            str(told["missed"]),
            *("/".join(number(told[one][key], 2) for key in ("p50", "p99", "max")) for one in COMPARED),
            *(number(told[key]) for key in shares),
            str(told["machine_late"]),
        )
        for side, told in result["sides"].items()
    ]
    columns = (f"{key.removesuffix(_SHARE)} CPU %" for key in shares)
    head = ("", "frames", "missed", "lateness p50/p99/max ms", "age ms", *columns, "machine")
    pooled, median = (
        " and ".join(number(result[of][one], 3) for one in COMPARED) for of in ("ratio", "pair_ratio")
    )
    notes = (
        f"{result['pairs']} pairs of {result['seconds']:g} s; p99 with over p99 without, lateness and age:"
        f" {pooled}, in the median pair {median}; machine: 5 ms"
        " deadlines that a bare thread of the highest priority missed by 5 ms"
    )
    return f"{report.table(head, rows)}\n{notes}"


def _pooled(stretches: Sequence[Mapping[str, Any]], shares: Sequence[str]) -> dict[str, Any]:
    """Of all stretches of one side."""
    return {
        **{name: summary([ms for s in stretches for ms in s[name]]) for name in ("age_ms", "lateness_ms")},
        "frames": sum(len(s["age_ms"]) for s in stretches),
        **{name: sum(s[name] for s in stretches) for name in ("missed", "machine_late")},
        **{name: sum(s.get(name, 0.0) for s in stretches) / len(stretches) for name in shares},
    }


def _ratio(sides: Mapping[str, Mapping[str, Any]], name: str) -> float | None:
    """p99 with it over p99 without; None where no frame was late enough to compare."""
    off, on = (float(sides[side][name]["p99"]) for side in SIDES)
    return on / off if off > 0.0 else None


def _pair_ratio(stretches: Mapping[str, Sequence[Mapping[str, Any]]], name: str) -> float | None:
    """The same of each pair, their median: what else the machine did in a few of them has no part in it."""
    pairs = zip(*(stretches[side] for side in SIDES), strict=True)
    p99 = [tuple(summary(one[name])["p99"] for one in pair) for pair in pairs]
    ratios = [on / off for off, on in p99 if off > 0.0]
    return statistics.median(ratios) if ratios else None
