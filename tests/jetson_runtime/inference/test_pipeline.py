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
from jetson_runtime.suit.mounting import MOUNTINGS
from jetson_runtime.suit.output import OutputTable
from jetson_runtime.suit.signals import (
    CHANNEL_FILL,
    PERIOD_NS,
    STANDARD_GRAVITY,
    STREAM_INDEX,
    STREAMS,
    published_outcomes,
)
from jetson_runtime.suit.state import Worn

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
        stream.name: StreamConfig(port=f"/dev/{stream.name}", mounting=mounting, delay_ms=0.5)
        if stream.kind == "imu"
        else StreamConfig(port=f"/dev/{stream.name}", delay_ms=0.5)
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
            while not silent_wake and (frame := self.pipeline.step(at + MS // 2)) is not None:
                frames.append(frame)
        return frames

    def feed(
        self,
        name: str,
        at: int,
        k: int,
        accel: tuple[float, float, float] = STILL,
        *,
        gyro_x: float | None = None,
        step_ns: int = 0,
        force: float = 0.5,
    ) -> None:
        device_ns, receive_ns = at - START + 7_000_000_000 + step_ns, at + MS // 2
        gyro = (math.sin(k / 7) if gyro_x is None else gyro_x, 0.0, 0.1)
        index = STREAM_INDEX[name]
        if name.startswith("imu"):
            self.pipeline.feed(index, [ImuSample(device_ns, receive_ns, accel, gyro, None)])
        else:
            force_n = force * 70.0 * STANDARD_GRAVITY
            sample = InsoleSample(
                device_ns, receive_ns, k, 0, force_n, 0.027, -0.01, accel, gyro, None, b"", 4000, 30.0
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
    assert [frame.seq for frame in got] == [expected.seq - 1, expected.seq], (
        "those within their deadline of 8 ms"
    )
    assert got[-1].outcomes == expected.outcomes
    assert all(frame.valid for frame in got)
    assert late.engine.steps == calm.engine.steps
    assert late.pipeline.late_ticks == 58


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


@pytest.mark.parametrize("before", [None, WEARER])
def test_after_another_wearer_the_history_starts_anew(before: Wearer | None) -> None:
    """What the network saw until then was scaled by another mass, or had no load at all."""
    suit = Suit(_config(wearer=before))
    suit.play(60)
    other = Worn(WEARER.model_copy(update={"mass_kg": 100.0}), {})
    suit.pipeline.wear(other)
    frames = suit.play(40)
    assert [frame.valid for frame in frames[: HISTORY - 1]] == [False] * (HISTORY - 1)
    assert frames[-1].valid
    suit.pipeline.wear(other)
    assert all(frame.valid for frame in suit.play(5)), "the same as before changes nothing"


def test_force_and_centre_in_the_wearers_units() -> None:
    right, left = Suit().play(60)[-1].ground
    assert right == pytest.approx((0.5, 0.6, 0.4, True, None, None))
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


def _row_of(mounting_told: str, mounting_real: str, motion: tuple[float, ...]) -> np.ndarray:
    """The back's six values after 15 ticks of constant `motion` in segment axes, seen by a sensor really mounted so."""
    suit = Suit(_config(mounting=mounting_told))
    rotation = MOUNTINGS[mounting_real]
    accel, gyro = (tuple((rotation.T @ np.array(part)).tolist()) for part in (motion[:3], motion[3:]))
    index = STREAM_INDEX["imu_back"]
    for k in range(15):
        at = START + k * PERIOD_NS
        suit.pipeline.feed(index, [ImuSample(at - START, at + MS // 2, accel, gyro, None)])
        suit.pipeline.step(at + MS)
    return suit.pipeline.row[list(STREAMS[index].channels)]


@pytest.mark.parametrize("mounting", ["x_forward_z_right", "x_up_z_back", "x_forward_z_down", "x_left_z_up"])
def test_the_mounting_turns_sensor_axes_into_segment_axes(mounting: str) -> None:
    motion = (0.5, STANDARD_GRAVITY, -0.3, 0.1, 0.2, 0.3)
    assert _row_of(mounting, mounting, motion) == pytest.approx(motion)


def test_a_sensor_mounted_90_degrees_off_what_the_config_says_is_seen_in_gravity() -> None:
    motion = (0.0, STANDARD_GRAVITY, 0.0, 0.1, 0.2, 0.3)
    row = _row_of("x_up_z_back", "x_left_z_back", motion)
    assert abs(row[1]) < 0.01
    assert abs(row[2]) == pytest.approx(STANDARD_GRAVITY)


def test_a_lost_devices_old_samples_are_forgotten_when_it_comes_back() -> None:
    suit = Suit()
    suit.play(60)
    index = STREAM_INDEX["imu_back"]
    suit.pipeline.detach(index)
    suit.pipeline.attach(index, period_ns=PERIOD_NS)
    frame = suit.play(1, absent=("imu_back",))[-1:] or suit.play(2, absent=("imu_back",))[-1:]
    assert frame[0].missing == ("imu_back",)


def test_best_effort_gives_numbers_that_are_not_called_valid() -> None:
    config = _config().model_copy(update={"output": OutputTable(best_effort=True)})
    suit = Suit(config)
    suit.play(60)
    frame = suit.play(20, absent=("imu_thigh_r",))[-1]
    assert frame.missing == ("imu_thigh_r",)
    assert not frame.valid
    assert all(map(math.isfinite, frame.outcomes))


def test_a_silent_stream_delays_ticks_only_until_it_is_missing() -> None:
    suit = Suit()
    suit.play(60)
    suit.play(20, absent=("imu_thigh_r",))
    frames = suit.play(20, absent=("imu_thigh_r",))
    assert len(frames) == 20
    assert suit.pipeline.next_deadline_ns is not None
    newest = START + (suit.sent - 1) * PERIOD_NS
    assert frames[-1].t_ns >= newest - PERIOD_NS, "the tick waited for its deadline"


def test_contact_has_hysteresis() -> None:
    suit = Suit()
    seen = []
    for force in (0.0, 0.04, 0.06, 0.04, 0.02, 0.04):
        for _ in range(4):
            at = START + suit.sent * PERIOD_NS
            suit.feed("insole_r", at, suit.sent, force=force)
            suit.sent += 1
            frame = suit.pipeline.step(at + 9 * MS)
        assert frame is not None
        seen.append(frame.ground[0].contact)
    assert seen == [False, False, True, True, False, False]


def test_lost_packets_are_counted() -> None:
    suit = Suit()
    suit.play(20)
    suit.play(3, absent=("imu_back",))
    suit.play(5)
    assert suit.pipeline.health(STREAM_INDEX["imu_back"], START + suit.sent * PERIOD_NS).drops == 3
    assert suit.pipeline.health(STREAM_INDEX["imu_pelvis"], START + suit.sent * PERIOD_NS).drops == 0


@pytest.mark.parametrize("name", ["imu_back", "insole_r"])
@pytest.mark.parametrize("step_ms", [300, 5_000, 19_000, -300])
def test_no_frame_is_valid_with_the_data_of_another_time_when_a_device_clock_steps(
    name: str, step_ms: int
) -> None:
    """The device tells its sample number in gyro x; after the step the row must still hold the number of its time."""
    suit = Suit()
    index = STREAM_INDEX[name]
    column = STREAMS[index].channels[3]
    wrong, valid = 0, 0
    for k in range(400):
        at = START + k * PERIOD_NS
        for stream in STREAMS:
            step = step_ms * MS if stream.name == name and k >= 100 else 0
            suit.feed(stream.name, at, k, step_ns=step, gyro_x=float(k))
        frame = suit.pipeline.step(at + MS // 2)
        if frame is not None and frame.valid:
            valid += 1
            wrong += abs(suit.pipeline.row[column] - (frame.t_ns - START) / PERIOD_NS) > 3
    assert wrong == 0
    assert valid > 300


def test_refused_samples_do_not_make_ticks_wait() -> None:
    suit = Suit()
    suit.play(60)
    index = STREAM_INDEX["imu_back"]
    frozen_ns = (suit.sent - 1) * PERIOD_NS + 7_000_000_000
    kept = 0
    for _ in range(40):
        at = START + suit.sent * PERIOD_NS
        for stream in STREAMS:
            if stream.name != "imu_back":
                suit.feed(stream.name, at, suit.sent)
        kept += suit.pipeline.feed(index, [ImuSample(frozen_ns, at + MS // 2, STILL, (0.0, 0.0, 0.0), None)])
        suit.sent += 1
        frame = suit.pipeline.step(at + MS // 2)
    assert kept == 0
    assert frame is not None
    assert frame.missing == ("imu_back",)


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
