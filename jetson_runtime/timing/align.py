"""Rows of 54 on the 5 ms grid, from streams of different rates and phases, with the age of each.

An IMU's values at a grid time come from the samples around it (`weights.py` says how); where the later one has not
come by the deadline, the newest is held. What an insole tells depends on the policy:

    low_latency  its newest sample at or before the grid time, held: no wait, up to 20 ms old
    smooth       the tick waits for its next sample, 13 ms and the link's delay more; foot motion and force are
                 interpolated, the centre of pressure where both samples define it (elsewhere the defined one is held)

Below COP_BODYWEIGHTS the centre is undefined, on the body as in every trial: the thresholds of contact are the user's,
what the network was trained on is not. A model is to be run with the policy that its training rows were made with.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from jetson_runtime.suit.signals import CHANNELS, COP_BODYWEIGHTS, STREAM_NAMES, STREAMS
from jetson_runtime.timing.lowpass import LowPass
from jetson_runtime.timing.ring import CAPACITY, Part, SampleRing
from jetson_runtime.timing.weights import AFTER_NS, FAST_HZ, parabola

Doubles = npt.NDArray[np.float64]
Policy = Literal["low_latency", "smooth"]

# smooth: an insole of 75.13 Hz sends every 13.3 ms, 6.4 ms are on the way, the rest is for a bridge that polls.
_MAX_WAIT_NS: dict[Policy, int] = {"low_latency": 8_000_000, "smooth": 24_000_000}
_EVER_NS = 1 << 60

# Each stream begins with accel and gyro, which fill the row's first channels in the order of STREAMS; an insole's load
# (vgrf, cop_ap, cop_ml) follows, whose centre of pressure may rightly be undefined.
_MOTION, _LOAD = 6, 3
_MOTIONS = _MOTION * len(STREAMS)
# Samples that make a motion value, where the device is not a fast one.
_TAPS = 3
# Behind the samples, memory holds a row of zeros for a tap without a sample and one of NaN for a stream without.
_NOTHING, _MISSING = len(STREAMS) * CAPACITY, len(STREAMS) * CAPACITY + 1
_NAN = float("nan")
_load_at = struct.Struct(f"{_LOAD}d").unpack_from
_LOAD_BYTES = 8 * _LOAD


def default_max_wait_ns(policy: Policy) -> int:
    """How long after a grid time a tick waits for its streams where the config does not say."""
    return _MAX_WAIT_NS[policy]


class _Taps:
    """Which rows of memory make the motion, and their weights: tap k of stream s is item s * _TAPS + k."""

    def __init__(self) -> None:
        streams = len(STREAMS)
        self.rows = np.full(streams * _TAPS, _NOTHING, np.intp)
        self.shares = np.ones((streams, 1, _TAPS))
        self.taken = np.zeros((streams, _TAPS, _MOTION))
        self.taken_rows = self.taken.reshape(-1, _MOTION)
        self.row = _numbers(self.rows)
        self.share = _numbers(self.shares)


class StreamAligner:
    """One stream's samples, and which of them make its values at a grid time.

    fresh: whether the newest row has its values. live: whether ticks wait for it. source_ns: the newest sample at or
    before that row's time. supplied_ns: waiting would not improve the values of grid times up to this.
    """

    def __init__(self, index: int, fresh_ns: int, memory: Doubles, policy: Policy) -> None:
        self.stream = STREAMS[index]
        self.fresh_ns = fresh_ns
        self.live = self.fresh = False
        self.source_ns: int | None = None
        self.supplied_ns = 0
        self.load_channel = self.stream.channels[_MOTION] if self.stream.kind == "insole" else None
        self._index = index
        self._first = index * CAPACITY
        self.fast_period_ns: int | None = None
        self._holds = self.stream.kind == "insole" and policy == "low_latency"
        self.look_ahead_ns = -_EVER_NS if self._holds else 0
        loads = np.zeros((CAPACITY, _LOAD))
        self._loads = memoryview(loads)  # type: ignore[arg-type]
        parts = [Part(memory[self._first : self._first + CAPACITY], slice(0, _MOTION))]
        if self.load_channel is not None:
            parts.append(Part(loads, slice(_MOTION, _MOTION + _LOAD)))
        self.ring = SampleRing(*parts)

    def attach(self, period_ns: int) -> None:
        """A device that samples every `period_ns` is there."""
        self.fast_period_ns = period_ns if self.stream.kind == "imu" and period_ns * FAST_HZ <= 1e9 else None
        if not self._holds:
            self.look_ahead_ns = max(0, AFTER_NS - period_ns) if self.fast_period_ns else 0

    def place(self, t_ns: int, taps: _Taps) -> None:
        """Chooses the motion's samples and weights for `t_ns`: NaN where the newest at or before it is too old."""
        ring = self.ring
        number = ring.find(t_ns)
        self.source_ns = source_ns = ring.times[number % CAPACITY] if number >= 0 else None
        tap = self._index * _TAPS
        if source_ns is None or t_ns - source_ns > self.fresh_ns:
            taps.row[tap], taps.share[tap] = _MISSING, 1.0
        elif self._holds or number == ring.newest:
            self._hold(tap, number, taps)
        else:
            self._between(t_ns, tap, number, taps)

    def load(self, t_ns: int) -> tuple[float, float, float]:
        """vgrf, cop_ap and cop_ml at the time last placed; no centre under a foot that bears almost nothing."""
        ring, source_ns = self.ring, self.source_ns
        if source_ns is None or t_ns - source_ns > self.fresh_ns:
            return _NAN, _NAN, _NAN
        number = ring.find(t_ns)
        vgrf, ap, ml = _load_at(self._loads, number % CAPACITY * _LOAD_BYTES)
        if not self._holds and number != ring.newest:
            after = (number + 1) % CAPACITY
            share = (t_ns - source_ns) / (ring.times[after] - source_ns)
            next_vgrf, next_ap, next_ml = _load_at(self._loads, after * _LOAD_BYTES)
            vgrf += share * (next_vgrf - vgrf)
            if ap != ap:
                ap, ml = next_ap, next_ml
            elif next_ap == next_ap:
                ap += share * (next_ap - ap)
                ml += share * (next_ml - ml)
        return (vgrf, _NAN, _NAN) if vgrf < COP_BODYWEIGHTS else (vgrf, ap, ml)

    def _hold(self, tap: int, number: int, taps: _Taps) -> None:
        row = taps.row
        row[tap] = self._first + number % CAPACITY
        row[tap + 1] = row[tap + 2] = _NOTHING
        taps.share[tap] = 1.0

    def _between(self, t_ns: int, tap: int, number: int, taps: _Taps) -> None:
        row, share, times, first = taps.row, taps.share, self.ring.times, self._first
        older, before, after = (number - 1) % CAPACITY, number % CAPACITY, (number + 1) % CAPACITY
        share[tap], share[tap + 1], share[tap + 2] = shares = parabola(
            times[older] - t_ns if number else -_EVER_NS, times[before] - t_ns, times[after] - t_ns
        )
        row[tap] = first + older if shares[0] else _NOTHING
        row[tap + 1] = first + before
        row[tap + 2] = first + after


class Aligner:
    """All streams of the suit. `fresh_ns` gives each stream's limit in the order of STREAMS.

    After each `row`: oldest_ns, the oldest of the fresh streams' newest samples at or before its time (None where none
    is fresh), and missing, the names of the streams that are not fresh, the same object until that changes.
    """

    def __init__(self, fresh_ns: Sequence[int], policy: Policy = "low_latency") -> None:
        self._memory = np.zeros((len(STREAMS) * CAPACITY + 2, _MOTION))
        self._memory[_MISSING] = _NAN
        limits = list(zip(STREAMS, fresh_ns, strict=True))
        self.streams = tuple(
            StreamAligner(i, limit, self._memory, policy) for i, (_, limit) in enumerate(limits)
        )
        self.oldest_ns: int | None = None
        self.missing: tuple[str, ...] = STREAM_NAMES
        self._motion = np.zeros((len(STREAMS), 1, _MOTION))
        self._motions = self._motion.reshape(-1)
        self._ones = np.ones(_MOTIONS)
        self._taps = _Taps()
        self._low_pass: LowPass | None = None
        self._awaited = self.streams[0]
        self._newest_tick_ns = 0

    def attach(self, index: int, period_ns: int) -> None:
        """Stream `index` now has a device that samples every `period_ns`; what the one before sent is forgotten."""
        self.forget(index)
        self.streams[index].attach(period_ns)
        fast = {i: stream.fast_period_ns for i, stream in enumerate(self.streams) if stream.fast_period_ns}
        rings = [self.streams[i].ring for i in fast]
        self._low_pass = LowPass(tuple(fast), rings, min(fast.values()), self._memory) if fast else None

    def push(self, index: int, sample_ns: int, values: Sequence[float]) -> bool:
        """A sample of stream `index` in segment axes, in the order of its channels; False where it was refused.

        Only one that can still be fresh makes its stream live: ticks wait for live streams.
        """
        stream = self.streams[index]
        if not stream.ring.push(sample_ns, values):
            return False
        stream.supplied_ns = sample_ns - stream.look_ahead_ns
        if sample_ns + stream.fresh_ns >= self._newest_tick_ns:
            stream.live = True
        return True

    def ready(self, t_ns: int) -> bool:
        """True as soon as waiting would improve no live stream's values at `t_ns`; False while none is live."""
        awaited = self._awaited
        if awaited.live and awaited.supplied_ns < t_ns:
            return False
        any_live = False
        for stream in self.streams:
            if stream.live:
                any_live = True
                if stream.supplied_ns < t_ns:
                    self._awaited = stream
                    return False
        return any_live

    def row(self, t_ns: int, row: Doubles) -> bool:
        """Fills `row` (54,) at `t_ns`, NaN where a stream is missing; True where all are fresh.

        A stream that is not fresh stops being live.
        """
        self._newest_tick_ns = t_ns
        taps = self._taps
        for stream in self.streams:
            stream.place(t_ns, taps)
            if stream.load_channel is not None:
                channel = stream.load_channel
                row[channel], row[channel + 1], row[channel + 2] = stream.load(t_ns)
        self._memory.take(taps.rows, 0, taps.taken_rows, "clip")
        np.matmul(taps.shares, taps.taken, out=self._motion)
        if self._low_pass is not None:
            self._low_pass.apply(t_ns, self._motion)
        row[:_MOTIONS] = self._motions
        self._judge(math.isfinite(self._motions.dot(self._ones)))
        return not self.missing

    def start_at(self, t_ns: int) -> None:
        """Before the first sample: the next row's time, where another aligner made the rows before it."""
        self._newest_tick_ns = t_ns

    def forget(self, index: int) -> None:
        """Stream `index` went away or its clock began anew: its samples are worth nothing."""
        self.streams[index].ring.clear()
        self.streams[index].live = False

    def _judge(self, all_fresh: bool) -> None:
        """Which streams are fresh: those whose motion is all numbers."""
        oldest_ns: int | None = None
        changed = False
        for i, stream in enumerate(self.streams):
            fresh = all_fresh or bool(np.isfinite(self._motion[i]).all())
            stream.live = fresh
            if fresh != stream.fresh:
                stream.fresh, changed = fresh, True
            source_ns = stream.source_ns
            if fresh and source_ns is not None and (oldest_ns is None or source_ns < oldest_ns):
                oldest_ns = source_ns
        self.oldest_ns = oldest_ns
        if changed:
            self.missing = tuple(stream.stream.name for stream in self.streams if not stream.fresh)


def empty_row() -> Doubles:
    """A row of 54 without any value."""
    return np.full(len(CHANNELS), _NAN)


def _numbers(array: npt.NDArray[Any]) -> memoryview[Any]:
    """One number after the other, to be set from Python in half the time that the array takes."""
    return memoryview(array.reshape(-1))  # type: ignore[arg-type]
