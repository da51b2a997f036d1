"""Rows of 54 on the 5 ms grid, from streams of different rates and phases, with the age of each.

An IMU's values are interpolated between the two samples around the grid time; where the later one has not come
by the deadline, the newest is held. An insole's values (75-80 Hz) are the newest at or before the grid time, held:
causal, and never a mix of a defined and an undefined centre of pressure. Below COP_BODYWEIGHTS the centre is undefined,
on the body as in every trial: the thresholds of contact are the user's, what the network was trained on is not.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from jetson_runtime.suit.signals import CHANNELS, COP_BODYWEIGHTS, STREAMS, Stream
from jetson_runtime.timing.ring import SampleRing

Doubles = npt.NDArray[np.float64]

# An insole's six foot IMU values must be numbers; its centre of pressure may rightly be undefined.
_MOTION_VALUES = 6
_VGRF, _COP = 6, slice(7, 9)


class StreamAligner:
    """One stream's samples and its part of the row."""

    def __init__(self, stream: Stream, fresh_ns: int) -> None:
        self.stream = stream
        self.fresh_ns = fresh_ns
        self.live = False
        self.fresh = False
        self.source_ns: int | None = None
        self.ring = SampleRing(len(stream.channels))
        self._interpolates = stream.kind == "imu"
        self._scratch = np.empty(len(stream.channels))
        centre = stream.channels[_COP]
        self._centre = slice(centre[0], centre[-1] + 1) if centre else slice(0, 0)
        starts = np.cumsum([0, *(count for _, count in stream.groups)])
        self._targets = [
            (slice(first, first + count), slice(int(start), int(start) + count))
            for (first, count), start in zip(stream.groups, starts, strict=False)
        ]

    def can_supply(self, t_ns: int) -> bool:
        """True where waiting longer would not improve the value at `t_ns`."""
        newest = self.ring.newest_ns
        return newest is not None and (newest >= t_ns or not self._interpolates)

    def fill(self, t_ns: int, row: Doubles) -> None:
        """Writes this stream's channels at `t_ns` into `row` (54,), NaN where it is not fresh."""
        before, after = self.ring.at_or_before(t_ns)
        self.source_ns = self.ring.times[before] if before >= 0 else None
        self.fresh = self.source_ns is not None and t_ns - self.source_ns <= self.fresh_ns
        if not self.fresh:
            self._write_missing(row)
            return
        values = self.ring.values[before]
        if self._interpolates and after >= 0:
            values = self._interpolate(before, after, t_ns)
        for target, source in self._targets:
            row[target] = values[source]
        if not self._interpolates and values[_VGRF] < COP_BODYWEIGHTS:
            row[self._centre] = np.nan
        self.fresh = bool(np.isfinite(values[:_MOTION_VALUES]).all())

    def _interpolate(self, before: int, after: int, t_ns: int) -> Doubles:
        times, values = self.ring.times, self.ring.values
        fraction = (t_ns - times[before]) / (times[after] - times[before])
        np.subtract(values[after], values[before], out=self._scratch)
        self._scratch *= fraction
        self._scratch += values[before]
        return self._scratch

    def _write_missing(self, row: Doubles) -> None:
        for target, _ in self._targets:
            row[target] = np.nan


class Aligner:
    """All streams of the suit. `fresh_ns` gives each stream's limit in the order of STREAMS."""

    def __init__(self, fresh_ns: Sequence[int]) -> None:
        self.streams = tuple(
            StreamAligner(stream, limit) for stream, limit in zip(STREAMS, fresh_ns, strict=True)
        )
        self._newest_tick_ns = 0

    def push(self, index: int, sample_ns: int, values: Sequence[float]) -> bool:
        """A sample of stream `index` in segment axes, in the order of its channels; False where it was refused.

        Only one that can still be fresh makes its stream live: ticks wait for live streams.
        """
        stream = self.streams[index]
        kept = stream.ring.push(sample_ns, values)
        if kept and sample_ns + stream.fresh_ns >= self._newest_tick_ns:
            stream.live = True
        return kept

    def ready(self, t_ns: int) -> bool:
        """True as soon as every live stream can supply its value at `t_ns`; False while none is live."""
        any_live = False
        for stream in self.streams:
            if stream.live:
                any_live = True
                if not stream.can_supply(t_ns):
                    return False
        return any_live

    def row(self, t_ns: int, row: Doubles) -> bool:
        """Fills `row` (54,) at `t_ns`; True where all streams are fresh. One that is not fresh stops being live."""
        self._newest_tick_ns = t_ns
        all_fresh = True
        for stream in self.streams:
            stream.fill(t_ns, row)
            stream.live = stream.fresh
            all_fresh = all_fresh and stream.fresh
        return all_fresh

    def forget(self, index: int) -> None:
        """Stream `index` went away or its clock began anew: its samples are worth nothing."""
        self.streams[index].ring.clear()
        self.streams[index].live = False


def empty_row() -> Doubles:
    """A row of 54 without any value."""
    return np.full(len(CHANNELS), np.nan)
