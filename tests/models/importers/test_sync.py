"""Pulses that two clocks saw: offset and skew found through jitter, losses and false edges; doubt refused."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from models.importers.sync import Alignment, Limits, SyncError, align, rising_edges

Doubles = npt.NDArray[np.float64]


def _uneven(random: np.random.Generator, seconds: float) -> Doubles:
    """Pulses 0.6 to 1.8 s apart."""
    return np.cumsum(random.uniform(0.6, 1.8, int(seconds / 1.2)))


def _laboratory(
    suit: Doubles, random: np.random.Generator, offset: float, skew: float, jitter_s: float = 0.0005
) -> Doubles:
    return np.sort(offset + (1.0 + skew) * suit + random.normal(0.0, jitter_s, len(suit)))


@pytest.mark.parametrize("seed", range(8))
def test_offset_and_skew_through_jitter_losses_and_false_edges(seed: int) -> None:
    """Ten minutes, 50 ppm, half a millisecond of jitter; each side lost a tenth and saw a few that were none."""
    random = np.random.default_rng(seed)
    true = _uneven(random, 600.0)
    offset, skew = float(random.uniform(-300.0, 300.0)), float(random.choice([-50e-6, 50e-6]))
    suit = true[random.random(len(true)) > 0.1]
    heard = _laboratory(true[random.random(len(true)) > 0.1], random, offset, skew)
    suit = np.sort(np.concatenate([suit, random.uniform(0, 600, 5)]))
    heard = np.sort(np.concatenate([heard, offset + random.uniform(0, 600, 5)]))
    found = align(suit, heard)
    at = np.array([0.0, 300.0, 600.0])
    assert np.abs(found.laboratory_s(at) - (offset + (1 + skew) * at)).max() < 0.0003
    assert abs(found.skew - skew) < 1.5e-6
    assert found.residual_s < 0.001
    assert found.pairs > 350 and found.unmatched_suit > 20 and found.unmatched_laboratory > 20


def test_only_a_part_of_the_recording_was_captured() -> None:
    """The suit records for half an hour, the laboratory for a minute of it: three trials, three alignments."""
    random = np.random.default_rng(3)
    suit = _uneven(random, 1800.0)
    for first in (60.0, 700.0, 1500.0):
        part = suit[(suit > first) & (suit < first + 60.0)]
        heard = _laboratory(part, random, -first + 2.0, 80e-6)
        found = align(suit, heard)
        truth = -first + 2.0 + (1 + 80e-6) * part
        assert np.abs(found.laboratory_s(part) - truth).max() < 0.0006
        assert found.pairs == len(part) and found.unmatched_suit == 0


def test_an_hour_of_even_pulses_is_matched_where_none_is_missing_and_refused_where_one_end_is() -> None:
    random = np.random.default_rng(1)
    suit = np.arange(3600.0)
    heard = _laboratory(suit, random, 12.3, -30e-6)
    found = align(suit, heard)
    assert abs(found.offset_s - 12.3) < 0.0002 and abs(found.skew + 30e-6) < 1e-7
    with pytest.raises(SyncError, match=r"fit in several ways.*give the expected offset, or pulse at uneven"):
        align(suit, heard[1:])
    again = align(suit, heard[1:], near_s=12.0)
    assert abs(again.offset_s - 12.3) < 0.0002


def test_one_pulse_gives_the_offset_alone_and_two_the_skew() -> None:
    one = align(np.array([5.0]), np.array([47.25]))
    assert (one.offset_s, one.skew, one.pairs) == (42.25, 0.0, 1) and np.isnan(one.residual_s)
    assert "1 pulses matched" in one.text()
    two = align(np.array([5.0, 605.0]), np.array([47.25, 647.28]))
    assert two.skew == pytest.approx(50e-6) and two.laboratory_s(np.array([5.0]))[0] == pytest.approx(47.25)


def test_a_short_trial_with_jitter_gets_no_skew_of_its_own() -> None:
    random = np.random.default_rng(5)
    suit = np.array([1.0, 2.1, 2.9])
    found = align(suit, _laboratory(suit, random, 3.0, 0.0, jitter_s=0.002))
    assert found.skew == 0.0 and abs(found.offset_s - 3.0) < 0.004


def test_pulses_of_another_recording_are_refused() -> None:
    random = np.random.default_rng(2)
    with pytest.raises(SyncError):
        align(_uneven(random, 300.0), _uneven(random, 300.0))


def test_a_clock_that_stepped_is_refused() -> None:
    random = np.random.default_rng(4)
    suit = _uneven(random, 300.0)
    heard = _laboratory(suit, random, 1.0, 0.0)
    heard[len(heard) // 2 :] += 0.012
    with pytest.raises(SyncError, match="one clock stepped"):
        align(suit, heard)


def test_what_no_quartz_does_is_refused() -> None:
    random = np.random.default_rng(6)
    suit = _uneven(random, 60.0)
    with pytest.raises(SyncError):
        align(suit, 1000.0 * suit)
    with pytest.raises(SyncError):
        align(suit, suit * 1.002)
    long = _uneven(random, 1500.0)
    with pytest.raises(SyncError, match=r"run apart by 800 ppm, more than two quartzes do \(300\)"):
        align(long, long * 1.0008, Limits(tolerance_s=0.2, residual_s=0.2))


def test_no_pulse_and_edges_out_of_order_are_told() -> None:
    some = np.array([1.0, 2.0])
    with pytest.raises(SyncError, match="suit's side holds no sync pulse"):
        align(np.empty(0), some)
    with pytest.raises(SyncError, match="laboratory's sync edges do not increase"):
        align(some, some[::-1].copy())


def test_edges_of_an_analog_level_lie_between_its_samples_and_noise_makes_none() -> None:
    random = np.random.default_rng(0)
    t = np.arange(0.0, 30.0, 0.001)
    truth = np.array([1.5, 4.2507, 9.0, 20.3333])
    level = sum(np.clip((t - at) / 0.004 + 0.5, 0.0, 1.0) * (t < at + 0.1) for at in truth)
    edges = rising_edges(5.0 * np.asarray(level) + random.normal(0.0, 0.1, len(t)), t)
    np.testing.assert_allclose(edges, truth, atol=0.0005)
    assert len(rising_edges(np.zeros(100), np.arange(100.0))) == 0
    assert len(rising_edges(np.full(100, np.nan), np.arange(100.0))) == 0


def test_the_line_says_what_was_found() -> None:
    text = Alignment(1.25, 4e-5, 0.0004, 30, 2, 1).text()
    assert text == (
        "offset 1.2500 s, skew +40.0 ppm, residual 0.40 ms RMS; 30 pulses matched, "
        "2 and 1 without partner (suit, laboratory)"
    )
