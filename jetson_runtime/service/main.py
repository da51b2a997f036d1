"""`second-skin run`: wires the service together. The only file that starts threads or handles signals."""

from __future__ import annotations

import logging
import secrets
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from queue import Empty, SimpleQueue
from types import FrameType
from typing import Any

from jetson_runtime.inference import bundle as bundles
from jetson_runtime.inference import engines
from jetson_runtime.inference.bundle import Bundle
from jetson_runtime.inference.engines.base import Engine, EngineOptions
from jetson_runtime.inference.pipeline import Pipeline, max_wait_ns
from jetson_runtime.service import realtime
from jetson_runtime.service.arrivals import Arrivals
from jetson_runtime.service.bringup import BringUp, Claims
from jetson_runtime.service.defects import DefectLog
from jetson_runtime.service.faults import Fault, Problem
from jetson_runtime.service.health import Health
from jetson_runtime.service.reactor import Lost, Reactor
from jetson_runtime.stream import messages
from jetson_runtime.stream.publisher import Publisher
from jetson_runtime.suit import config as configs
from jetson_runtime.suit.config import SuitConfig
from jetson_runtime.suit.signals import STREAMS

# A service that does not stop in this time is left to the operating system.
_STOP_S = 1.5
_LOOK_PERIOD_NS = 1_000_000_000
_DIED = 1

_log = logging.getLogger("second-skin")


def run(config_path: Path) -> int:
    """Runs the service until SIGTERM or SIGINT and returns 0, or 1 where one of its threads died.

    Raises SuitError for a config, a bundle or an address that cannot be used.
    """
    logging.basicConfig(format="%(name)s: %(message)s", level=logging.INFO)
    service = Service(configs.load(config_path))
    try:
        return service.run()
    finally:
        service.close()


class Service:
    """One session: its threads and what they share."""

    def __init__(self, config: SuitConfig) -> None:
        self._config = config
        self._start_ns = time.monotonic_ns()
        self._session = secrets.token_hex(4)
        self._stop = threading.Event()
        # What the main thread wakes for: a lost device, or the exit status it is to stop with.
        self._events: SimpleQueue[Lost | int] = SimpleQueue()
        self._defects = DefectLog(_log)
        self._threads: list[threading.Thread] = []
        self._arrivals = Arrivals()
        self._reactor: Reactor | None = None
        self._hello: dict[str, Any] = {}
        self._publisher = Publisher(
            config.output, self._session, config.sides, lambda: self._hello, max_wait_ns(config.limits)
        )
        self._bring_ups = self._make_bring_ups()

    def run(self) -> int:
        """From the first signal handler to the exit status."""
        self._catch_signals()
        standing = self._prepare()
        self._publisher.bind()
        for index in self._bring_ups:
            self._start_bring_up(index, None)
        bundle = bundles.load(self._config.model.bundle)
        model = self._config.model
        options = EngineOptions(model.precision, model.provider, model.cache)
        engine = engines.create(model.engine, bundle, len(self._config.sides), options)
        bundle.self_test(engine)
        health = self._start_ticking(bundle, engine, standing)
        public = " ".join(self._publisher.addresses["public"])
        _log.info(
            "session %s: model %s on %s in %s, frames on %s",
            self._session,
            bundle.manifest.name,
            engine.name,
            engine.precision,
            public,
        )
        return self._watch(health)

    def close(self) -> None:
        """Stops every thread, then closes every port and socket; waits for none longer than a moment."""
        self._stop.set()
        if self._reactor is not None:
            self._reactor.stop()
        self._publisher.stop()
        deadline_s = time.monotonic() + _STOP_S
        for thread in self._threads:
            thread.join(max(0.0, deadline_s - time.monotonic()))
        if self._reactor is None:
            self._publisher.close()
        devices = [device for _, device in self._arrivals.take()]
        devices += self._reactor.devices.values() if self._reactor else []
        for device in devices:
            device.port.close()

    def _catch_signals(self) -> None:
        def stop(_signal: int, _frame: FrameType | None) -> None:
            self._events.put(0)

        def died(details: threading.ExceptHookArgs) -> None:
            name = details.thread.name if details.thread else "a thread"
            _log.critical("%s died", name, exc_info=details.exc_value)
            self._events.put(_DIED)

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        threading.excepthook = died

    def _prepare(self) -> tuple[Problem, ...]:
        """The process's place on the machine; returns what will be wrong for as long as it runs."""
        realtime.shorten_hand_over()
        refused = realtime.enter_process(self._config.realtime)
        if refused.line():
            _log.warning("%s", refused.line())
        problems = []
        if refused.scheduling:
            problems.append(Problem(Fault.SCHEDULING, f"not permitted: {refused.scheduling}"))
        if self._config.wearer is None:
            problem = Problem(Fault.NO_WEARER, "no wearer is set: frames are never valid")
            _log.warning("%s; %s", problem.text, problem.remedy)
            problems.append(problem)
        return tuple(problems)

    def _start_bring_up(self, index: int, lost: Lost | None) -> None:
        bring_up = self._bring_ups[index]

        def body() -> None:
            device = bring_up.run(lost.device if lost else None)
            if device is not None:
                self._arrivals.put(index, device)

        if lost is not None:
            bring_up.problem = lost.problem
        self._start_thread(f"bring-up {bring_up.stream.name}", body)

    def _start_ticking(self, bundle: Bundle, engine: Engine, standing: tuple[Problem, ...]) -> Health:
        """Reactor and publisher; from here on a frame leaves every 5 ms."""
        wearer, manifest, confidence = self._config.wearer, bundle.manifest, bundle.confidence()
        self._hello = messages.describe(
            model={"name": manifest.name, "sha256": manifest.sha256},
            engine=engine.name,
            precision=engine.precision,
            sides=self._config.sides,
            body_mass_kg=wearer.mass_kg if wearer else None,
            coverage=float(confidence.coverage) if confidence else None,
        )
        pipeline = Pipeline(self._config, manifest, engine, confidence)
        reactor = Reactor(pipeline, self._arrivals, self._publisher.post, self._events.put)
        self._reactor = reactor
        realtime.freeze_garbage()
        self._start_thread("publisher", self._publisher.run, realtime.PUBLISHER_RANK)
        self._start_thread("reactor", reactor.run, realtime.REACTOR_RANK, pinned=True)
        return Health(
            identity={"session": self._session, "engine": engine.name, "model": manifest.name},
            pipeline=pipeline,
            reactor=reactor,
            publisher=self._publisher,
            bring_ups=self._bring_ups,
            standing=standing,
            start_ns=self._start_ns,
        )

    def _watch(self, health: Health) -> int:
        """Once a second the status, in between lost devices; until told to stop."""
        look_ns = time.monotonic_ns()
        while True:
            now_ns = time.monotonic_ns()
            if now_ns >= look_ns:
                look_ns = max(look_ns + _LOOK_PERIOD_NS, now_ns)
                status, news = health.look(now_ns)
                self._publisher.set_status(status)
                for line in news:
                    _log.info("%s", line)
            try:
                event = self._events.get(timeout=max(0.0, (look_ns - time.monotonic_ns()) * 1e-9))
            except Empty:
                continue
            if isinstance(event, int):
                return event
            if event.defect is not None:
                self._defects.tell(event.problem.stream, event.defect)
            self._start_bring_up(event.index, event)

    def _start_thread(
        self, name: str, body: Callable[[], None], rank: int = realtime.OTHER_RANK, *, pinned: bool = False
    ) -> None:
        def entered() -> None:
            realtime.enter_thread(self._config.realtime, rank)
            if pinned:
                realtime.pin_thread(self._config.realtime)
            body()

        thread = threading.Thread(target=entered, name=name, daemon=True)
        self._threads = [known for known in self._threads if known.is_alive()]
        self._threads.append(thread)
        thread.start()

    def _make_bring_ups(self) -> dict[int, BringUp]:
        claims = Claims()
        return {
            index: BringUp(stream, self._config, claims, self._stop, _log.debug, self._defects.tell)
            for index, stream in enumerate(STREAMS)
            if stream.name in self._config.streams
        }
