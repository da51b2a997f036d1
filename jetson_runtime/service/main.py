"""`second-skin run`: wires the service together. The only file that starts threads or handles signals."""

from __future__ import annotations

import faulthandler
import logging
import os
import secrets
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from jetson_runtime.inference.live_angles import LiveAngles
from jetson_runtime.inference.pipeline import Pipeline, max_wait_ns
from jetson_runtime.service import model as models
from jetson_runtime.service import realtime
from jetson_runtime.service.arrivals import Arrivals
from jetson_runtime.service.bringup import BringUp, Claims
from jetson_runtime.service.commands import Commands
from jetson_runtime.service.defects import DefectLog
from jetson_runtime.service.faults import Fault, Problem
from jetson_runtime.service.hang import HangTeller
from jetson_runtime.service.health import Health
from jetson_runtime.service.keeper import Keeper, load_config
from jetson_runtime.service.lock import Lock
from jetson_runtime.service.model import Model
from jetson_runtime.service.notify import BEAT_PERIOD_NS, Heartbeat, Notifier, summary
from jetson_runtime.service.reactor import Lost, Reactor
from jetson_runtime.service.supply import Supply
from jetson_runtime.service.sync_input import SyncInput
from jetson_runtime.service.threads import Threads
from jetson_runtime.service.waiting import Inbox, Stop
from jetson_runtime.service.warm import WarmStart
from jetson_runtime.stream.publisher import Publisher
from jetson_runtime.suit.errors import SuitError
from jetson_runtime.suit.signals import STREAMS
from jetson_runtime.suit.state import Instant, StateFolder

# A service that does not stop in this time is left to the operating system.
_STOP_S = 1.5
_LOOK_PERIOD_NS = 1_000_000_000
_DIED = 1

_log = logging.getLogger("second-skin")


def run(config_path: Path, state: Path | None = None) -> int:
    """Runs the service until SIGTERM or SIGINT and returns 0, or 1 where one of its threads died.

    state: the folder for what outlives it; None: `state` beside the config.
    Raises SuitError for a config, a bundle or an address that cannot be used.
    """
    logging.basicConfig(format="%(name)s: %(message)s", level=logging.INFO)
    faulthandler.enable()  # beside `hang.py`: for what holds the interpreter, and for a crash
    notifier = Notifier(os.environ)
    try:
        folder = StateFolder.of(config_path, state)
        config, problems = load_config(config_path, folder)
        keeper = Keeper(folder, config, problems)
        service = Service(keeper, notifier)
        try:
            return service.run(lambda: None if problems else keeper.keep_config(config_path))
        finally:
            service.close()
    except SuitError as error:
        notifier.status(str(error))
        raise


class Service:
    """One session: its threads and what they share."""

    def __init__(self, keeper: Keeper, notifier: Notifier) -> None:
        self._keeper = keeper
        self._config = config = keeper.config
        self._notifier = notifier
        self._start_ns = time.monotonic_ns()
        self._session = secrets.token_hex(4)
        self._stop = Stop()
        self._lock: Lock | None = None
        # What the main thread wakes for: a lost device, or the exit status it is to stop with.
        self._events: Inbox[Lost | int] = Inbox()
        self._defects = DefectLog(_log)
        self._threads = Threads(config.realtime)
        self._arrivals = Arrivals()
        self._reactor: Reactor | None = None
        self._hello: dict[str, Any] = {}
        self._facts: dict[str, Any] = {}
        angles = LiveAngles(config, config.sides)
        self._commands = Commands(keeper, self._arrivals, angles, self._serials)
        self._publisher = self._commands.publisher = Publisher(
            config.output,
            self._session,
            config.sides,
            lambda: {**self._hello, **keeper.hello()},
            max_wait_ns(config.limits),
            self._commands.submit,
            angles,
            facts=lambda: {**self._facts, **self._worn_facts(angles)},
            security=config.security,
        )
        self._bring_ups = self._make_bring_ups()
        self._warm = WarmStart(config)

    def _worn_facts(self, angles: LiveAngles) -> dict[str, Any]:
        """What a recorder is told of the worn suit as it is now, not as it was at the start."""
        config = self._config.model_copy(update={"wearer": self._keeper.worn.wearer})
        tare = {part: kept.model_dump() for part, kept in angles.parts.items()}
        return {"config": config.model_dump_json(), "tare": tare, "record": self._keeper.wishes.told()}

    def run(self, works: Callable[[], None]) -> int:
        """From the first signal handler to the exit status. works: called once ticks have come of this config."""
        self._catch_signals()
        standing = self._prepare()
        self._lock = Lock(self._config.output.public)
        self._publisher.bind()
        held = self._warm.look()
        for index, (path, serial) in held.items():
            self._bring_ups[index].claim(path, serial)
        for index in self._bring_ups.keys() - held.keys():
            self._start_bring_up(index, None)
        model = models.load(self._config, self._notifier)
        health = self._start_ticking(model, standing + model.problems, frozenset(held))

        def keep() -> None:
            model.keep(self._config.model)
            works()

        self._threads.start("last good", keep)
        public = " ".join(self._publisher.addresses["public"])
        _log.info("session %s: %s, frames on %s", self._session, model, public)
        return self._watch(health)

    def close(self) -> None:
        """Stops every thread, then closes every port and socket; waits for none longer than a moment."""
        self._notifier.stopping()
        self._stop.set()
        self._commands.stop()
        if self._reactor is not None:
            self._reactor.stop()
        self._publisher.stop()
        self._threads.join(_STOP_S)
        if self._reactor is None:
            self._publisher.close()
        devices = [device for _, device in self._arrivals.take()]
        devices += self._reactor.devices.values() if self._reactor else []
        for device in devices:
            device.port.close()
        self._warm.holding.close()
        if self._lock is not None:
            self._lock.close()

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
        for problem in self._keeper.problems():
            _log.warning("%s", problem)
        return tuple(problems)

    def _start_bring_up(self, index: int, lost: Lost | None) -> None:
        bring_up = self._bring_ups[index]

        def body() -> None:
            if lost is not None:
                self._warm.holding.drop(index)
            device = bring_up.run(lost.device if lost else None)
            if device is not None:
                self._warm.holding.hold(index, device)
                self._arrivals.put(index, device)

        if lost is not None:
            bring_up.problem = bring_up.given_up = lost.problem
        self._threads.start(f"bring-up {bring_up.stream.name}", body)

    def _start_ticking(self, model: Model, standing: tuple[Problem, ...], held: frozenset[int]) -> Health:
        """Reactor and publisher; from here on a frame leaves every 5 ms."""
        self._hello, self._facts = model.hello(self._config), model.facts(self._config)
        self._commands.tell_tare()
        pipeline, reactor = self._make_reactor(model, held)
        realtime.freeze_garbage()
        self._threads.start("door", self._publisher.door.run)
        self._threads.start("publisher", self._publisher.run, realtime.PUBLISHER_RANK)
        self._threads.start("commands", self._commands.run)
        self._threads.start("standby line", lambda: self._warm.holding.run(self._stop))
        self._threads.start("reactor", reactor.run, realtime.REACTOR_RANK, pinned=True)
        sync = None
        if self._config.sync is not None:
            sync = SyncInput(self._config.sync, self._publisher.tell_event, self._stop)
            self._threads.start("sync", sync.run)
        return Health(
            identity={
                "session": self._session,
                "engine": model.engine.name,
                "model": model.bundle.manifest.name,
            },
            pipeline=pipeline,
            reactor=reactor,
            publisher=self._publisher,
            bring_ups=self._bring_ups,
            standing=standing,
            keeper=self._keeper,
            supply=Supply(self._config.power),
            sync=sync,
            start_ns=self._start_ns,
            start=self._warm.told,
        )

    def _make_reactor(self, model: Model, held: frozenset[int]) -> tuple[Pipeline, Reactor]:
        """The reactor on a pipeline that goes on where the service before was, or on a new one."""
        publisher, resumed = self._publisher, self._warm.resume(model, self._keeper.worn)
        if resumed is None:
            model.engine.reset()
            pipeline = Pipeline(self._config, model.bundle.manifest, model.engine, model.confidence)
            pipeline.wear(self._keeper.worn)
        else:
            pipeline = resumed.pipeline
        self._reactor = reactor = Reactor(
            pipeline, self._arrivals, publisher.post, self._events.put, publisher.tap, self._warm.journal
        )
        if resumed is not None:
            publisher.remember(resumed.frames)
            for index, device in resumed.devices.items():
                self._bring_ups[index].resume(device)
            reactor.take_over(resumed.devices, resumed.frames)
        for index in held.difference(resumed.devices if resumed else ()):
            self._start_bring_up(index, None)
        return pipeline, reactor

    def _watch(self, health: Health) -> int:
        """Once a second the status, ten times systemd's watchdog, in between lost devices; until told to stop."""
        heartbeat = Heartbeat(self._notifier)
        self._threads.start("hang", HangTeller(lambda: heartbeat.fed_ns, self._stop).run)
        look_ns = beat_ns = time.monotonic_ns()
        while True:
            now_ns = time.monotonic_ns()
            if now_ns >= look_ns:
                look_ns = max(look_ns + _LOOK_PERIOD_NS, now_ns)
                self._tell(health, now_ns)
            if now_ns >= beat_ns:
                beat_ns = max(beat_ns + BEAT_PERIOD_NS, now_ns)
                heartbeat.beat(now_ns, self._publisher.last_publish_ns)
            event = self._events.get((beat_ns - time.monotonic_ns()) * 1e-9)
            if event is None:
                continue
            if isinstance(event, int):
                return event
            if event.defect is not None:
                self._defects.tell(event.problem.stream, event.defect)
            self._start_bring_up(event.index, event)

    def _tell(self, health: Health, now_ns: int) -> None:
        if self._look_at_tare():
            self._commands.tell_tare()
        status, news = health.look(now_ns)
        self._publisher.set_status(status)
        self._notifier.status(summary(status))
        for line in news:
            _log.info("%s", line)

    def _look_at_tare(self) -> bool:
        """Whether a part has another device than at the tare, or has it back."""
        newest = self._reactor.newest if self._reactor else None
        keeper = self._keeper
        return keeper.checks.look(keeper.state.tare, newest, self._serials(), Instant.now())

    def _serials(self) -> dict[str, str]:
        """Of the devices in use, by part."""
        devices = self._reactor.devices if self._reactor else {}
        return {STREAMS[index].part: device.info.serial for index, device in devices.items()}

    def _make_bring_ups(self) -> dict[int, BringUp]:
        claims = Claims()
        return {
            index: BringUp(stream, self._config, claims, self._stop, _log.debug, self._defects.tell)
            for index, stream in enumerate(STREAMS)
            if stream.name in self._config.streams
        }
