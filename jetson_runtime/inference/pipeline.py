"""Samples in, frames out. No clock, no socket, no thread: time is an argument; replay and training use it too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from drivers.samples import ImuSample, InsoleSample
from jetson_runtime.inference.engines.base import Engine
from jetson_runtime.inference.frame import Frame, Ground
from jetson_runtime.inference.intake import Intake, StreamHealth
from jetson_runtime.inference.legs import Legs
from jetson_runtime.suit.config import SuitConfig
from jetson_runtime.suit.signals import (
    CHANNEL_INDEX,
    MAX_WAIT_NS,
    PERIOD_NS,
    SIDES,
    STREAM_NAMES,
    STREAMS,
)
from jetson_runtime.timing.align import Aligner, empty_row

# More than this to catch up with is a gap in the data: the grid jumps to now and the history starts anew.
MAX_BACKLOG_NS = 2_000_000_000

_NAN = float("nan")
_UNKNOWN_GROUND = Ground(_NAN, _NAN, _NAN, False)


class ModelFacts(Protocol):
    """What the pipeline must know of a bundle: `history` in ticks and the fill value of each model channel."""

    @property
    def history(self) -> int: ...

    @property
    def fill(self) -> Sequence[float]: ...


class Pipeline:
    """Feed samples as they come, step at each wake-up; ticks are computed in order and the newest is returned."""

    def __init__(self, config: SuitConfig, model: ModelFacts, engine: Engine) -> None:
        limits = config.limits
        fresh_ms = {"imu": limits.imu_fresh_ms, "insole": limits.insole_fresh_ms}
        self._aligner = Aligner([round(fresh_ms[stream.kind] * 1e6) for stream in STREAMS])
        self._inputs = tuple(Intake(i, config, self._aligner) for i in range(len(STREAMS)))
        wait_ms = limits.max_wait_ms
        self._max_wait_ns = MAX_WAIT_NS if wait_ms is None else round(wait_ms * 1e6)
        self._wearer = config.wearer
        self._best_effort = config.output.best_effort
        self._needed = model.history + 1
        self._row = empty_row()
        self._legs = Legs(config.sides, model.fill, engine)
        self._feet = tuple(_Foot(side, config) for side in SIDES)
        self._fresh_run = 0
        self._tick: int | None = None
        self.ticks = 0
        self.late_ticks = 0
        self.skipped_ticks = 0

    @property
    def row(self) -> npt.NDArray[np.float64]:
        """The newest aligned row (54,), NaN where a stream is missing or a centre of pressure undefined."""
        return self._row

    @property
    def next_deadline_ns(self) -> int | None:
        """When `step` must be called at the latest; None before the first call."""
        return None if self._tick is None else self._tick * PERIOD_NS + self._max_wait_ns

    def attach(self, index: int, *, period_ns: int) -> None:
        """Stream `index` has a configured device that samples every `period_ns`."""
        self._inputs[index].attach(period_ns)

    def detach(self, index: int) -> None:
        """The device of stream `index` went away."""
        self._inputs[index].detach()

    def feed(self, index: int, samples: Sequence[ImuSample] | Sequence[InsoleSample]) -> int:
        """Samples of stream `index` in the order in which they were read; how many of them were kept."""
        return sum(map(self._inputs[index].take, samples))

    def step(self, now_ns: int) -> Frame | None:
        """Computes every tick that is due at `now_ns`, in order; the newest frame, or None where none is due."""
        if self._tick is None:
            self._tick = now_ns // PERIOD_NS
        if now_ns - self._tick * PERIOD_NS > MAX_BACKLOG_NS:
            self._skip_to(now_ns // PERIOD_NS)
        computed = 0
        while self._due(now_ns):
            self._compute(self._tick)
            self._tick += 1
            computed += 1
        if not computed:
            return None
        self.ticks += computed
        self.late_ticks += computed - 1
        return self._frame(self._tick - 1)

    def health(self, index: int, now_ns: int) -> StreamHealth:
        """How stream `index` does; to be asked about once a second, from any thread."""
        return self._inputs[index].health(now_ns)

    def _due(self, now_ns: int) -> bool:
        assert self._tick is not None
        t_ns = self._tick * PERIOD_NS
        return t_ns <= now_ns and (now_ns >= t_ns + self._max_wait_ns or self._aligner.ready(t_ns))

    def _skip_to(self, tick: int) -> None:
        assert self._tick is not None
        self.skipped_ticks += tick - self._tick
        self._tick = tick
        self._fresh_run = 0

    def _compute(self, tick: int) -> None:
        all_fresh = self._aligner.row(tick * PERIOD_NS, self._row)
        self._fresh_run = min(self._fresh_run + 1, self._needed) if all_fresh else 0
        for foot in self._feet:
            foot.update(self._row)
        self._legs.step(self._row)

    def _frame(self, tick: int) -> Frame:
        streams = self._aligner.streams
        missing = tuple(name for name, stream in zip(STREAM_NAMES, streams, strict=True) if not stream.fresh)
        sources = [stream.source_ns for stream in streams if stream.fresh and stream.source_ns is not None]
        outcomes = self._legs.outcomes()
        valid = self._fresh_run >= self._needed and self._wearer is not None and self._legs.finite
        return Frame(
            seq=tick,
            t_ns=tick * PERIOD_NS,
            oldest_ns=min(sources) if sources else None,
            valid=valid,
            state=self._state(missing),
            settling_ms=(self._needed - self._fresh_run) * PERIOD_NS / 1e6,
            missing=missing,
            outcomes=outcomes if valid or self._best_effort else self._legs.nothing,
            ground=(self._feet[0].ground, self._feet[1].ground),
        )

    def _state(self, missing: tuple[str, ...]) -> str:
        if len(missing) == len(STREAMS):
            return "waiting"
        if missing:
            return "degraded"
        return "running" if self._fresh_run >= self._needed else "settling"


class _Foot:
    """What the ground does to one foot, with hysteresis on contact."""

    def __init__(self, side: str, config: SuitConfig) -> None:
        self._columns = tuple(CHANNEL_INDEX[f"insole_{side}_{name}"] for name in ("vgrf", "cop_ap", "cop_ml"))
        self._on = config.limits.load_on_bodyweights
        self._off = config.limits.load_off_bodyweights
        self.ground = _UNKNOWN_GROUND

    def update(self, row: npt.NDArray[np.float64]) -> None:
        vgrf, cop_ap, cop_ml = (float(row[column]) for column in self._columns)
        threshold = self._off if self.ground.contact else self._on
        self.ground = Ground(vgrf, cop_ap, cop_ml, vgrf >= threshold)
