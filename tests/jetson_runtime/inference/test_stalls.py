"""A reactor that stalls: what comes after is what would have come, bit for bit; only the late frames are not told."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pytest

from drivers.samples import ImuSample, InsoleSample
from jetson_runtime.inference.frame import Frame
from jetson_runtime.inference.pipeline import Pipeline
from jetson_runtime.suit.config import Limits, ModelTable, StreamConfig, SuitConfig, Wearer
from jetson_runtime.suit.signals import CHANNEL_FILL, CHANNELS, OUTCOMES, PERIOD_NS, SIDES, STREAMS
from jetson_runtime.timing.align import Policy, default_max_wait_ns

MS = 1_000_000
START_NS = 40_000 * PERIOD_NS
LENGTH_NS = 12_000 * MS
# When each stall begins and how long it is; a second between them, so that every clock closes buckets in between.
STALLS_MS = ((3_003, 50), (4_001, 8), (5_002, 200), (6_500, 250), (8_000, 1_500), (10_904, 90))


class Remembering:
    """A network whose answer depends on every row it ever saw."""

    name = "remembering"
    batch = len(SIDES)
    history = 30
    fill = CHANNEL_FILL

    def __init__(self) -> None:
        self._weights = np.random.default_rng(3).standard_normal((len(CHANNELS), len(OUTCOMES)))
        self.state = np.zeros((self.batch, len(OUTCOMES)))

    def step(self, rows: npt.NDArray[np.float32], out: npt.NDArray[np.float32]) -> None:
        self.state = 0.999 * self.state + rows @ self._weights
        out[...] = self.state

    def reset(self) -> None:
        self.state[...] = 0.0


class Arrival(NamedTuple):
    """A sample, and when its bytes can be read."""

    at_ns: int
    index: int
    sample: ImuSample | InsoleSample


def _arrivals() -> list[Arrival]:
    """Eight devices of different phases and skews; an insole's sample is always there before the tick that needs it."""
    random = np.random.default_rng(7)
    arrivals = []
    for index, stream in enumerate(STREAMS):
        imu = stream.kind == "imu"
        period = PERIOD_NS if imu else 12_500_000
        shortest, longest = (1_000_000, 1_900_000) if imu else (200_000, 900_000)
        taken = np.arange(START_NS + index * 613_000, START_NS + LENGTH_NS, period)
        device = np.rint((taken - START_NS) * (1 + 2e-5 * (index - 4))).astype(int) + index * 10**9
        delays = random.integers(shortest, longest, len(taken))
        for k, (at, device_ns, delay) in enumerate(
            zip(taken.tolist(), device.tolist(), delays.tolist(), strict=True)
        ):
            x, y, z = random.normal(0.0, 1.0, 3).tolist()
            if imu:
                sample: ImuSample | InsoleSample = ImuSample(
                    device_ns, at + delay, (x, y, z), (z, x, y), None
                )
            else:
                sample = InsoleSample(
                    device_ns, at + delay, k, 1, 300 + 200 * x, 0.01 * y, 0.0, (x, y, z), (z, x, y), None, b"", 0, 0.0
                )  # fmt: skip
            arrivals.append(Arrival(at + delay, index, sample))
    return sorted(arrivals, key=lambda arrival: arrival.at_ns)


def _play(
    policy: Policy, stalls_ms: tuple[tuple[int, int], ...]
) -> tuple[dict[int, Frame], Pipeline, Remembering]:
    """Frames by number. The reactor wakes at each arrival and each deadline, but not during a stall."""
    engine = Remembering()
    config = SuitConfig(
        wearer=Wearer(mass_kg=70.0, foot_length_m=0.27, foot_width_m=0.1),
        model=ModelTable(bundle=Path("x")),
        limits=Limits(policy=policy),
        streams={stream.name: StreamConfig(port=f"/dev/{stream.name}", delay_ms=0.0) for stream in STREAMS},
    )
    pipeline = Pipeline(config, engine, engine)
    for index, stream in enumerate(STREAMS):
        pipeline.attach(index, period_ns=PERIOD_NS if stream.kind == "imu" else 12_500_000)
    stalls = [(START_NS + begin * MS, START_NS + (begin + length) * MS) for begin, length in stalls_ms]
    frames: dict[int, Frame] = {}

    def step(now_ns: int) -> None:
        while (frame := pipeline.step(now_ns)) is not None:
            frames[frame.seq] = frame

    for arrival in _arrivals():
        while stalls and stalls[0][1] <= arrival.at_ns:
            step(stalls.pop(0)[1])
        asleep = bool(stalls) and stalls[0][0] <= arrival.at_ns
        while not asleep and (deadline_ns := pipeline.next_deadline_ns) and deadline_ns < arrival.at_ns:
            step(deadline_ns)
        pipeline.feed(arrival.index, [arrival.sample])  # type: ignore[list-item]
        if not asleep:
            step(arrival.at_ns)
    return frames, pipeline, engine


def _told(frame: Frame) -> str:
    """As text, in which a NaN equals a NaN; the newest samples are those of the moment, so later after a stall."""
    return repr(frame._replace(sensed=()))


@pytest.mark.parametrize("policy", ["low_latency", "smooth"])
def test_after_a_stall_frames_are_those_of_a_run_without_one(policy: Policy) -> None:
    calm, calm_pipeline, calm_engine = _play(policy, ())
    late, late_pipeline, late_engine = _play(policy, STALLS_MS)
    assert calm_pipeline.late_ticks == 0
    assert set(late) < set(calm)
    not_told = len(calm) - len(late)
    assert late_pipeline.late_ticks == not_told
    wait_ms = default_max_wait_ns(policy) // MS
    past_deadline = sum(max(0, length - wait_ms) for _, length in STALLS_MS) * MS // PERIOD_NS
    assert abs(not_told - past_deadline) <= 2 * len(STALLS_MS)
    assert [_told(frame) for frame in late.values()] == [_told(calm[seq]) for seq in late]
    assert np.array_equal(late_engine.state, calm_engine.state)
    first = next(seq for seq, frame in calm.items() if frame.valid)
    assert all(frame.valid for seq, frame in late.items() if seq >= first)
    assert late_pipeline.skipped_ticks == 0
