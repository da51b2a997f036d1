"""The one real-time thread: reads every open port, feeds the pipeline, computes each tick by its deadline.

Everything it touches it owns; others put devices into its `Arrivals` and are given lost ones back. It writes no log
and waits for nothing but bytes and the next deadline.
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from drivers.serial_port import MUCH
from jetson_runtime.inference.adopted import Adopted
from jetson_runtime.inference.frame import Frame
from jetson_runtime.inference.pipeline import Pipeline
from jetson_runtime.service import faults, realtime
from jetson_runtime.service.arrivals import Arrivals
from jetson_runtime.service.bringup import Device
from jetson_runtime.service.faults import Fault, Problem
from jetson_runtime.service.journal import Journal
from jetson_runtime.service.lateness import Lateness
from jetson_runtime.stream.tap import ATTACH, DETACH, READ, ROW, SKIPPED, WEAR, Tap
from jetson_runtime.suit.signals import PERIOD_NS, STREAMS
from jetson_runtime.suit.state import Worn, plain

# A configured device that sends no sample worth keeping for so long is brought up anew.
SILENT_NS = 1_000_000_000
_HOUSEKEEPING_NS = 500_000_000
# A tty holds less than 64 kB; a port that never falls silent must not stop the ticks.
_MOST_READS = 16
# Whole milliseconds are waited for in epoll, the rest in select.
_MS = 1_000_000
# Of a driver's counters: packets in order that give no sample all the same.
_REFUSALS = ("not_finite", "out_of_range", "without_time", "without_data", "refused")


@dataclass(frozen=True)
class Lost:
    """A device that the reactor gave up; its port is still open. defect: the error, where it is one of ours."""

    index: int
    device: Device
    problem: Problem
    defect: Exception | None = None


class _Slot:
    """One device in use, and what was read off its port."""

    def __init__(self, pipeline: Pipeline, index: int, device: Device, now_ns: int) -> None:
        self.index = index
        self.bit = 1 << index
        self.stream = STREAMS[index].name
        self.device = device
        self.adopted = Adopted(pipeline, index, device, now_ns)
        self.read = device.port.read
        self.waiting: list[tuple[bytes, int]] = []
        self.descriptor = device.port.fileno()


class Reactor:
    """`run` is the thread's body. `devices` and the counters may be read from any thread."""

    def __init__(
        self,
        pipeline: Pipeline,
        arrivals: Arrivals,
        post: Callable[[Frame], None],
        give_back: Callable[[Lost], None],
        tap: Tap | None = None,
        journal: Journal | None = None,
    ) -> None:
        """journal: where what a next service needs is written; None: nowhere."""
        self.lateness = Lateness()
        self.newest: Frame | None = None
        self._pipeline = pipeline
        self._post = post
        self._give_back = give_back
        self._tap = tap or Tap()
        self._journal = journal
        self._slots: dict[int, _Slot] = {}
        self._arrivals = arrivals
        self._unread = 0
        self._awaited = 0
        self._epoll = select.epoll()
        self._epoll.register(arrivals.fileno(), select.EPOLLIN)
        self._stopping = False

    @property
    def devices(self) -> dict[int, Device]:
        """The devices in use, by stream index."""
        return {slot.index: slot.device for slot in list(self._slots.values())}

    def take_over(self, devices: Mapping[int, Device], frames: Sequence[Frame]) -> None:
        """Before `run`: devices whose streams the pipeline goes on with, and the last frames that it computed."""
        for index, device in devices.items():
            slot = _Slot(self._pipeline, index, device, time.monotonic_ns())
            self._slots[slot.descriptor] = slot
            self._epoll.register(slot.descriptor, select.EPOLLIN)
        self.newest = frames[-1] if frames else None
        self._awaited = self._pipeline.awaited

    def stop(self) -> None:
        """Makes `run` return; from any thread."""
        self._stopping = True
        self._arrivals.wake()

    def run(self) -> None:
        """Reads and ticks until `stop`; ports stay open."""
        housekeeping_ns = time.monotonic_ns() + _HOUSEKEEPING_NS
        while not self._stopping:
            self._read_ports(self._wait())
            now_ns = time.monotonic_ns()
            if self._has_to_tick(now_ns) and self._tick(now_ns) and now_ns >= housekeeping_ns:
                housekeeping_ns = now_ns + _HOUSEKEEPING_NS
                self._drop_silent(now_ns)
                realtime.collect_young()
            elif self._journal is not None and not self._unread and self._journal.due(now_ns):
                self._journal.tell(self._state(), now_ns)

    def _wait(self) -> list[tuple[int, int]]:
        """Until bytes, a hand-over or the deadline; what is ready.

        The last millisecond through select(2) on the epoll: the timeout of Python's own epoll is in whole ones.
        """
        deadline_ns = self._pipeline.next_deadline_ns
        remaining_ns = 0 if deadline_ns is None else deadline_ns - time.monotonic_ns()
        if remaining_ns >= _MS:
            # Half of one less, because it is rounded up.
            return self._epoll.poll((remaining_ns // _MS - 0.5) * 1e-3)
        if remaining_ns > 0:
            select.select((self._epoll,), (), (), remaining_ns * 1e-9)
        return self._epoll.poll(0)

    def _read_ports(self, ready: list[tuple[int, int]]) -> None:
        """All that waits in the ports that are ready."""
        for _ in range(_MOST_READS):
            much = False
            for descriptor, _events in ready:
                slot = self._slots.get(descriptor)
                if slot is not None:
                    much |= self._read(slot)
                elif descriptor == self._arrivals.fileno():
                    for index, device in self._arrivals.take():
                        self._start(index, device)
                    for worn in self._arrivals.take_worn():
                        self._wear(worn)
            if not much:
                return
            ready = self._epoll.poll(0)

    def _read(self, slot: _Slot) -> bool:
        """Takes the bytes off the port, no more: the stamp is all that cannot wait. Whether there may be others."""
        try:
            data, receive_ns = slot.read()
        except Exception as error:  # a defect that one device brings out must not stop the others
            self._fail(slot, error)
            return False
        if self._journal is not None:
            self._journal.read(slot.index, data, receive_ns)
        slot.waiting.append((data, receive_ns))
        self._unread |= slot.bit
        return len(data) >= MUCH

    def _has_to_tick(self, now_ns: int) -> bool:
        """Whether the next tick may be complete, or its deadline has come.

        Parsing all streams in a row costs less than parsing each at its own wake-up, with cold caches.
        """
        deadline_ns = self._pipeline.next_deadline_ns
        if deadline_ns is None or now_ns >= deadline_ns:
            # A stall may have come after the ports were looked at: every byte before a deadline belongs to its tick.
            self._read_ports(self._epoll.poll(0))
            return True
        return self._unread != 0 and self._unread & self._awaited == self._awaited

    def _tick(self, now_ns: int) -> bool:
        """Parses what was read, then computes and tells the ticks that were due at `now_ns`; whether there were any."""
        tap = self._tap
        if tap.asked:
            tap.begin(self._state)
        for slot in list(self._slots.values()):
            if slot.waiting:
                self._parse(slot)
        self._unread = 0
        tap.woke(now_ns)
        if self._journal is not None:
            self._journal.woke(now_ns)
        pipeline = self._pipeline
        before = pipeline.ticks
        while (frame := pipeline.step(now_ns)) is not None:
            self._post(frame)
            self.newest = frame
            if tap.on:
                tap.add((ROW, frame.seq, frame.t_ns, pipeline.row.tobytes(), pipeline.sources_ns))
        self._awaited = pipeline.awaited
        next_ns = pipeline.next_deadline_ns
        assert next_ns is not None
        for steps_back in range(pipeline.ticks - before, 0, -1):
            self.lateness.add(now_ns - (next_ns - steps_back * PERIOD_NS))
        return pipeline.ticks > before

    def _parse(self, slot: _Slot) -> None:
        """Hands what was read to the driver and its samples to the pipeline."""
        reads = slot.waiting
        if self._tap.on:
            self._tap.add((READ, slot.index, reads))
            slot.waiting = []
        try:
            slot.adopted.feed(reads)
        except Exception as error:  # as in `_read`
            self._fail(slot, error)
        if reads is slot.waiting:
            reads.clear()

    def _start(self, index: int, device: Device) -> None:
        slot = _Slot(self._pipeline, index, device, time.monotonic_ns())
        self._slots[slot.descriptor] = slot
        self._epoll.register(slot.descriptor, select.EPOLLIN)
        self._spoil_journal()
        if self._tap.on:
            self._tap.add((ATTACH, index, facts_of(device)))
        try:
            self._skip_what_waits(slot)
            slot.adopted.attach()
        except Exception as error:  # as in `_read`
            self._fail(slot, error)

    def _skip_what_waits(self, slot: _Slot) -> None:
        for _ in range(_MOST_READS):
            data, receive_ns = slot.read()
            if self._tap.on:
                self._tap.add((SKIPPED, slot.index, data, receive_ns))
            slot.adopted.skip(data, receive_ns)
            if not data:
                return

    def _spoil_journal(self) -> None:
        """What is about to change is rare, and not told there."""
        if self._journal is not None:
            self._journal.spoil()

    def _wear(self, worn: Worn) -> None:
        self._spoil_journal()
        if self._tap.on:
            self._tap.add((WEAR, plain(worn)))
        self._pipeline.wear(worn)
        for slot in self._slots.values():
            slot.adopted.wear()

    def _state(self) -> dict[str, Any]:
        """All that the frames to come depend on and that the bytes to come do not tell."""
        devices = [
            {"index": slot.index, **facts_of(slot.device), "clock": self._pipeline.frozen(slot.index)}
            for slot in self._slots.values()
        ]
        return {**self._pipeline.place, "worn": plain(self._pipeline.worn), "devices": devices}

    def _fail(self, slot: _Slot, error: Exception) -> None:
        problem = faults.of_error(error, slot.stream)
        self._drop(slot, problem, error if problem.fault is Fault.DEFECT else None)

    def _drop(self, slot: _Slot, problem: Problem, defect: Exception | None = None) -> None:
        self._epoll.unregister(slot.descriptor)
        del self._slots[slot.descriptor]
        self._spoil_journal()
        self._pipeline.detach(slot.index)
        if self._tap.on:
            self._tap.add((DETACH, slot.index, problem.text))
        self._give_back(Lost(slot.index, slot.device, problem, defect))

    def _drop_silent(self, now_ns: int) -> None:
        for slot in list(self._slots.values()):
            if now_ns - slot.adopted.last_kept_ns > SILENT_NS:
                text = f"{slot.device.port.path}: no usable sample for {SILENT_NS // 1_000_000} ms"
                text += _why_unusable(slot.device.counters())
                self._drop(slot, Problem(Fault.SILENT, text, slot.stream))


def facts_of(device: Device) -> dict[str, Any]:
    """Who the device is and how its bytes are read, of plain types."""
    return {
        "port": device.port.path,
        "serial": device.info.serial,
        "notes": device.notes,
        "reader": device.reader.facts(),
    }


def _why_unusable(counters: dict[str, int]) -> str:
    """Why packets of a device that does send gave no sample, of all since its bring-up."""
    reasons = [f"{counters[name]} {name.replace('_', ' ')}" for name in _REFUSALS if counters.get(name)]
    return f" ({', '.join(reasons)})" if reasons else ""
