"""The reactor with a true pipeline on emulated devices: what it adopts, gives back and counts."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from worn_suit import WornSuit, make_device, until

from drivers.emulator.bench import Bench
from drivers.emulator.pty_port import PtyPort
from drivers.emulator.xsensor import EmulatedInsole
from drivers.xsensor import codec
from jetson_runtime.inference import bundle as bundles
from jetson_runtime.inference import engines
from jetson_runtime.inference.frame import Frame
from jetson_runtime.inference.pipeline import Pipeline
from jetson_runtime.service.arrivals import Arrivals
from jetson_runtime.service.bringup import BringUp, Claims
from jetson_runtime.service.faults import Fault
from jetson_runtime.service.reactor import Lost, Reactor
from jetson_runtime.suit import config as configs
from jetson_runtime.suit.signals import CHANNEL_FILL, STREAM_INDEX, STREAMS
from jetson_runtime.timing.align import default_max_wait_ns

INDEX = STREAM_INDEX["insole_r"]


class NoModel:
    """An engine whose outcomes are zeros, and what a pipeline asks of its bundle."""

    name = "none"
    batch = 2
    history = 8
    fill = CHANNEL_FILL

    def step(self, rows: np.ndarray, out: np.ndarray) -> None:
        out[:] = 0.0

    def reset(self) -> None:
        """Nothing is remembered."""


class SteppableClock:
    """An insole's wire on which the device time can be held: `held_us`, None while it runs."""

    def __init__(self, device: EmulatedInsole) -> None:
        self.feed, self.next_ns = device.feed, device.next_ns
        self.held_us: int | None = None
        self._device = device

    def due(self, now_ns: int) -> list[bytes]:
        return [self._stamped(data) for data in self._device.due(now_ns)]

    def _stamped(self, data: bytes) -> bytes:
        (frame,) = codec.InsoleParser().feed(data, 0)
        if self.held_us is None or frame.type != codec.SAMPLE:
            return data
        return codec.build_frame(
            frame.type,
            frame.side,
            frame.body,
            flags=frame.flags,
            sequence=frame.sequence,
            device_us=self.held_us,
        )


class Running:
    """A reactor in a thread, with the right foot's insole brought up into it."""

    def __init__(self, folder: Path, bench: Bench) -> None:
        suit = WornSuit(folder, bench, ())
        config = configs.load(suit.write_config())
        self.bench = bench
        self.stall_s = 0.0
        self.lost: list[Lost] = []
        self.insole = make_device(STREAMS[INDEX])
        assert isinstance(self.insole, EmulatedInsole)
        self.wire = SteppableClock(self.insole)
        bench.add(PtyPort(suit.path("insole_r")), self.wire)
        self.pipeline = Pipeline(config, NoModel(), NoModel())
        arrivals = Arrivals()
        self.reactor = Reactor(self.pipeline, arrivals, self._post, self.lost.append)
        self._thread = threading.Thread(target=self.reactor.run, daemon=True)
        self._thread.start()
        ignore: Callable[..., None] = lambda *_: None  # noqa: E731
        device = BringUp(STREAMS[INDEX], config, Claims(), threading.Event(), ignore, ignore).run()
        assert device is not None
        self.device = device
        arrivals.put(INDEX, device)

    def stop(self) -> None:
        self.reactor.stop()
        self._thread.join()
        self.device.port.close()

    def _post(self, _frame: Frame) -> None:
        stall_s, self.stall_s = self.stall_s, 0.0
        time.sleep(stall_s)

    def rate_ok(self) -> bool:
        """Of the time since the last question."""
        self.pipeline.health(INDEX, time.monotonic_ns())
        time.sleep(0.5)
        return self.pipeline.health(INDEX, time.monotonic_ns()).rate_ok


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    with Bench() as bench:
        running = Running(tmp_path, bench)
        yield running
        running.stop()


def test_a_device_whose_clock_stands_still_is_given_back(running: Running) -> None:
    assert until(running.rate_ok)

    def hold() -> None:
        running.wire.held_us = 1_000_000

    running.bench.do(hold)
    assert until(lambda: running.lost)
    (lost,) = running.lost
    assert (lost.index, lost.device, lost.defect) == (INDEX, running.device, None)
    assert lost.problem.fault is Fault.SILENT
    assert running.device.counters()["refused"] == 0


def test_a_rate_that_changes_while_streaming_is_the_rate_from_then_on(running: Running) -> None:
    assert until(running.rate_ok)

    def slow_down() -> None:
        running.insole.feed(
            codec.build_frame(codec.COMMAND, codec.RIGHT, bytes((codec.OP_SET_RATE, 1)) + b"\x88\x13"),
            time.monotonic_ns(),
        )

    running.bench.do(slow_down)
    assert until(lambda: running.device.rate_hz == 50.0)
    assert until(running.rate_ok)
    assert running.lost == []


def test_the_lateness_of_ticks_that_are_stepped_through_counts_too(running: Running) -> None:
    """A stall of 0.1 s in the reactor's own thread."""
    assert until(lambda: running.reactor.lateness.ticks > 20)
    before = running.pipeline.late_ticks
    running.stall_s = 0.1
    assert until(lambda: running.pipeline.late_ticks >= before + 10)
    running.stop()
    lateness = running.reactor.lateness
    assert lateness.ticks == running.pipeline.ticks
    assert lateness.worst_ns > 50_000_000
    assert lateness.summary_ms()["p99"] > 10.0


class Punctual:
    """A reactor without devices from its very first tick on, with the shipped network."""

    def __init__(self, folder: Path, bench: Bench, ticks: int) -> None:
        config = configs.load(WornSuit(folder, bench, ()).write_config())
        bundle = bundles.load(config.model.bundle)
        engine = engines.create("numpy", bundle, len(config.sides))
        bundle.self_test(engine)
        self._late_ns: list[int] = []
        self._ticks = ticks
        self._pipeline = Pipeline(config, bundle.manifest, engine)
        self._reactor = Reactor(self._pipeline, Arrivals(), self._post, lambda _: None)

    def late_ns(self) -> list[int]:
        """After its deadline, of each of the first ticks."""
        self._reactor.run()
        return self._late_ns

    def _post(self, frame: Frame) -> None:
        deadline_ns = frame.t_ns + default_max_wait_ns("low_latency")
        self._late_ns.append(time.monotonic_ns() - deadline_ns)
        if len(self._late_ns) == self._ticks:
            self._reactor.stop()


def test_the_first_ticks_are_as_punctual_as_those_after_them(tmp_path: Path) -> None:
    """What start-up leaves to the first ticks would show there; a machine that stalls shows it in any of them."""

    def as_punctual() -> bool:
        with Bench() as bench:
            late_ns = Punctual(tmp_path, bench, 200).late_ns()
        usual_ns = np.median(late_ns[50:])
        return sum(ns > 2 * usual_ns for ns in late_ns[:50]) <= 10

    assert any(as_punctual() for _ in range(5))
