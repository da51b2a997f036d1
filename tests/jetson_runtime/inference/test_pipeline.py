"""The pipeline on samples with chosen times: pacing, validity, gaps, late wake-ups, mounting."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pytest

from drivers.samples import ImuSample, InsoleSample
from jetson_runtime.inference.frame import Frame
from jetson_runtime.inference.pipeline import MAX_BACKLOG_NS, Pipeline
from jetson_runtime.suit.config import ModelTable, StreamConfig, SuitConfig, SuitTable, Wearer
from jetson_runtime.suit.signals import (
    CHANNEL_FILL,
    CHANNEL_INDEX,
    PERIOD_NS,
    STANDARD_GRAVITY,
    STREAM_INDEX,
    STREAMS,
    published_outcomes,
)

MS = 1_000_000
START = 50_000 * PERIOD_NS
HISTORY = 20
WEARER = Wearer(mass_kg=70.0, foot_length_m=0.27, foot_width_m=0.10)
STILL = (0.0, STANDARD_GRAVITY, 0.0)


class Summing:
    """A network with a memory: the outcome j is channel j summed over the last HISTORY + 1 rows."""

    name = "summing"
    history = HISTORY
    fill = CHANNEL_FILL

    def __init__(self, batch: int) -> None:
        self.batch = batch
        self.past = np.zeros((HISTORY + 1, batch, 54))
        self.steps = 0

    def step(self, rows: np.ndarray, out: np.ndarray) -> None:
        self.past = np.concatenate([self.past[1:], rows[None]])
        self.steps += 1
        out[:] = self.past.sum(axis=0)[:, :8]

    def reset(self) -> None:
        self.past[:] = 0


def _config(
    sides: str = "both", wearer: Wearer | None = WEARER, mounting: str = "x_forward_z_right"
) -> SuitConfig:
    streams = {
        stream.name: StreamConfig(port=f"/dev/{stream.name}", mounting=mounting)
        if stream.kind == "imu"
        else StreamConfig(port=f"/dev/{stream.name}")
        for stream in STREAMS
    }
    return SuitConfig(
        suit=SuitTable.model_validate({"sides": sides}),
        wearer=wearer,
        model=ModelTable(bundle=Path("b")),
        streams=streams,
    )


class Suit:
    """Eight ideal devices: sample k of each at START + k periods, read 0.5 ms later."""

    def __init__(self, config: SuitConfig | None = None) -> None:
        config = config or _config()
        self.engine = Summing(len(config.sides))
        self.pipeline = Pipeline(config, self.engine, self.engine)
        self.sent = 0
        for i in range(len(STREAMS)):
            self.pipeline.attach(i, period_ns=PERIOD_NS)

    def play(self, ticks: int, absent: tuple[str, ...] = (), silent_wake: bool = False) -> list[Frame]:
        frames = []
        for _ in range(ticks):
            at = START + self.sent * PERIOD_NS
            for stream in STREAMS:
                if stream.name not in absent:
                    self.feed(stream.name, at, self.sent)
            self.sent += 1
            frame = None if silent_wake else self.pipeline.step(at + MS // 2)
            if frame is not None:
                frames.append(frame)
        return frames

    def feed(self, name: str, at: int, k: int, accel: tuple[float, float, float] = STILL) -> None:
        device_ns, receive_ns = at - START + 7_000_000_000, at + MS // 2
        gyro = (math.sin(k / 7), 0.0, 0.1)
        index = STREAM_INDEX[name]
        if name.startswith("imu"):
            self.pipeline.feed(index, [ImuSample(device_ns, receive_ns, accel, gyro, None)])
        else:
            force = 35.0 * STANDARD_GRAVITY
            sample = InsoleSample(
                device_ns, receive_ns, k, 0, force, 0.027, -0.01, accel, gyro, None, (), 4000, 30.0
            )
            self.pipeline.feed(index, [sample])


def test_frames_come_every_tick_and_settle_after_the_networks_history() -> None:
    suit = Suit()
    frames = suit.play(60)
    assert [b.seq - a.seq for a, b in itertools.pairwise(frames)] == [1] * (len(frames) - 1)
    assert all(frame.t_ns == frame.seq * PERIOD_NS for frame in frames)
    first = next(i for i, frame in enumerate(frames) if frame.valid)
    fresh = next(i for i, frame in enumerate(frames) if not frame.missing)
    assert first - fresh == HISTORY
    settling = frames[fresh:first]
    assert {frame.state for frame in settling} == {"settling"}
    assert [round(frame.settling_ms) for frame in settling[-3:]] == [15, 10, 5]
    assert all(frame.state == "running" and frame.valid for frame in frames[first:])


def test_values_are_nan_until_valid_and_numbers_after() -> None:
    for frame in Suit().play(60):
        assert all(math.isfinite(value) == frame.valid for value in frame.outcomes)


def test_a_missing_stream_is_named_and_the_history_starts_anew() -> None:
    suit = Suit()
    assert suit.play(60)[-1].valid
    frames = suit.play(40, absent=("imu_thigh_r",))
    lost = [frame for frame in frames if frame.missing]
    assert lost
    assert all(
        frame.missing == ("imu_thigh_r",) and frame.state == "degraded" and not frame.valid for frame in lost
    )
    # Held for 20 ms, so missing from the fifth tick without it.
    assert frames[-1].seq - lost[0].seq == len(lost) - 1 >= 30
    back = suit.play(HISTORY + 5)
    assert not back[HISTORY - 2].valid
    assert back[-1].valid


def test_one_lost_packet_is_bridged() -> None:
    suit = Suit()
    suit.play(60)
    frames = suit.play(1, absent=("imu_shank_l",)) + suit.play(10)
    assert len(frames) >= 9
    assert all(frame.valid for frame in frames)


def test_a_late_wake_up_steps_through_the_missed_ticks_without_loss_of_state() -> None:
    calm, late = Suit(), Suit()
    expected = calm.play(120)[-1]
    late.play(60)
    late.play(59, silent_wake=True)
    got = late.play(1)
    assert len(got) == 1
    assert got[0].seq == expected.seq
    assert got[0].outcomes == expected.outcomes
    assert got[0].valid
    assert late.engine.steps == calm.engine.steps
    assert late.pipeline.late_ticks == 59


def test_a_backlog_of_more_than_two_seconds_starts_the_history_anew() -> None:
    suit = Suit()
    before = suit.play(60)[-1]
    suit.sent += (MAX_BACKLOG_NS // PERIOD_NS) + 100
    after = suit.play(HISTORY + 10)
    assert not after[0].valid
    assert after[0].seq - before.seq > 400
    assert suit.pipeline.skipped_ticks > 400
    assert after[-1].valid


def test_no_device_at_all_is_waiting_and_still_a_frame_each_tick() -> None:
    suit = Suit()
    frames = [suit.pipeline.step(START + k * PERIOD_NS) for k in range(1, 30)]
    told = [frame for frame in frames if frame is not None]
    assert len(told) >= 25
    assert all(
        frame.state == "waiting" and len(frame.missing) == 8 and frame.oldest_ns is None for frame in told
    )


def test_without_a_wearer_frames_are_never_valid() -> None:
    frames = Suit(_config(wearer=None)).play(80)
    assert not any(frame.valid for frame in frames)
    assert frames[-1].state == "running"


def test_force_and_centre_in_the_wearers_units() -> None:
    right, left = Suit().play(60)[-1].ground
    assert right == pytest.approx((0.5, 0.6, 0.4, True))
    assert left == right


@pytest.mark.parametrize(("sides", "count"), [("right", 8), ("left", 8), ("both", 14)])
def test_one_side_or_both(sides: str, count: int) -> None:
    config = _config(sides)
    frame = Suit(config).play(60)[-1]
    assert len(frame.outcomes) == len(published_outcomes(config.sides)) == count
    assert frame.valid


def test_the_left_leg_is_the_mirrored_suit() -> None:
    """Outcome 3 of the summing network is channel 3, the back's gyro x, which changes its sign in the mirror."""
    both = Suit().play(60)[-1].outcomes
    right = Suit(_config("right")).play(60)[-1].outcomes
    left = Suit(_config("left")).play(60)[-1].outcomes
    lumbar = [item.name for item in published_outcomes(("r", "l"))].index("lumbar_extension")
    assert right[3] == pytest.approx(-left[3])
    assert both[lumbar] == pytest.approx((right[3] + left[3]) / 2)


def test_a_sensor_mounted_90_degrees_off_what_the_config_says_is_seen_in_gravity() -> None:
    """The suit as told: x forward, z right. The back sensor really sits turned about x: gravity is on its z axis."""
    suit = Suit()
    column = CHANNEL_INDEX["back_accel_y"]
    for k in range(30):
        for stream in STREAMS:
            turned = (0.0, 0.0, STANDARD_GRAVITY)
            suit.feed(stream.name, START + k * PERIOD_NS, k, turned if stream.name == "imu_back" else STILL)
        suit.pipeline.step(START + k * PERIOD_NS + MS)
    assert suit.pipeline.row[column] == pytest.approx(0.0)
    assert suit.pipeline.row[column + 1] == pytest.approx(STANDARD_GRAVITY)
    assert suit.pipeline.row[CHANNEL_INDEX["pelvis_accel_y"]] == pytest.approx(STANDARD_GRAVITY)


def test_nan_samples_make_a_stream_missing_not_a_number() -> None:
    suit = Suit()
    suit.play(60)
    nan = float("nan")
    at = START + suit.sent * PERIOD_NS
    for stream in STREAMS:
        suit.feed(stream.name, at, suit.sent, (nan, nan, nan) if stream.name == "imu_pelvis" else STILL)
    frame = suit.pipeline.step(at + MS)
    assert frame is not None
    assert frame.missing == ("imu_pelvis",)
    assert not frame.valid
