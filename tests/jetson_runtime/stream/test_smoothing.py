"""The client's low-pass: its response and its stated delay, gaps, sessions, and what is no number."""

from __future__ import annotations

import cmath
import math
from dataclasses import replace

import pytest
from live_stream import make_frame, publishing, until

from jetson_runtime.client import FrameClient
from jetson_runtime.stream import messages
from jetson_runtime.stream.frame_encoder import FrameEncoder
from jetson_runtime.stream.received import ReceivedFrame, received
from jetson_runtime.stream.smoothing import MOST_BRIDGED, LowPass, Series, Smoothing
from jetson_runtime.suit.signals import RATE_HZ

KNEE = "knee_angle_r"


def response(low_pass, hz):
    z = cmath.exp(-2j * math.pi * hz / RATE_HZ)
    b, a = (sum(value * z**i for i, value in enumerate(part)) for part in (low_pass.b, low_pass.a))
    return b / a


def frame(seq=0, knee=0.0, session="s1", valid=True):
    payload = FrameEncoder(session, ("r", "l")).encode(make_frame(seq), 0)
    read = received(messages.decode(payload), 0)
    return replace(read, valid=valid, angle={**read.angle, KNEE: knee})


def knees(smoothing, values, first=0, **changes):
    return [smoothing.update(frame(first + i, v, **changes)).angle[KNEE] for i, v in enumerate(values)]


@pytest.mark.parametrize("cutoff_hz", [0.5, 2.0, 6.0, 20.0, 80.0])
def test_it_lets_what_is_slow_through_and_is_down_to_0_7_at_the_cut_off(cutoff_hz):
    low_pass = LowPass(cutoff_hz)
    assert abs(response(low_pass, 0.0)) == pytest.approx(1.0)
    assert abs(response(low_pass, cutoff_hz)) == pytest.approx(math.sqrt(0.5))
    sizes = [abs(response(low_pass, hz)) for hz in range(100)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] < 0.05


@pytest.mark.parametrize("cutoff_hz", [2.0, 6.0, 20.0])
def test_a_ramp_is_told_late_by_the_stated_delay(cutoff_hz):
    """A movement at a steady rate: what it is behind, divided by the rate."""
    series = Series(LowPass(cutoff_hz))
    told = [series.update(0.3 * k) for k in range(4 * RATE_HZ)]
    behind_ms = (0.3 * (4 * RATE_HZ - 1) - told[-1]) / 0.3 * 1000.0 / RATE_HZ
    assert behind_ms == pytest.approx(Smoothing(cutoff_hz).delay_ms, rel=1e-6)
    assert Smoothing(cutoff_hz).delay_ms == pytest.approx(225.0 / cutoff_hz, rel=0.05)


@pytest.mark.parametrize("cutoff_hz", [0.0, -1.0, 100.0, math.nan])
def test_no_cut_off_at_all_is_refused(cutoff_hz):
    with pytest.raises(ValueError, match="is no cut-off"):
        Smoothing(cutoff_hz)


def test_it_begins_with_the_first_value():
    assert knees(Smoothing(6.0), [40.0] * 5) == pytest.approx([40.0] * 5)


def test_a_step_is_followed_without_going_back():
    told = knees(Smoothing(6.0), [0.0] + [10.0] * 200)
    assert told[1] < 1.0
    assert told[-1] == pytest.approx(10.0, abs=1e-3)
    assert max(told) < 10.0 * 1.05


def test_what_is_no_number_is_passed_on_and_forgotten():
    smoothing = Smoothing(6.0)
    knees(smoothing, [10.0] * 20)
    nothing, *after = knees(smoothing, [math.nan, 50.0, 50.0], first=20)
    assert math.isnan(nothing)
    assert after == pytest.approx([50.0, 50.0])
    others = smoothing.update(frame(23, 50.0))
    assert others.angle["hip_flexion_r"] == pytest.approx(0.0), "the other series went on"


def test_a_few_lost_frames_are_bridged_by_the_value_behind_them():
    bridged, whole = Smoothing(6.0), Smoothing(6.0)
    knees(bridged, [0.0])
    knees(whole, [0.0])
    told = knees(bridged, [10.0], first=MOST_BRIDGED + 1)
    assert told == pytest.approx(knees(whole, [10.0] * (MOST_BRIDGED + 1), first=1)[-1:])
    assert told[0] < 10.0


@pytest.mark.parametrize(
    "changes", [{"first": MOST_BRIDGED + 2}, {"first": 1, "session": "s2"}, {"first": 1, "valid": False}]
)
def test_after_a_gap_another_session_or_doubt_it_begins_anew(changes):
    smoothing = Smoothing(2.0)
    knees(smoothing, [0.0])
    assert knees(smoothing, [10.0], **changes) == [10.0]


def test_a_client_smooths_what_it_returns_and_nothing_else():
    with publishing() as publisher:
        smoothing = Smoothing(2.0)
        with FrameClient(publisher.addresses["public"][0], smoothing=smoothing) as client:
            assert until(lambda: client.alive or client.hello is not None)
            seen: list[ReceivedFrame] = []
            for seq in range(60):
                outcomes = (90.0 if seq % 2 else 10.0,) * 14
                publisher.post(make_frame(seq, outcomes=outcomes))
                assert until(lambda count=seq + 1: seen.extend(client.recv_all(10)) or len(seen) >= count)
            assert [one.seq for one in seen] == list(range(60))
            assert seen[0].angle[KNEE] == 10.0
            assert max(one.angle[KNEE] for one in seen) < 60.0
            assert max(one.moment[f"{KNEE}_moment"] for one in seen) < 60.0
            assert {one.interval[KNEE] for one in seen} == {seen[0].interval[KNEE]}
            assert client.latest is not None
            assert client.latest.angle == seen[-1].angle
