"""What one tick costs at each station, from the serial ports to the hand-over to the publisher, in microseconds.

Eight devices' bytes are written into pseudo-terminals at each grid time, and a millisecond later the service's own
parts are called one after the other, as the reactor calls them, with a clock reading between. Both legs are computed.

    python -m jetson_runtime.bench.stations BUNDLE ENGINE TICKS
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from jetson_runtime.bench import report, wires
from jetson_runtime.bench.wires import Wire
from jetson_runtime.inference import bundle, engines
from jetson_runtime.inference.engines.base import Engine
from jetson_runtime.inference.pipeline import Pipeline, max_wait_ns
from jetson_runtime.service import realtime
from jetson_runtime.service.bringup import Device
from jetson_runtime.stream import messages
from jetson_runtime.stream.publisher import Publisher
from jetson_runtime.stream.text import number, summary
from jetson_runtime.suit.config import Realtime, SuitConfig
from jetson_runtime.suit.output import OutputTable
from jetson_runtime.suit.signals import PERIOD_NS

_TICKS = 600
STATIONS = ("read", "parse", "clock", "align", "infer", "hand_over")


class _Timed:
    """An engine that remembers how long its last step took."""

    def __init__(self, engine: Engine) -> None:
        self.name, self.batch, self.precision, self.reset = (
            engine.name,
            engine.batch,
            engine.precision,
            engine.reset,
        )
        self.took_ns = 0
        self._step = engine.step

    def step(self, rows: npt.NDArray[np.float32], out: npt.NDArray[np.float32]) -> None:
        start_ns = time.perf_counter_ns()
        self._step(rows, out)
        self.took_ns = time.perf_counter_ns() - start_ns


def measure(path: Path, engine: str, ticks: int = _TICKS) -> dict[str, Any]:
    """p50, p99 and max of each station and of the `whole` in us, in a process of its own; whole_over_infer: of p50."""
    command = [sys.executable, "-m", "jetson_runtime.bench.stations", str(path), engine, str(ticks)]
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    result: dict[str, Any] = json.loads(said.splitlines()[-1])
    return result


def table(result: Mapping[str, Any]) -> str:
    """For people."""
    rows = [
        (name, *(number(result["us"][name][key], 0) for key in ("p50", "p99", "max")))
        for name in (*STATIONS, "whole")
    ]
    ratio = f"a whole tick is {number(result['whole_over_infer'], 2)} x its inference ({result['engine']}, both legs)"
    return report.table(("station, us a tick", "p50", "p99", "max"), rows) + "\n" + ratio


def _measure(path: Path, engine_name: str, ticks: int) -> dict[str, Any]:
    model = bundle.load(path)
    config = wires.suit_config(path)
    engine = _Timed(engines.create(engine_name, model, len(config.sides)))
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        publisher = _publisher(Path(folder), config, stack)
        suit = wires.make()
        for wire in suit:
            stack.callback(wire.close)
        pipeline = wires.attached(suit, config, model.manifest, engine)
        realtime.shorten_hand_over()
        realtime.freeze_garbage()
        realtime.enter_thread(Realtime(), realtime.REACTOR_RANK)
        passes = [_tick(sent, pipeline, engine, publisher) for sent in _sent(suit, ticks)]
    taken = np.array([one for one in passes[model.manifest.history :] if one is not None])
    us = {name: summary((taken[:, i] * 1e-3).tolist()) for i, name in enumerate(STATIONS)}
    us["whole"] = summary((taken.sum(axis=1) * 1e-3).tolist())
    return {
        "engine": engine.name,
        "us": us,
        "whole_over_infer": us["whole"]["p50"] / us["infer"]["p50"],
        "ticks": len(taken),
    }


def _sent(suit: list[Wire], ticks: int) -> Iterator[list[tuple[int, Device]]]:
    """For each grid time the devices whose bytes have come in, by stream index; DELAY_NS after that time."""
    first = time.monotonic_ns() // PERIOD_NS + 2
    for tick in range(first, first + ticks):
        _sleep_until(tick * PERIOD_NS)
        sent = []
        for i, wire in enumerate(suit):
            newest_ns = tick * PERIOD_NS // wire.period_ns * wire.period_ns
            if newest_ns > (tick - 1) * PERIOD_NS:
                wire.send(newest_ns)
                sent.append((i, wire.device))
        # The kernel carries the bytes over by a thread of its own.
        _sleep_until(tick * PERIOD_NS + wires.DELAY_NS)
        yield sent


def _sleep_until(time_ns: int) -> None:
    time.sleep(max(0, time_ns - time.monotonic_ns()) * 1e-9)


def _tick(
    sent: list[tuple[int, Device]], pipeline: Pipeline, engine: _Timed, publisher: Publisher
) -> tuple[int, ...] | None:
    """ns at each station, first all are read, then parsed; None where not exactly one tick was due."""
    clock = time.perf_counter_ns
    start = clock()
    waiting = [device.port.read() for _, device in sent]
    read = clock() - start
    parse = feed = 0
    for (i, device), (data, receive_ns) in zip(sent, waiting, strict=True):
        start = clock()
        samples = device.feed(data, receive_ns)
        parsed = clock()
        pipeline.feed(i, samples)
        feed += clock() - parsed
        parse += parsed - start
    before = pipeline.ticks
    start = clock()
    frame = pipeline.step(time.monotonic_ns())
    stepped = clock() - start
    if frame is None or pipeline.ticks != before + 1:
        return None
    start = clock()
    publisher.post(frame)
    return read, parse, feed, stepped - engine.took_ns, engine.took_ns, clock() - start


def _publisher(folder: Path, config: SuitConfig, stack: contextlib.ExitStack) -> Publisher:
    """The service's own, in its thread."""
    output = OutputTable(public=(f"ipc://{folder}/public",), latest=(f"ipc://{folder}/latest",))
    hello = messages.describe(
        model={"name": "", "sha256": ""}, engine="", precision="", sides=config.sides, body_mass_kg=None
    )
    publisher = Publisher(output, "bench", config.sides, lambda: hello, max_wait_ns(config.limits))
    publisher.bind()
    thread = threading.Thread(target=publisher.run)
    thread.start()
    stack.callback(thread.join)
    stack.callback(publisher.stop)
    return publisher


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_measure(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))) + "\n")
