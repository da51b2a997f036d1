"""Samples in, frames out. No clock, no socket, no thread: time is an argument; replay and training use it too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from drivers.samples import ClockFacts, FullScale, ImuSample, InsoleSample
from jetson_runtime.inference.confidence import Confidence, Fitted
from jetson_runtime.inference.engines.base import Engine
from jetson_runtime.inference.feet import Feet
from jetson_runtime.inference.frame import Frame, State
from jetson_runtime.inference.intake import Intake, StreamHealth
from jetson_runtime.inference.joint_rates import JointRates
from jetson_runtime.inference.legs import Legs
from jetson_runtime.suit.config import Limits, SuitConfig
from jetson_runtime.suit.loads import load_thresholds_n
from jetson_runtime.suit.signals import CHANNEL_INDEX, PERIOD_NS, STREAMS
from jetson_runtime.suit.state import Worn
from jetson_runtime.timing.align import Aligner, default_max_wait_ns, empty_row

# More than this to catch up with is a gap in the data: the grid jumps to now and the history starts anew.
MAX_BACKLOG_NS = 2_000_000_000

_ENDLESS = FullScale()
# vgrf, cop_ap and cop_ml of the right foot, then of the left.
_GROUND = slice(CHANNEL_INDEX["insole_r_vgrf"], CHANNEL_INDEX["insole_l_cop_ml"] + 1)


class ModelFacts(Protocol):
    """What the pipeline must know of a bundle: `history` in ticks and the fill value of each model channel."""

    @property
    def history(self) -> int: ...

    @property
    def fill(self) -> Sequence[float]: ...


class Pipeline:
    """Feed samples as they come, then step until there is no frame; ticks are computed in order."""

    def __init__(
        self, config: SuitConfig, model: ModelFacts, engine: Engine, confidence: Fitted | None = None
    ) -> None:
        """confidence: of the bundle; without it intervals are NaN and nothing is ever unusual."""
        limits = config.limits
        fresh_ms = {"imu": limits.imu_fresh_ms, "insole": limits.insole_fresh_ms}
        fresh_ns = [round(fresh_ms[stream.kind] * 1e6) for stream in STREAMS]
        self._aligner = Aligner(fresh_ns, limits.policy)
        self._inputs = tuple(Intake(i, config, self._aligner) for i in range(len(STREAMS)))
        self._bits = tuple((1 << i, stream) for i, stream in enumerate(self._aligner.streams))
        self._max_wait_ns = max_wait_ns(limits)
        self._limits = limits
        self.worn = Worn(config.wearer, {})
        self._wearer = config.wearer
        self._best_effort = config.output.best_effort
        self._needed = model.history + 1
        self._row = empty_row()
        self._ground_values = self._row[_GROUND]
        self._legs = Legs(config.sides, model.fill, engine)
        self._confidence = Confidence(confidence, config.sides, model.fill) if confidence else None
        self._feet = Feet(limits)
        self._rates = JointRates(config.sides)
        self._fresh_run = 0
        self._tick: int | None = None
        self.ticks = 0
        self.late_ticks = 0
        self.skipped_ticks = 0
        # Frames for which the network answered NaN or an infinity.
        self.non_finite = 0

    @property
    def row(self) -> npt.NDArray[np.float64]:
        """The newest aligned row (54,), NaN where a stream is missing or a centre of pressure undefined."""
        return self._row

    @property
    def next_deadline_ns(self) -> int | None:
        """When `step` must be called at the latest; None before the first call."""
        return None if self._tick is None else self._tick * PERIOD_NS + self._max_wait_ns

    @property
    def awaited(self) -> int:
        """The streams whose next sample the next tick waits for, as bits 1 << index; 0 where it waits for none."""
        if self._tick is None:
            return 0
        t_ns = self._tick * PERIOD_NS
        return sum([bit for bit, stream in self._bits if stream.live and stream.supplied_ns < t_ns])

    def attach(
        self,
        index: int,
        *,
        period_ns: int,
        clock: ClockFacts | None = None,
        full_scale: FullScale = _ENDLESS,
        serial: str = "",
    ) -> None:
        """Stream `index` has a configured device that samples every `period_ns`; the rest as its driver says."""
        self._inputs[index].attach(period_ns, clock or ClockFacts(), full_scale, serial)

    @property
    def load_thresholds_n(self) -> tuple[float, float]:
        """From which force on a foot of who wears the suit counts as loaded, below which no more."""
        return load_thresholds_n(self._limits, self._wearer)

    def wear(self, worn: Worn) -> None:
        """What holds of wearer and insoles from the next sample on; rows before it are of no valid history."""
        if worn != self.worn:
            self._fresh_run = 0
            self._feet.forget()
        self.worn, self._wearer = worn, worn.wearer
        for intake in self._inputs:
            intake.wear(worn)

    def detach(self, index: int) -> None:
        """The device of stream `index` went away."""
        self._inputs[index].detach()

    def frozen(self, index: int) -> dict[str, Any]:
        """What has been learned of the clock of stream `index`, of plain types."""
        return self._inputs[index].frozen()

    def resume(self, index: int, frozen: Mapping[str, Any]) -> None:
        """The attached stream `index` goes on with what `frozen` told."""
        self._inputs[index].resume(frozen)

    @property
    def place(self) -> dict[str, Any]:
        """Where the grid is: the next tick, those computed so far, the tick of the round of `Confidence`; and what the
        feet did, which no history of the network's length tells."""
        round_ = self._confidence.round if self._confidence is not None else 0
        return {"tick": self._tick, "ticks": self.ticks, "round": round_, "feet": self._feet.plain()}

    def start_at(self, place: Mapping[str, Any]) -> None:
        """Before the first step, after `wear`: goes on with the grid of another pipeline, not with its history."""
        self._tick = place["tick"]
        if self._tick is not None:
            self._aligner.start_at(self._tick * PERIOD_NS)
        if "feet" in place:
            self._feet.resume(place["feet"])
        if self._confidence is not None:
            self._confidence.start_at(place["round"] or 0)

    @property
    def sources_ns(self) -> tuple[int | None, ...]:
        """For each stream the capture time of its newest sample at or before the newest row's time."""
        return tuple([stream.source_ns for stream in self._aligner.streams])

    def feed(self, index: int, samples: Sequence[ImuSample] | Sequence[InsoleSample]) -> int:
        """Samples of stream `index` in the order in which they were read; how many of them were kept."""
        take = self._inputs[index].take
        kept = 0
        for sample in samples:
            kept += take(sample)
        return kept

    def step(self, now_ns: int) -> Frame | None:
        """The next frame to tell at `now_ns`, None where no tick is due. To be called until then.

        Ticks past their deadline are computed in order; of these only the newest of all that are due is told.
        """
        if self._tick is None:
            self._tick = now_ns // PERIOD_NS
        if now_ns - self._tick * PERIOD_NS > MAX_BACKLOG_NS:
            self._skip_to(now_ns // PERIOD_NS)
        while self._due(now_ns):
            tick = self._tick
            self._compute(tick)
            self._tick = tick + 1
            self.ticks += 1
            if now_ns <= tick * PERIOD_NS + self._max_wait_ns or not self._due(now_ns):
                return self._frame(tick)
            self.late_ticks += 1
        return None

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
        self._feet.forget()

    def _compute(self, tick: int) -> None:
        all_fresh = self._aligner.row(tick * PERIOD_NS, self._row)
        self._fresh_run = min(self._fresh_run + 1, self._needed) if all_fresh else 0
        self._feet.update(tick * PERIOD_NS, self._ground_values.tolist())
        self._legs.step(self._row)
        if self._confidence is not None:
            self._confidence.update(self._row)

    def _frame(self, tick: int) -> Frame:
        missing, run = self._aligner.missing, self._fresh_run
        outcomes = self._legs.outcomes()
        self.non_finite += not self._legs.finite
        valid = run >= self._needed and self._wearer is not None and self._legs.finite
        unusual = self._unusual(missing)
        return Frame(
            tick,
            tick * PERIOD_NS,
            self._aligner.oldest_ns,
            valid,
            self._state(missing),
            (self._needed - run) * PERIOD_NS / 1e6,
            missing,
            outcomes if valid or self._best_effort else self._legs.nothing,
            self._feet.ground(),
            self._interval() if valid and not unusual else self._legs.nothing,
            unusual,
            self._rates.of(self._row),
            self._feet.moment_valid,
            tuple([intake.newest for intake in self._inputs]),
        )

    def _unusual(self, missing: tuple[str, ...]) -> tuple[str, ...]:
        """A stream that is missing reads nothing; where all are, nobody moves."""
        if self._confidence is None:
            return ()
        unusual = self._confidence.unusual
        if not unusual or not missing:
            return unusual
        return () if len(missing) == len(STREAMS) else tuple([n for n in unusual if n not in missing])

    def _interval(self) -> tuple[float, ...]:
        if self._confidence is None:
            return self._legs.nothing
        return self._legs.published(self._confidence.half_widths(self._legs.answers))

    def _state(self, missing: tuple[str, ...]) -> State:
        if len(missing) == len(STREAMS):
            return "waiting"
        if missing:
            return "degraded"
        return "running" if self._fresh_run >= self._needed else "settling"


def max_wait_ns(limits: Limits) -> int:
    """How long after its grid time a tick has its deadline."""
    told_ms = limits.max_wait_ms
    return default_max_wait_ns(limits.policy) if told_ms is None else round(told_ms * 1e6)
