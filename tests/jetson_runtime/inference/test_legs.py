"""The batch of legs: what an engine answers, told as outcomes; what is not a number is never told as valid."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from drivers.samples import ImuSample, InsoleSample
from jetson_runtime.inference.frame import Frame
from jetson_runtime.inference.offline import outcomes_of_rows
from jetson_runtime.inference.pipeline import Pipeline
from jetson_runtime.suit.config import ModelTable, StreamConfig, SuitConfig, SuitTable, Wearer
from jetson_runtime.suit.links import delay_ns
from jetson_runtime.suit.mounting import IN_SEGMENT_AXES
from jetson_runtime.suit.output import OutputTable
from jetson_runtime.suit.signals import (
    CHANNEL_FILL,
    CHANNELS,
    MIRROR_INDEX,
    MIRROR_SIGN,
    OUTCOMES,
    PERIOD_NS,
    SIDES_OF_CHOICE,
    STANDARD_GRAVITY,
    STREAMS,
    published_outcomes,
)

Doubles = npt.NDArray[np.float64]
HISTORY = 20
START = 50_000
WEARER = Wearer(mass_kg=70.0, foot_length_m=0.27, foot_width_m=0.10)


class Mixing:
    """A network with a memory: each outcome a fixed sum over the channels, most of it of this tick."""

    name = "mixing"
    history = HISTORY
    fill = CHANNEL_FILL

    def __init__(self, batch: int) -> None:
        self.batch = batch
        self.spoil: tuple[int, int, float] | None = None
        self._weights = np.random.default_rng(0).standard_normal((len(CHANNELS), len(OUTCOMES)))
        self.reset()

    def step(self, rows: npt.NDArray[np.float32], out: npt.NDArray[np.float32]) -> None:
        self._state = 0.5 * self._state + rows @ self._weights
        out[...] = self._state
        if self.spoil is not None:
            leg, outcome, value = self.spoil
            out[leg, outcome] = value

    def reset(self) -> None:
        self._state = np.zeros((self.batch, len(OUTCOMES)))


class Suit:
    """All eight devices at 200 Hz, sampling on the grid: what a sample says is what the row says."""

    def __init__(self, sides: str, *, best_effort: bool = False) -> None:
        streams = {s.name: StreamConfig(port=f"/dev/{s.name}", mounting=IN_SEGMENT_AXES) for s in STREAMS}
        config = SuitConfig(
            suit=SuitTable(sides=sides),
            wearer=WEARER,
            model=ModelTable(bundle=Path("x")),
            streams=streams,
            output=OutputTable(best_effort=best_effort),
        )
        self.sides = SIDES_OF_CHOICE[sides]
        self.engine = Mixing(len(self.sides))
        self.pipeline = Pipeline(config, self.engine, self.engine)
        for index in range(len(STREAMS)):
            self.pipeline.attach(index, period_ns=PERIOD_NS)
        self._tick = START
        self.pipeline.step(START * PERIOD_NS)

    def wear(self, row: Doubles) -> Frame:
        """One sample of each device and the tick that takes it."""
        at = self._tick * PERIOD_NS
        self._tick += 1
        for index, stream in enumerate(STREAMS):
            values = [float(row[i]) for i in stream.channels]
            self.pipeline.feed(index, [_sample(stream.kind, at, values)])
        frame = self.pipeline.step(at + max(delay_ns(kind) for kind in ("imu", "insole")))
        assert frame is not None
        return frame


def _sample(kind: str, at: int, values: list[float]) -> ImuSample | InsoleSample:
    received = at + delay_ns(kind)
    accel, gyro = (values[0], values[1], values[2]), (values[3], values[4], values[5])
    if kind == "imu":
        return ImuSample(at, received, accel, gyro, None)
    force_n = values[6] * WEARER.mass_kg * STANDARD_GRAVITY
    ap_m, ml_m = (values[7] - 0.5) * WEARER.foot_length_m, (values[8] - 0.5) * WEARER.foot_width_m
    return InsoleSample(at, received, 0, 0, force_n, ap_m, ml_m, accel, gyro, None, b"", 4000, 30.0)


def _rows(count: int) -> Doubles:
    """Someone who moves about, the left foot in the air now and then."""
    random = np.random.default_rng(5)
    rows = np.asarray(CHANNEL_FILL) + 0.3 * random.uniform(-1.0, 1.0, (count, len(CHANNELS)))
    names = [channel.name for channel in CHANNELS]
    for side in "rl":
        rows[:, names.index(f"insole_{side}_vgrf")] += 0.6
    air = np.flatnonzero((np.arange(count) // 7) % 2)
    rows[air, names.index("insole_l_vgrf")] = 0.0
    for name in ("insole_l_cop_ap", "insole_l_cop_ml"):
        rows[air, names.index(name)] = np.nan
    return rows


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("leg", [0, 1])
@pytest.mark.parametrize("outcome", [0, len(OUTCOMES) - 1])
def test_an_answer_that_is_no_number_is_never_valid(bad: float, leg: int, outcome: int) -> None:
    suit, rows = Suit("both"), _rows(80)
    assert [suit.wear(row) for row in rows[:60]][-1].valid
    suit.engine.spoil = (leg, outcome, bad)
    frame = suit.wear(rows[60])
    assert not frame.valid
    assert np.isnan(frame.outcomes).all()
    suit.engine.spoil = None
    assert suit.wear(rows[61]).valid


def _by_hand(rows: Doubles, sides: tuple[str, ...]) -> Doubles:
    """What `Mixing` makes of `rows`, each side's outcomes and then their order, without the code under test."""
    told = {}
    for side in sides:
        seen = rows if side == "r" else rows[:, list(MIRROR_INDEX)] * np.asarray(MIRROR_SIGN)
        engine = Mixing(1)
        told[side] = np.empty((len(rows), 1, len(OUTCOMES)), np.float32)
        filled = np.where(np.isnan(seen), CHANNEL_FILL, seen).astype(np.float32)
        for row, out in zip(filled, told[side], strict=True):
            engine.step(row[None], out)
    order = [item.sources for item in published_outcomes(sides)]
    return np.stack([np.mean([told[side][:, 0, i] for side, i in of], axis=0) for of in order], axis=1)


@pytest.mark.parametrize("sides", ["right", "left", "both"])
def test_a_recording_at_once_tells_what_the_pipeline_tells_tick_by_tick(sides: str) -> None:
    suit, rows = Suit(sides, best_effort=True), _rows(60)
    live = np.array([suit.wear(row).outcomes for row in rows])
    engine = Mixing(len(suit.sides))
    engine.step(np.ones((engine.batch, len(CHANNELS)), np.float32), np.empty((engine.batch, 8), np.float32))
    offline = outcomes_of_rows(rows, np.asarray(CHANNEL_FILL), engine, suit.sides)
    assert offline.shape == (60, len(published_outcomes(suit.sides)))
    np.testing.assert_allclose(offline, _by_hand(rows, suit.sides), rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(live, offline, rtol=1e-5, atol=1e-4)
