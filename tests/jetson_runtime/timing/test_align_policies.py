"""The two policies, fast devices, lost packets, and what a row costs."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from sine_trial import sines

from jetson_runtime.suit.signals import PERIOD_NS, STREAM_INDEX, STREAM_NAMES, STREAMS
from jetson_runtime.suit.trial import Trial
from jetson_runtime.timing.align import Aligner, Policy, default_max_wait_ns, empty_row
from jetson_runtime.timing.resample import Link, random_links, resample_trial

MS = 1_000_000
FRESH = [20 * MS if stream.kind == "imu" else 45 * MS for stream in STREAMS]
BACK, INSOLE = STREAM_INDEX["imu_back"], STREAM_INDEX["insole_r"]
FOOT = list(STREAMS[INSOLE].channels)
STILL = (0.0, 9.8, 0.0, 0.0, 0.0, 0.0)
NAN = float("nan")
IMUS = [c for stream in STREAMS if stream.kind == "imu" for c in stream.channels]
FEET = [c for stream in STREAMS if stream.kind == "insole" for c in stream.channels[:7]]


def _row(aligner: Aligner, t_ms: float) -> np.ndarray:
    row = empty_row()
    aligner.row(round(t_ms * MS), row)
    return row


def _insole(first: tuple[float, ...], second: tuple[float, ...], policy: Policy = "smooth") -> Aligner:
    """Two samples of the right insole, 10 and 20 ms, with these loads."""
    aligner = Aligner(FRESH, policy)
    aligner.push(INSOLE, 10 * MS, (1.0,) * 6 + first)
    aligner.push(INSOLE, 20 * MS, (2.0,) * 6 + second)
    return aligner


def moving(seconds: float = 4.0) -> Trial:
    """Channels of sines of 3 to 18 Hz, forces always enough for a centre."""
    return sines(seconds, 3, 18)


def _error(rows: np.ndarray, trial: Trial, columns: list[int]) -> float:
    return float(np.sqrt(np.nanmean((rows - trial.channels)[5:-20, columns] ** 2)))


def test_a_smooth_tick_waits_for_each_live_insoles_next_sample() -> None:
    aligner = Aligner(FRESH, "smooth")
    aligner.push(BACK, 15 * MS, STILL)
    aligner.push(INSOLE, 4 * MS, (0.0,) * 9)
    assert not aligner.ready(12 * MS)
    aligner.push(INSOLE, 17 * MS, (0.0,) * 9)
    assert aligner.ready(12 * MS)


def test_the_smooth_wait_lets_the_slowest_insole_come() -> None:
    slowest_ns = 1e9 / 75.13 + 6.4 * MS
    assert default_max_wait_ns("low_latency") == 8 * MS
    assert slowest_ns < default_max_wait_ns("smooth") < slowest_ns + PERIOD_NS


def test_where_no_later_sample_came_a_smooth_row_holds_the_newest() -> None:
    aligner = Aligner(FRESH, "smooth")
    aligner.push(INSOLE, 10 * MS, (1.0,) * 6 + (0.8, 0.4, 0.5))
    assert _row(aligner, 34)[FOOT].tolist() == [1.0] * 6 + [0.8, 0.4, 0.5]
    assert not aligner.ready(34 * MS)


def test_smooth_interpolates_foot_force_and_centre() -> None:
    row = _row(_insole((0.4, 0.2, 0.5), (0.8, 0.6, 0.3)), 15)
    assert row[FOOT].tolist() == pytest.approx([1.5] * 6 + [0.6, 0.4, 0.4])


@pytest.mark.parametrize(
    ("first", "second", "at_ms", "centre"),
    [
        ((0.0, NAN, NAN), (0.8, 0.3, 0.5), 15, (0.3, 0.5)),
        ((0.0, NAN, NAN), (0.8, 0.3, 0.5), 10.5, (NAN, NAN)),
        ((0.8, 0.7, 0.4), (0.0, NAN, NAN), 15, (0.7, 0.4)),
        ((0.8, 0.7, 0.4), (0.0, NAN, NAN), 19.5, (NAN, NAN)),
        ((0.8, NAN, NAN), (0.8, NAN, NAN), 15, (NAN, NAN)),
    ],
)
def test_smooth_never_mixes_a_defined_with_an_undefined_centre(
    first: tuple[float, ...], second: tuple[float, ...], at_ms: float, centre: tuple[float, float]
) -> None:
    row = _row(_insole(first, second), at_ms)
    assert np.isfinite(row[FOOT[:7]]).all()
    np.testing.assert_array_equal(row[FOOT[7:]], centre)


def test_an_invalid_foot_imu_makes_the_insole_missing_and_leaves_its_force() -> None:
    for policy in ("low_latency", "smooth"):
        aligner = Aligner(FRESH, policy)
        aligner.push(INSOLE, 10 * MS, (NAN,) * 6 + (0.8, 0.4, 0.5))
        aligner.push(INSOLE, 20 * MS, (NAN,) * 6 + (0.8, 0.4, 0.5))
        assert _row(aligner, 15)[FOOT[6]] == pytest.approx(0.8)
        assert not aligner.streams[INSOLE].fresh
        assert "insole_r" in aligner.missing


def test_the_oldest_sample_and_the_missing_streams_are_told() -> None:
    aligner = Aligner(FRESH)
    assert aligner.missing == STREAM_NAMES
    assert aligner.oldest_ns is None
    for k in range(3):
        for i in range(len(STREAMS)):
            aligner.push(i, (10 + 5 * k) * MS + i, STILL + (0.5,) * 3)
    _row(aligner, 17)
    told = aligner.missing
    assert told == ()
    assert aligner.oldest_ns == 15 * MS
    _row(aligner, 18)
    assert aligner.missing is told
    _row(aligner, 41)
    assert aligner.missing == STREAM_NAMES[:6]
    assert aligner.oldest_ns == 20 * MS + 6


def test_rows_follow_the_table_of_channels() -> None:
    aligner = Aligner(FRESH)
    for i, stream in enumerate(STREAMS):
        aligner.push(i, 10 * MS, tuple(float(c) for c in stream.channels))
    assert _row(aligner, 10).tolist() == list(range(54))


@pytest.mark.parametrize("rate_hz", [200.0, 250.0, 500.0])
def test_interpolated_channels_are_far_nearer_the_truth_than_held_ones(rate_hz: float) -> None:
    trial = moving()
    links = tuple(
        link._replace(rate_hz=rate_hz) if stream.kind == "imu" else link
        for stream, link in zip(STREAMS, random_links(3), strict=True)
    )
    low, smooth = (resample_trial(trial, 3, links=links, policy=p) for p in ("low_latency", "smooth"))
    held = np.roll(trial.channels, 1, axis=0)  # 5 ms late
    assert _error(low, trial, IMUS) < 0.12 * _error(held, trial, IMUS)
    assert _error(smooth, trial, FEET) < 0.2 * _error(low, trial, FEET)


def test_a_parabola_is_nearer_the_truth_than_a_line() -> None:
    errors = {"line": [], "parabola": []}
    for phase_ms in np.arange(0.25, 5, 0.5):
        aligner, at = Aligner(FRESH), np.arange(60) * 5 + phase_ms
        for t_ms in at:
            aligner.push(BACK, round(t_ms * MS), (float(np.sin(0.1 * t_ms)),) * 6)  # 16 Hz
        grid = np.arange(50, 250, 5)
        got = np.array([_row(aligner, t)[0] for t in grid])
        errors["parabola"].append(got - np.sin(0.1 * grid))
        errors["line"].append(np.interp(grid, at, np.sin(0.1 * at)) - np.sin(0.1 * grid))
    rms = {name: np.sqrt(np.mean(np.square(error))) for name, error in errors.items()}
    assert rms["parabola"] < 0.4 * rms["line"]


def _vibration(period_ns: int, hertz: float, *, told: bool, lost: int = 0) -> float:
    """RMS on the grid of a vibration of amplitude 1 that a device feels; every `lost`-th sample is lost."""
    aligner = Aligner(FRESH)
    if told:
        aligner.attach(BACK, period_ns)
    rows, tick = [], 10
    for k in range(2000):
        at = k * period_ns + 300_000
        if not lost or k % lost:
            aligner.push(BACK, at, (float(np.sin(2 * np.pi * hertz * at * 1e-9)),) * 6)
        while aligner.ready(tick * PERIOD_NS) and tick * PERIOD_NS < at:
            rows.append(_row(aligner, tick * 5)[0])
            tick += 1
    assert len(rows) > 300
    assert np.isfinite(rows).all()
    return float(np.sqrt(np.mean(np.square(rows))))


@pytest.mark.parametrize("period_ns", [2 * MS, MS])
@pytest.mark.parametrize("hertz", [133.0, 183.0, 233.0])
def test_a_fast_devices_vibration_does_not_fold_into_the_grid(period_ns: int, hertz: float) -> None:
    assert _vibration(period_ns, hertz, told=True) < 0.15 * _vibration(period_ns, hertz, told=False)


def test_a_fast_device_that_loses_packets_is_smoothed_where_it_can_be() -> None:
    assert _vibration(2 * MS, 183.0, told=True, lost=200) < 0.25 * _vibration(2 * MS, 183.0, told=False)
    assert 0.68 < _vibration(2 * MS, 10.0, told=True, lost=3) < 0.73


def test_a_fast_device_makes_a_tick_wait_for_what_smooths_it_and_no_longer() -> None:
    aligner = Aligner(FRESH)
    aligner.attach(BACK, 2 * MS)
    for t_ms in range(0, 53, 2):
        aligner.push(BACK, t_ms * MS, STILL)
    assert aligner.ready(49 * MS)
    assert not aligner.ready(50 * MS)


def test_a_device_plugged_in_anew_brings_nothing_of_the_one_before() -> None:
    aligner = Aligner(FRESH)
    aligner.attach(BACK, MS)
    for k in range(100):
        aligner.push(BACK, k * MS, (7.0,) * 6)
    aligner.forget(BACK)
    for t_ms in (96, 98, 100, 102, 104):
        aligner.push(BACK, t_ms * MS, (1.0,) * 6)
    assert _row(aligner, 101)[0] == pytest.approx(1.0)
    aligner.attach(BACK, 5 * MS)
    assert np.isnan(_row(aligner, 101)[0])


@pytest.mark.parametrize("policy", ["low_latency", "smooth"])
def test_a_packet_in_200_lost_on_every_stream_is_bridged(policy: Policy) -> None:
    trial = moving(20.0)
    whole, lossy = (
        resample_trial(trial, 4, links=random_links(4, jitter_ns=300_000, loss=loss), policy=policy)
        for loss in (0.0, 1 / 200)
    )
    assert np.isfinite(lossy).all()
    assert not np.array_equal(whole, lossy)
    spread = float(np.std(trial.channels))
    assert abs(_error(lossy, trial, FEET + IMUS) - _error(whole, trial, FEET + IMUS)) < 0.03 * spread


def test_a_lost_sample_is_lost_for_good_and_a_late_one_late() -> None:
    trial = moving(2.0)
    link = Link(200.0, 1, 0)
    links = [link] * 6 + [Link(80.0, 1, 0)] * 2
    links[BACK] = link._replace(loss=1.0)
    rows = resample_trial(trial, 0, links=tuple(links))
    assert np.isnan(rows[:, list(STREAMS[BACK].channels)]).all()
    links[BACK] = link._replace(delay_ns=9 * MS)
    held = resample_trial(trial, 0, links=tuple(links))[:, 0]
    # A sample at tick + 1 ns comes 9 ms later: within 8 ms of a tick the one two periods before it is the newest.
    np.testing.assert_allclose(held[10:], trial.channels[9:-1, 0], atol=1e-3)


@pytest.mark.parametrize("policy", ["low_latency", "smooth"])
def test_a_row_keeps_no_memory_and_hardly_needs_any(policy: Policy) -> None:
    aligner, row = Aligner(FRESH, policy), empty_row()
    load = (*STILL, 0.8, 0.5, 0.5)
    for k in range(1000):
        for i, stream in enumerate(STREAMS):
            aligner.push(i, k * PERIOD_NS + 1000 * i, load[: len(stream.channels)])
    ticks = [k * PERIOD_NS + 2500 for k in range(20, 900)]
    warm, measured = ticks[:400], ticks[400:]
    for t_ns in warm:
        aligner.row(t_ns, row)
    tracemalloc.start()
    try:
        aligner.row(warm[-1], row)
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        for t_ns in measured:
            aligner.row(t_ns, row)
        after, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert aligner.missing == ()
    # The row alone has 432 bytes.
    assert after - before < 300
    assert peak - before < 1000
