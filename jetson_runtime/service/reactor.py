"""The one real-time thread: reads every open port, feeds the pipeline, computes each tick by its deadline.

Everything it touches it owns; others put devices into its `Arrivals` and are given lost ones back. It writes no log
and waits for nothing but bytes and the next deadline.
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable
from dataclasses import dataclass

from drivers.serial_port import MUCH
from jetson_runtime.inference.frame import Frame
from jetson_runtime.inference.pipeline import Pipeline
from jetson_runtime.service import faults, realtime
from jetson_runtime.service.arrivals import Arrivals
from jetson_runtime.service.bringup import Device
from jetson_runtime.service.faults import Fault, Problem
from jetson_runtime.service.lateness import Lateness
from jetson_runtime.suit.signals import PERIOD_NS, STREAMS

# A configured device that sends no sample worth keeping for so long is brought up anew.
SILENT_NS = 1_000_000_000
_HOUSEKEEPING_NS = 500_000_000
# A tty holds less than 64 kB; a port that never falls silent must not stop the ticks.
_MOST_READS = 16
# Whole milliseconds are waited for in epoll, the rest in select.
_MS = 1_000_000


@dataclass(frozen=True)
class Lost:
    """A device that the reactor gave up; its port is still open. defect: the error, where it is one of ours."""

    index: int
    device: Device
    problem: Problem
    defect: Exception | None = None


class _Slot:
    """One adopted device."""

    def __init__(self, index: int, device: Device, now_ns: int) -> None:
        self.index = index
        self.bit = 1 << index
        self.stream = STREAMS[index].name
        self.device = device
        self.read = device.port.read
        self.waiting: list[tuple[bytes, int]] = []
        self.descriptor = device.port.fileno()
        self.rate_hz = device.rate_hz
        self.last_kept_ns = now_ns


class Reactor:
    """`run` is the thread's body. `devices` and the counters may be read from any thread."""

    def __init__(
        self,
        pipeline: Pipeline,
        arrivals: Arrivals,
        post: Callable[[Frame], None],
        give_back: Callable[[Lost], None],
    ) -> None:
        self.lateness = Lateness()
        self.newest: Frame | None = None
        self._pipeline = pipeline
        self._post = post
        self._give_back = give_back
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
        for slot in list(self._slots.values()):
            if slot.waiting:
                self._parse(slot)
        self._unread = 0
        pipeline = self._pipeline
        before = pipeline.ticks
        while (frame := pipeline.step(now_ns)) is not None:
            self._post(frame)
            self.newest = frame
        self._awaited = pipeline.awaited
        next_ns = pipeline.next_deadline_ns
        assert next_ns is not None
        for steps_back in range(pipeline.ticks - before, 0, -1):
            self.lateness.add(now_ns - (next_ns - steps_back * PERIOD_NS))
        return pipeline.ticks > before

    def _parse(self, slot: _Slot) -> None:
        """Hands what was read to the driver and its samples to the pipeline."""
        try:
            for data, receive_ns in slot.waiting:
                samples = slot.device.feed(data, receive_ns)
                if slot.device.rate_hz != slot.rate_hz:
                    self._attach(slot)
                if samples and self._pipeline.feed(slot.index, samples):
                    slot.last_kept_ns = receive_ns
        except Exception as error:  # as in `_read`
            self._fail(slot, error)
        slot.waiting.clear()

    def _start(self, index: int, device: Device) -> None:
        slot = _Slot(index, device, time.monotonic_ns())
        self._slots[slot.descriptor] = slot
        self._epoll.register(slot.descriptor, select.EPOLLIN)
        try:
            _skip_what_waits(device)
            self._attach(slot)
        except Exception as error:  # as in `_read`
            self._fail(slot, error)

    def _attach(self, slot: _Slot) -> None:
        slot.rate_hz = slot.device.rate_hz
        facts = slot.device.clock_facts
        self._pipeline.attach(slot.index, period_ns=round(1e9 / slot.rate_hz), clock=facts)

    def _fail(self, slot: _Slot, error: Exception) -> None:
        problem = faults.of_error(error, slot.stream)
        self._drop(slot, problem, error if problem.fault is Fault.DEFECT else None)

    def _drop(self, slot: _Slot, problem: Problem, defect: Exception | None = None) -> None:
        self._epoll.unregister(slot.descriptor)
        del self._slots[slot.descriptor]
        self._pipeline.detach(slot.index)
        self._give_back(Lost(slot.index, slot.device, problem, defect))

    def _drop_silent(self, now_ns: int) -> None:
        for slot in list(self._slots.values()):
            if now_ns - slot.last_kept_ns > SILENT_NS:
                text = f"{slot.device.port.path}: no usable sample for {SILENT_NS // 1_000_000} ms"
                self._drop(slot, Problem(Fault.SILENT, text, slot.stream))


def _skip_what_waits(device: Device) -> None:
    """What came in while nobody read carries a receive time that tells nothing: for the parser only."""
    for _ in range(_MOST_READS):
        data, receive_ns = device.port.read()
        device.feed(data, receive_ns)
        if not data:
            return
