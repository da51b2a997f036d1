"""What a frame says of itself: how wide, and what is unusual, from a model fitted by hand."""

from __future__ import annotations

import dataclasses

import array_counter
import numpy as np
import numpy.typing as npt
import pytest
from test_pipeline import HISTORY, Suit, _config

from jetson_runtime.inference.confidence import WIDTH_INPUTS, Confidence, Fitted
from jetson_runtime.inference.pipeline import Pipeline
from jetson_runtime.inference.watch import (
    DEVICES_OF_A_MOVEMENT,
    FEATURES,
    HOLD_LOOKS,
    LOOKS_TO_WARN,
    MOVEMENT,
    VIEWS,
    Watch,
)
from jetson_runtime.inference.window import BLOCK_TICKS, BLOCKS
from jetson_runtime.suit.signals import (
    CHANNEL_FILL,
    CHANNELS,
    MIRROR_INDEX,
    MIRROR_SIGN,
    OUTCOMES,
    SIDES,
    STREAM_INDEX,
    STREAM_NAMES,
    STREAMS,
    published_outcomes,
)

Doubles = npt.NDArray[np.float64]
VIEWED = len(VIEWS) * len(STREAMS)
QUIET = [0.0] * VIEWED


def fitted(**changes: object) -> Fitted:
    """Widths of e each, a device unusual where its mean reading is 30 away from what is filled in."""
    devices, views = len(STREAMS), len(VIEWS)
    width = np.zeros((WIDTH_INPUTS, len(OUTCOMES)))
    width[0] = 1.0
    centre, whiten = np.zeros((views, devices, FEATURES)), np.zeros((views, devices, FEATURES, FEATURES))
    for device, stream in enumerate(STREAMS):
        means = np.arange(len(stream.channels))
        centre[0, device, means] = np.asarray(CHANNEL_FILL)[list(stream.channels)]
        whiten[0, device, means, means] = 1.0
    made = Fitted(
        coverage=np.array(0.9),
        false_alarms=np.array(0.01),
        width=width,
        factor=np.arange(1.0, 9.0),
        factor_of_mean=10.0 * np.arange(1.0, 9.0),
        prediction=np.zeros((len(CHANNELS), len(CHANNELS))),
        offset=np.zeros(len(CHANNELS)),
        centre=centre,
        whiten=whiten,
        prototypes=np.zeros((views, devices, 3, FEATURES)),
        threshold=np.full(VIEWED, 30.0),
        movement=np.array(0.9),
    )
    return dataclasses.replace(made, **changes)


def _told(rows: Doubles) -> list[tuple[str, ...]]:
    confidence = Confidence(fitted(), SIDES, CHANNEL_FILL)
    told = []
    for row in rows:
        confidence.update(row)
        told.append(confidence.unusual)
    return told


def _still(count: int) -> Doubles:
    return np.tile(np.asarray(CHANNEL_FILL), (count, 1))


def test_a_device_that_reads_far_off_is_named_within_a_second_and_until_a_second_after() -> None:
    rows = _still(1000)
    rows[300:600, 13] += 100.0
    told = _told(rows)
    assert CHANNELS[13].part == "thigh_r"
    first = next(i for i, names in enumerate(told) if names)
    last = max(i for i, names in enumerate(told) if names)
    assert 300 < first < 500
    assert set(told[first : last + 1]) == {("imu_thigh_r",)}
    whole = BLOCKS * BLOCK_TICKS
    assert 600 < last < 600 + whole + (HOLD_LOOKS + 1) * BLOCK_TICKS


def test_nothing_is_unusual_before_the_window_is_full() -> None:
    assert not any(_told(_still(BLOCKS * BLOCK_TICKS) + 1e3))


@pytest.mark.parametrize("view", range(len(VIEWS)))
def test_one_look_is_chance_two_are_a_warning_that_is_held(view: int) -> None:
    watch = Watch([1.0] * VIEWED, 0.9)
    loud = QUIET.copy()
    loud[view * len(STREAMS) + STREAM_INDEX["insole_l"]] = 4.0
    watch.look(loud)
    assert watch.unusual == ()
    for _ in range(LOOKS_TO_WARN - 1):
        watch.look(loud)
    assert watch.unusual == ("insole_l",)
    for _ in range(HOLD_LOOKS - 1):
        watch.look(QUIET)
        assert watch.unusual == ("insole_l",)
    watch.look(QUIET)
    assert watch.unusual == ()


def test_those_dragged_along_are_not_named() -> None:
    watch = Watch([1.0] * VIEWED, 0.9)
    for _ in range(LOOKS_TO_WARN):
        watch.look([25.0, 2.0, *QUIET[2:]])
    assert watch.unusual == ("imu_back",)


def test_half_of_the_suit_at_once_is_a_movement() -> None:
    watch = Watch([1.0] * VIEWED, 0.9)
    for _ in range(LOOKS_TO_WARN):
        watch.look([0.85] * DEVICES_OF_A_MOVEMENT + QUIET[DEVICES_OF_A_MOVEMENT:])
    assert watch.unusual == (MOVEMENT,)


def test_a_width_is_that_of_the_leg_and_the_lower_back_that_of_the_mean() -> None:
    outcomes = np.zeros((2, len(OUTCOMES)), np.float32)
    both = Confidence(fitted(), SIDES, CHANNEL_FILL).half_widths(outcomes)
    one = Confidence(fitted(), ("l",), CHANNEL_FILL).half_widths(outcomes[:1])
    factor = [i + 1.0 if outcome.sided else 10.0 * (i + 1.0) for i, outcome in enumerate(OUTCOMES)]
    assert np.allclose(both, np.e * np.array([*factor, *factor]))
    assert np.allclose(one, np.e * np.arange(1.0, 9.0))


def test_a_width_beyond_all_measure_is_still_a_number() -> None:
    confidence = Confidence(fitted(width=np.full((WIDTH_INPUTS, len(OUTCOMES)), 1e3)), SIDES, CHANNEL_FILL)
    assert np.isfinite(confidence.half_widths(np.full((2, len(OUTCOMES)), 1e3, np.float32))).all()


def test_the_left_leg_is_judged_as_the_right_one_of_the_mirrored_suit() -> None:
    random = np.random.default_rng(3)
    own = fitted(width=0.1 * random.normal(size=(WIDTH_INPUTS, len(OUTCOMES))))
    rows = _still(400) + random.normal(size=(400, len(CHANNELS)))
    mirrored = rows[:, list(MIRROR_INDEX)] * np.asarray(MIRROR_SIGN)
    outcomes = random.normal(size=(2, len(OUTCOMES))).astype(np.float32)
    told = []
    for seen, answers in ((rows, outcomes), (mirrored, outcomes[::-1])):
        confidence = Confidence(own, SIDES, CHANNEL_FILL)
        for row in seen:
            confidence.update(row)
        told.append(np.reshape(confidence.half_widths(np.ascontiguousarray(answers)), (2, -1)))
    assert np.allclose(told[0], told[1][::-1])
    assert not np.allclose(told[0], told[1])


def test_a_tick_makes_no_array() -> None:
    confidence = Confidence(fitted(), SIDES, CHANNEL_FILL)
    outcomes = np.zeros((2, len(OUTCOMES)), np.float32)
    rows = _still(400)
    for row in rows:
        confidence.update(row)
    with array_counter.counted() as sizes:
        for row in rows:
            confidence.update(row)
            confidence.half_widths(outcomes)
    assert [size for size in sizes if size > 16] == []


def test_what_does_not_fit_the_suit_is_named() -> None:
    assert fitted().faults() == []
    wrong = fitted(factor=np.ones(7), threshold=np.full(VIEWED, np.nan)).faults()
    assert wrong == ["factor: shape is (7,), the suit's is (8,)", "threshold: is not all finite"]


class _Judged(Suit):
    """A suit whose bundle was calibrated; the network's outcomes do not matter to these widths."""

    def __init__(self, sides: str = "both") -> None:
        config = _config(sides)
        super().__init__(config)
        self.pipeline = Pipeline(config, self.engine, self.engine, fitted())
        for i, stream in enumerate(STREAMS):
            assert stream.name == STREAM_NAMES[i]
            self.pipeline.attach(i, period_ns=5_000_000)


@pytest.mark.parametrize("sides", ["both", "left"])
def test_a_valid_frame_has_an_interval_in_the_order_of_its_outcomes(sides: str) -> None:
    frames = _Judged(sides).play(HISTORY + 40)
    letters = SIDES if sides == "both" else ("l",)
    wanted = []
    for item in published_outcomes(letters):
        place = OUTCOMES.index(item.outcome) + 1.0
        wanted.append(np.e * (place if len(item.sources) == 1 else 10.0 * place))
    assert frames[-1].valid
    assert frames[-1].interval == pytest.approx(wanted)
    early = next(frame for frame in frames if not frame.valid)
    assert np.isnan(early.interval).all()
    assert len(early.interval) == len(wanted)


def test_an_unusual_frame_has_no_interval_but_its_outcomes() -> None:
    suit = _Judged()
    suit.play(HISTORY + 40)
    told = []
    for _ in range(200):
        at = 50_000 * 5_000_000 + suit.sent * 5_000_000
        for stream in STREAMS:
            accel = (200.0, 9.8, 0.0) if stream.name == "imu_shank_l" else (0.0, 9.8, 0.0)
            suit.feed(stream.name, at, suit.sent, accel)
        suit.sent += 1
        while (frame := suit.pipeline.step(at + 500_000)) is not None:
            told.append(frame)
    assert told[-1].unusual == ("imu_shank_l",)
    assert told[-1].valid
    assert np.isnan(told[-1].interval).all()
    assert np.isfinite(told[-1].outcomes).all()


def test_a_missing_stream_is_missing_and_not_unusual() -> None:
    suit = _Judged()
    suit.play(200)
    frames = suit.play(200, absent=("imu_back", "insole_r"))
    assert frames[-1].missing == ("imu_back", "insole_r")
    assert not {name for frame in frames for name in frame.unusual} & set(frames[-1].missing)


def test_without_a_calibration_nothing_is_known_and_nothing_unusual() -> None:
    frames = Suit().play(HISTORY + 40)
    assert frames[-1].valid
    assert np.isnan(frames[-1].interval).all()
    assert all(frame.unusual == () for frame in frames)
