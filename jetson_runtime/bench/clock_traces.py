"""Seeded traces of a free-running device clock over five kinds of links, with the truth.

The clock is the emulator's: skew up to 80 ppm, drift of 1-3 ppm over minutes. So are the links; added here are the
device's own jitter (10 us), the host's wake-up (50 us, 1 in 1,000 milliseconds later), and on one link stalls of the
host of 20-500 ms about every 15 s with one sample in 200 lost. Restarts, steps and single stalls are made from a trace.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from drivers.emulator.clock import DeviceClock
from drivers.emulator.transport import TransportName, make_transport

Nanoseconds = npt.NDArray[np.int64]
Generator = np.random.Generator

SECOND = 1_000_000_000
DRAIN_NS = 30_000  # between two samples that a stalled host reads one after the other
_START_NS = 5_000 * SECOND
_BLOCK = 2_000
_JITTER_S = 10e-6
_WAKE_NS, _WAKE_SPREAD = 50e3, 0.5
_LATE_SHARE, _LATE_NS = 1e-3, 2e6
_STALL_EVERY_S, _SHORTEST_S, _LONGEST_S = 15.0, 0.02, 0.5
_LOST_SHARE = 5e-3


class Line(NamedTuple):
    """A kind of link: the emulator's model of it, its baud, whether the host stalls."""

    transport: TransportName
    baud: int = 921_600
    stalls: bool = False


LINES: dict[str, Line] = {
    "USB CDC": Line("cdc"),
    "FTDI 1 ms": Line("ftdi1"),
    "FTDI 16 ms": Line("ftdi16"),
    "RS-232": Line("rs232", 115_200),
    "CDC, stalls, losses": Line("cdc", stalls=True),
}


class Trace(NamedTuple):
    """One sample a row: its true host time, the device's stamp, the host time of its receipt; all ns."""

    host_ns: Nanoseconds
    device_ns: Nanoseconds
    receive_ns: Nanoseconds

    def until(self, seconds: float) -> Trace:
        """The samples of its first `seconds`."""
        return Trace(*(values[self.since_s() < seconds] for values in self))

    def since_s(self) -> npt.NDArray[np.float64]:
        """True time since the first sample."""
        return np.asarray((self.host_ns - self.host_ns[0]) / SECOND)


def make(
    line: str,
    seed: int,
    *,
    rate_hz: float = 200.0,
    seconds: float = 600.0,
    packet_bytes: int = 48,
    skew_ppm: float | None = None,
) -> Trace:
    """A trace over LINES[line]; the clock's skew by the seed unless it is given."""
    model = LINES[line]
    random = np.random.default_rng([seed, list(LINES).index(line), 0xC10C])
    clock = DeviceClock.seeded(int(random.integers(1 << 30)), _START_NS)
    if skew_ppm is not None:
        clock = replace(clock, skew_ppm=skew_ppm)
    first_s = clock.device_s(_START_NS)
    count = round(rate_hz * seconds)
    device_s = first_s + np.arange(count) / rate_hz + random.normal(0.0, _JITTER_S, count)
    host = clock.host_ns(device_s)
    transport = make_transport(model.transport, seed, bus_seed=seed, baud=model.baud)
    blocks = [transport.arrivals(host[i : i + _BLOCK], packet_bytes) for i in range(0, count, _BLOCK)]
    arrivals = np.concatenate(blocks)
    receive = np.maximum.accumulate(arrivals + _wake_ups(random, count))
    trace = Trace(host, np.rint(device_s * SECOND).astype(np.int64), receive)
    return _shaken(trace, random) if model.stalls else trace


def restarted(trace: Trace, at_s: float, off_s: float = 3.0) -> Trace:
    """The device is off for a while, and its clock counts from near zero again."""
    since = trace.since_s()
    on = (since < at_s) | (since > at_s + off_s)
    kept = Trace(*(values[on] for values in trace))
    new = kept.host_ns > trace.host_ns[0] + round(at_s * SECOND)
    device = kept.device_ns.copy()
    device[new] -= device[new][0] - SECOND // 3
    return kept._replace(device_ns=device)


def stalled(trace: Trace, at_s: float, seconds: float) -> Trace:
    """The host reads nothing for so long, then everything that waited."""
    start = int(trace.host_ns[0]) + round(at_s * SECOND)
    end = start + round(seconds * SECOND)
    receive = trace.receive_ns.copy()
    waited = (receive >= start) & (receive < end)
    receive[waited] = end + np.arange(np.count_nonzero(waited)) * DRAIN_NS
    return trace._replace(receive_ns=np.maximum.accumulate(receive))


def stepped(trace: Trace, at_s: float, step_ns: int) -> Trace:
    """The link's delay grows, or shrinks, at once and for good."""
    late = trace.since_s() > at_s
    receive = trace.receive_ns + np.where(late, step_ns, 0)
    return trace._replace(receive_ns=np.maximum.accumulate(receive))


def coarse(trace: Trace, step_ns: int) -> Trace:
    """Stamps cut off to a multiple of `step_ns`."""
    return trace._replace(device_ns=trace.device_ns // step_ns * step_ns)


def ending(trace: Trace, end_ns: int, after_s: float) -> Trace:
    """Microseconds, in a counter that reads `end_ns` after so long."""
    first = end_ns - round(after_s * SECOND)
    return coarse(trace._replace(device_ns=trace.device_ns - trace.device_ns[0] + first), 1000)


def _wake_ups(random: Generator, count: int) -> Nanoseconds:
    wake = np.exp(random.normal(np.log(_WAKE_NS), _WAKE_SPREAD, count))
    wake += np.where(random.random(count) < _LATE_SHARE, random.exponential(_LATE_NS, count), 0.0)
    return wake.astype(np.int64)


def _shaken(trace: Trace, random: Generator) -> Trace:
    """Stalls of the host at random, and lost samples."""
    end_s = float(trace.since_s()[-1])
    at_s = random.exponential(_STALL_EVERY_S)
    while at_s < end_s:
        seconds = float(np.exp(random.uniform(np.log(_SHORTEST_S), np.log(_LONGEST_S))))
        trace = stalled(trace, at_s, seconds)
        at_s += seconds + random.exponential(_STALL_EVERY_S)
    kept = random.random(len(trace.host_ns)) > _LOST_SHARE
    return Trace(*(values[kept] for values in trace))
