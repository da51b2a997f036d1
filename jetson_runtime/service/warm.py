"""A warm restart: the pipeline goes on where that of the service before was, on every byte that came since.

To the pipeline the time without a service is a stall: all bytes are there with the times at which they came, read by
`second-skin standby`. Whether frames are valid is judged by the same freshness of the same streams as always, so that
a byte that is missing after all makes a gap, and never a frame.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from drivers.errors import DriverError
from drivers.microstrain.imu import BaseRates, Imu, ImuInfo
from drivers.microstrain.reader import ImuReader
from drivers.serial_port import SerialPort
from drivers.xsensor.insole import Insole
from drivers.xsensor.reader import InsoleReader
from jetson_runtime.inference.frame import Frame
from jetson_runtime.inference.pipeline import Pipeline
from jetson_runtime.recording import build
from jetson_runtime.recording.replay import Replay
from jetson_runtime.service.bringup import Device
from jetson_runtime.service.holding import Holding
from jetson_runtime.service.journal import READ, Journal, JournalError, Past, Record, load
from jetson_runtime.service.model import Model
from jetson_runtime.service.standby import HOLD_NS, WOKE
from jetson_runtime.service.standby_link import NO_ANSWER, Legacy, Reads, StandbyLink
from jetson_runtime.stream import tap
from jetson_runtime.stream.frame_writer import MEMORY_FRAMES
from jetson_runtime.suit.config import SuitConfig
from jetson_runtime.suit.signals import PERIOD_NS, STREAMS
from jetson_runtime.suit.state import BOOT_ID, Worn, plain

# Before the network's history: what was sensed earlier than the first bytes is missing from the first rows.
_MORE_TICKS = 50
# What is read while a tenth of a second is followed: the rest may wait in the kernel's buffers.
_NEARLY = 200
_PEEKS = 10

_log = logging.getLogger("second-skin")


class Resumed(NamedTuple):
    """A pipeline that is where an uninterrupted one would be, and the devices whose bytes it goes on with.

    frames: the newest ones. lost: streams whose port went away meanwhile.
    """

    pipeline: Pipeline
    devices: dict[int, Device]
    frames: list[Frame]
    lost: list[int]


class WarmStart:
    """The service's start beside the standby process; without [standby] all of it does nothing.

    told: how this start went, for the status; None without [standby]. holding: what it holds from now on.
    """

    def __init__(self, config: SuitConfig) -> None:
        self.journal: Journal | None = None
        self.told: dict[str, Any] | None = None
        self.holding = Holding(config.standby.socket)
        self._config = config
        self._legacy: Legacy | None = None

    def look(self) -> dict[int, tuple[str, str]]:
        """Finds the standby process; path and serial number of each device that it holds, which nobody else can open,
        by the streams of this config."""
        if not self.holding.look():
            if self._config.standby.socket is not None:
                self.told = {"warm": False, "text": f"cold: {NO_ANSWER}"}  # `holding` has logged why
            return {}
        assert self.holding.link is not None
        self._legacy = self.holding.link.legacy
        if self._legacy is None:
            self._tell_cold("no service ran before this one, or it ended in order")
            return {}
        return {
            index: (facts["path"], facts["serial"])
            for index, facts in self._legacy.held.items()
            if STREAMS[index].name in self._config.streams
        }

    def resume(self, model: Model, worn: Worn) -> Resumed | None:
        """What the service before left, computed up to now; None, and why not is told, where it cannot be gone on from.

        Either way nothing is held by the standby process afterwards but what is this service's: its own journal begins.
        """
        if self._config.standby.socket is None:
            return None
        resumed = self._try(self.holding.link, model, worn)
        for index, device in (resumed.devices if resumed else {}).items():
            self.holding.hold(index, device)
        self.journal = Journal()
        self.holding.begin(self._identity(model), self.journal.descriptor)
        return resumed

    def _try(self, link: StandbyLink | None, model: Model, worn: Worn) -> Resumed | None:
        legacy, self._legacy = self._legacy, None
        if link is None or legacy is None:
            return None
        try:
            ticks = model.bundle.manifest.history + _MORE_TICKS
            past = load(legacy.journal, time.monotonic_ns() - ticks * PERIOD_NS)
            self._check(legacy, past, model, worn)
            resumed = Resumption(self._config, model, link, legacy).run(past)
        except (JournalError, DriverError) as error:
            link.leave()
            self._tell_cold(str(error))
            return None
        finally:
            legacy.close()
        gap_s = (time.monotonic_ns() - _last_ns(past)) * 1e-9
        state = resumed.frames[-1].state if resumed.frames else "waiting"
        text = f"warm: went on from the service before after {gap_s:.1f} s, {len(resumed.devices)} devices, {state}"
        self.told = {"warm": True, "text": text}
        _log.info("%s", text)
        return resumed

    def _check(self, legacy: Legacy, past: Past, model: Model, worn: Worn) -> None:
        here = self._identity(model)
        for name, what in here.items():
            if legacy.identity.get(name) != what:
                raise JournalError(f"another {name} than the service before had")
        if past.state["worn"] != plain(worn):
            raise JournalError("another wearer or insole zero than the service before had")
        serials = {device["index"]: device["serial"] for device in past.state["devices"]}
        for index, facts in legacy.held.items():
            if serials.get(index) != facts["serial"]:
                raise JournalError("other devices than in the journal")
        if set(serials) != set(legacy.held):
            raise JournalError("a device of the journal is not held any more")

    def _identity(self, model: Model) -> dict[str, Any]:
        config = self._config.model_copy(update={"wearer": None}).model_dump_json()
        return {
            "boot of the machine": BOOT_ID.read_text().strip(),
            "model": model.bundle.manifest.sha256,
            "config": hashlib.sha256(config.encode()).hexdigest(),
            "version of the program": build.fingerprint(),
        }

    def _tell_cold(self, why: str) -> None:
        self.told = {"warm": False, "text": f"cold: {why}"}
        _log.info("cold start: %s", why)


class Resumption:
    """One try, from the journal to the newest byte."""

    def __init__(self, config: SuitConfig, model: Model, link: StandbyLink, legacy: Legacy) -> None:
        self._link = link
        self._legacy = legacy
        self._devices: dict[int, Device] = {}
        self._left: list[int] = []
        self._frames: deque[Frame] = deque(maxlen=MEMORY_FRAMES)
        self._replay = Replay(config, model.bundle, model.engine, reader_of=self._device)

    def run(self, past: Past) -> Resumed:
        """JournalError, DriverError: it cannot be gone on from; every port is closed again."""
        try:
            return self._run(past)
        except BaseException:
            for device in self._devices.values():
                device.port.close()
            raise

    def _run(self, past: Past) -> Resumed:
        waiting = self._follow_journal(past)
        pipeline = self._replay.pipeline
        if pipeline is None:
            raise JournalError("the journal tells of no tick")
        self._follow_reads([(record.stream, record.data, record.ns) for record in waiting])
        for _ in range(_PEEKS):
            if self._follow_standby(self._link.peek()) < _NEARLY:
                break
        self._follow_standby(self._link.take())
        lost = sorted(set(self._devices).difference(self._left))
        for index in lost:
            pipeline.detach(index)
            self._devices.pop(index).port.close()
        return Resumed(pipeline, self._devices, list(self._frames), lost)

    def _follow_standby(self, got: Reads | None) -> int:
        """How much there was to follow."""
        if got is None:
            raise JournalError(NO_ANSWER)
        if set(got.held) | set(got.lost) != set(self._devices):
            raise JournalError(f"the standby process let devices go, {HOLD_NS * 1e-9:.0f} s after the kill")
        self._follow_reads(got.reads)
        self._left = got.held
        return len(got.reads)

    def _follow_journal(self, past: Past) -> list[Record]:
        """All up to the last wake-up; what was read after it."""
        waiting: list[Record] = []
        self._events([(tap.STATE, past.state)])
        order = [device["index"] for device in past.state["devices"]]
        for record in past.records:
            if record.kind == READ:
                waiting.append(record)
                continue
            self._events((*_in_turn(waiting, order), (tap.WAKE, record.ns)))
            waiting = []
        return waiting

    def _follow_reads(self, reads: Iterable[tuple[int, bytes, int]]) -> None:
        for index, data, ns in reads:
            self._events([(tap.WAKE, ns) if index == WOKE else (tap.READ, index, [(data, ns)])])

    def _events(self, events: Iterable[tuple[Any, ...]]) -> None:
        self._frames.extend(self._replay.frames(events))

    def _device(self, index: int, reader: Mapping[str, Any]) -> Device:
        device = _open(self._legacy.held[index], self._legacy.ports[index], reader)
        self._devices[index] = device
        return device


def _in_turn(records: list[Record], order: list[int]) -> Iterator[tuple[Any, ...]]:
    """A read event for each stream, as the reactor parses them."""
    for index in order:
        reads = [(record.data, record.ns) for record in records if record.stream == index]
        if reads:
            yield (tap.READ, index, reads)


def _last_ns(past: Past) -> int:
    return past.records[-1].ns if past.records else 0


def _open(facts: Mapping[str, Any], descriptor: int, reader: Mapping[str, Any]) -> Device:
    port = SerialPort(facts["path"], facts["baud"], kept=descriptor)
    if "rates" not in facts:
        return Insole(port, InsoleReader.from_facts(reader))
    info, rates = ImuInfo(*facts["info"]), BaseRates(*facts["rates"])
    return Imu(port, info, rates, ImuReader.from_facts(reader), tuple(facts["notes"]))
