"""One way to compute a tick, measured in a process of its own: `python -m jetson_runtime.bench.worker NAME --bundle B`.

The process makes its way, tells that it is ready, and then obeys one order a line on stdin with one JSON line on
stdout, so that its parent can measure many ways in turns while their memory and processor time stay apart.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol, TextIO, get_args

import numpy as np
import numpy.typing as npt

from jetson_runtime.bench import machine
from jetson_runtime.bench.floor import Floor
from jetson_runtime.inference import bundle, engines
from jetson_runtime.inference.engines.base import EngineOptions
from jetson_runtime.service import realtime
from jetson_runtime.suit.config import Precision, Realtime
from jetson_runtime.suit.errors import SuitError
from jetson_runtime.suit.signals import OUTCOMES, PERIOD_NS

Array = npt.NDArray[np.float32]
FLOOR = "floor"
_FEWEST, _MOST = 3, 4000
# A way that reads a whole window is compared at every so many ticks: each costs it milliseconds.
_WINDOW_STRIDE = 24
# A comparison goes on for so long, and for more ticks than the longest convolution looks back.
_CHECK_S, _CHECK_TICKS = 2.0, 140


class Way(Protocol):
    """`step` computes one tick: rows (batch, 54), or (batch, window, 54) where window > 1 -> out (batch, 8)."""

    batch: int
    window: int

    def step(self, rows: Array, out: Array) -> None: ...


class EngineWay:
    """One of the engines that the config can name."""

    window = 1

    def __init__(self, name: str, path: Path, batch: int, options: EngineOptions) -> None:
        self.batch = batch
        self.step = engines.create(name, bundle.load(path), batch, options).step


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", choices=(FLOOR, *engines.NAMES))
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--legs", type=int, default=1)
    parser.add_argument("--precision", choices=get_args(Precision), default="fp32")
    parser.add_argument("--cache", type=Path, default=EngineOptions().cache)
    options = parser.parse_args()

    def make() -> Way:
        if options.name == FLOOR:
            return Floor(bundle.load(options.bundle), options.precision)
        settings = EngineOptions(precision=options.precision, cache=options.cache)
        return EngineWay(options.name, options.bundle, options.legs, settings)

    serve(make)


def serve(make: Callable[[], Way]) -> None:
    """Makes the way and obeys until stdin ends. A SuitError while making it is told as {"absent": reason}."""
    with _answers() as out:
        try:
            orders = _Orders(make())
        except SuitError as error:
            _tell(out, {"absent": str(error)})
            return
        _tell(out, {"ready": True})
        for line in sys.stdin:
            order = json.loads(line)
            _tell(out, getattr(orders, order.pop("do"))(**order))


class _Orders:
    """What a parent can ask for, by name; all times are ns, all files hold `rows` (n, 2, 54)."""

    def __init__(self, way: Way) -> None:
        self._way = way
        self._step: Callable[[], None] = lambda: None

    def check(self, file: str, sd: list[float]) -> dict[str, Any]:
        """The error against the file's `outcomes` (n, 2, 8)."""
        with np.load(file) as known:
            return {"max_abs_error": error_of(self._way, known["rows"], known["outcomes"], np.asarray(sd))}

    def settle(self, file: str) -> dict[str, Any]:
        """Takes the file's rows to time with; freezes the collector and goes SCHED_FIFO, as the service, if it may."""
        with np.load(file) as known:
            self._step = _stepper(self._way, known["rows"])
        realtime.shorten_hand_over()
        realtime.freeze_garbage()
        with contextlib.suppress(PermissionError):
            for thread in Path("/proc/self/task").iterdir():
                os.sched_setscheduler(int(thread.name), os.SCHED_FIFO, os.sched_param(Realtime().priority))
        return {"by": getattr(self._way, "by", "")}

    def hot(self, seconds: float) -> dict[str, Any]:
        return {"ns": hot(self._step, seconds)}

    def paced(self, seconds: float) -> dict[str, Any]:
        cpu_s, start_s = time.process_time(), time.monotonic()
        taken = paced(self._step, seconds)
        return {"ns": taken, "cpu_s": time.process_time() - cpu_s, "wall_s": time.monotonic() - start_s}

    def memory(self) -> dict[str, Any]:
        return {"rss_mb": machine.rss_mb(os.getpid())}


def error_of(way: Way, rows: Array, expected: npt.NDArray[np.float64], sd: npt.NDArray[np.float64]) -> float:
    """The greatest error in outcome SDs on rows (n, legs, 54) against expected (n, legs, 8); `way` is new.

    A stream is compared at every tick from the first, a window at some of the ticks that have one.
    """
    rows, expected = rows[:, : way.batch], expected[:, : way.batch]
    out = np.empty((way.batch, expected.shape[2]), np.float32)
    worst, end_s = 0.0, time.monotonic() + _CHECK_S
    for tick in range(way.window - 1, len(rows), 1 if way.window == 1 else _WINDOW_STRIDE):
        if tick >= _CHECK_TICKS and time.monotonic() > end_s:
            break
        given = rows[tick] if way.window == 1 else rows[tick + 1 - way.window : tick + 1].swapaxes(0, 1)
        way.step(np.ascontiguousarray(given), out)
        worst = max(worst, float(np.max(np.abs(out - expected[tick]) / sd)))
    return worst


def hot(step: Callable[[], None], seconds: float) -> list[int]:
    """ns of each call, back to back for `seconds`."""
    end_ns = time.perf_counter_ns() + round(seconds * 1e9)
    taken: list[int] = []
    while len(taken) < _FEWEST or (time.perf_counter_ns() < end_ns and len(taken) < _MOST):
        start_ns = time.perf_counter_ns()
        step()
        taken.append(time.perf_counter_ns() - start_ns)
    return taken


def paced(step: Callable[[], None], seconds: float) -> list[int]:
    """ns of each call, one every 5 ms after a sleep, as the service calls; after a longer one at the next grid time."""
    due_ns = time.monotonic_ns()
    end_ns = due_ns + round(seconds * 1e9)
    taken: list[int] = []
    while due_ns < end_ns:
        due_ns += PERIOD_NS * max(1, -(-(time.monotonic_ns() - due_ns) // PERIOD_NS))
        time.sleep(max(0, due_ns - time.monotonic_ns()) * 1e-9)
        start_ns = time.perf_counter_ns()
        step()
        taken.append(time.perf_counter_ns() - start_ns)
    return taken


def _stepper(way: Way, rows: Array) -> Callable[[], None]:
    """One tick after the other of `rows`, from the start again at their end; of a window always the last."""
    out = np.empty((way.batch, len(OUTCOMES)), np.float32)
    if way.window > 1:
        window = np.ascontiguousarray(rows[-way.window :, : way.batch].swapaxes(0, 1))
        return lambda: way.step(window, out)
    ticks = itertools.cycle([np.ascontiguousarray(row[: way.batch]) for row in rows])
    return lambda: way.step(next(ticks), out)


@contextlib.contextmanager
def _answers() -> Iterator[TextIO]:
    """The pipe to the parent; what libraries print goes to stderr instead."""
    with os.fdopen(os.dup(1), "w") as out:
        os.dup2(2, 1)
        yield out


def _tell(out: TextIO, answer: dict[str, Any]) -> None:
    out.write(json.dumps(answer) + "\n")
    out.flush()


if __name__ == "__main__":
    main()
