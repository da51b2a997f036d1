"""The service's process stalls while its suit runs on: a short stall costs its frames and nothing after it."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from itertools import pairwise

import pytest
from worn_suit import ServiceProcess, WornSuit, until

from drivers.emulator.bench import Bench
from jetson_runtime.client import ReceivedFrame
from jetson_runtime.suit.signals import PERIOD_NS

# The emulator shares the machine, and a try in which it was held up itself tells nothing.
TRIES = 5
# A network's history and some ticks more: a gap in the data would show as `settling` for as long.
AFTER_TICKS = 260


class Worn:
    """The service on a whole suit."""

    def __init__(self, suit: WornSuit, service: ServiceProcess) -> None:
        self.suit = suit
        self.service = service

    def stall(self, hold_s: float) -> list[ReceivedFrame]:
        """The last frame before a stall and those of the 1.3 s after it."""
        assert until(lambda: self.service.state() == "running"), self.service.log
        before = self.service.client.latest
        assert before is not None
        self.service.process.send_signal(signal.SIGSTOP)
        time.sleep(hold_s)
        self.service.process.send_signal(signal.SIGCONT)
        frames = [before]
        last_seq = before.seq + round(hold_s * 1e9) // PERIOD_NS + AFTER_TICKS
        while frames[-1].seq < last_seq:
            frames += self.service.client.recv_all(1000)
        return frames

    def lost(self) -> dict[str, int]:
        """Samples that each stream's status counts as lost; of a look that was begun after the call."""
        self.service.client.recv_all(0)
        before = self.service.status.get("t_ns", 0)
        assert until(lambda: self.service.status["t_ns"] > before + 10**9)
        return {name: stream["drops"] for name, stream in self.service.status["streams"].items()}

    def dropped(self) -> dict[str, int]:
        """Packets that found their port's buffer full."""
        return self.suit.bench.do(
            lambda: {name: port.dropped_writes for name, port in self.suit.ports.items()}
        )

    def offsets(self) -> dict[str, tuple[float, int]]:
        """Each clock's offset, ms, and its restarts."""
        clocks = {name: stream["clock"] for name, stream in self.service.status["streams"].items()}
        return {name: (clock["offset_ms"], clock["restarts"]) for name, clock in clocks.items()}


@pytest.fixture(scope="module")
def worn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worn]:
    with Bench() as bench:
        suit = WornSuit(tmp_path_factory.mktemp("suit"), bench)
        service = ServiceProcess(suit.write_config(), suit.endpoint)
        try:
            assert until(lambda: service.state() == "running", 20.0), service.log
            yield Worn(suit, service)
        finally:
            service.process.send_signal(signal.SIGCONT)
            service.stop()


@pytest.mark.parametrize("hold_s", [0.05, 0.2, 0.25])
def test_a_short_stall_costs_its_frames_and_nothing_after_it(worn: Worn, hold_s: float) -> None:
    offsets = worn.offsets()

    def only_its_frames() -> bool:
        lost = worn.lost()
        frames = worn.stall(hold_s)
        jumps = [after.seq - before.seq for before, after in pairwise(frames)]
        stalled = max(jumps) * PERIOD_NS >= 0.7e9 * hold_s
        fine = all((frame.state, frame.valid) == ("running", True) for frame in frames)
        return stalled and fine and worn.lost() == lost

    assert any(only_its_frames() for _ in range(TRIES))
    # An average over arrival times would have moved by tens of milliseconds; so young a clock moves by some tenths.
    for name, (offset_ms, restarts) in worn.offsets().items():
        assert restarts == offsets[name][1], name
        assert abs(offset_ms - offsets[name][0]) < 3.0, name


def test_a_long_stall_loses_what_the_buffers_could_not_hold_and_counts_it(worn: Worn) -> None:
    lost, dropped = worn.lost(), worn.dropped()
    frames = worn.stall(1.5)
    assert {frame.state for frame in frames} <= {"running", "waiting", "degraded", "settling"}
    lost_now, dropped_now = worn.lost(), worn.dropped()
    gone = {name: dropped_now[name] - dropped[name] for name in dropped}
    assert gone["insole_r"] > 30, "44 kB a second do not fit into a port's buffer for so long"
    for name, packets in gone.items():
        # One that was cut by the full buffer counts on both sides, an INFO on one alone.
        assert abs(lost_now[name] - lost[name] - packets) <= 3, name
    assert until(lambda: worn.service.state() == "running"), worn.service.log
    assert all(restarts == 0 for _, restarts in worn.offsets().values())
