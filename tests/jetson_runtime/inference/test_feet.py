"""Contact, its edges, and whether the feet carry the person, row by row."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest

pytest.importorskip("pyarrow")

from jetson_runtime.demo.demo import SHIPPED_TRIAL
from jetson_runtime.inference.feet import CARRIED_NS, Feet
from jetson_runtime.suit.config import Limits
from jetson_runtime.suit.signals import CHANNEL_INDEX, PERIOD_NS
from jetson_runtime.suit.trial import read_trial

NAN = math.nan
# On from 0.05 bodyweights, off below 0.03.
LIMITS = Limits()


def step(feet: Feet, tick: int, right: float, left: float) -> None:
    feet.update(tick * PERIOD_NS, (right, NAN, NAN, left, NAN, NAN))


def play(feet: Feet, right: list[float], left: float = 0.9, first: int = 0) -> None:
    for tick, vgrf in enumerate(right, first):
        step(feet, tick, vgrf, left)


def test_edges_are_those_of_contact_with_its_hysteresis() -> None:
    feet = Feet(LIMITS)
    play(feet, [0.0, 0.04, 0.06, 0.04, 0.02, 0.04])
    foot = feet.ground()[0]
    assert (foot.contact, foot.heel_strike_ns, foot.toe_off_ns) == (False, 2 * PERIOD_NS, 4 * PERIOD_NS)


def test_there_is_no_edge_before_the_first() -> None:
    feet = Feet(LIMITS)
    play(feet, [0.5, 0.5, 0.5])
    foot = feet.ground()[0]
    assert (foot.contact, foot.heel_strike_ns, foot.toe_off_ns) == (True, None, None)


def test_a_foot_that_never_touches_the_ground_has_no_times() -> None:
    feet = Feet(LIMITS)
    play(feet, [0.0] * 400)
    foot = feet.ground()[0]
    assert (foot.contact, foot.heel_strike_ns, foot.toe_off_ns) == (False, None, None)


def test_an_insole_that_goes_missing_lifts_no_foot() -> None:
    feet = Feet(LIMITS)
    play(feet, [0.0, 0.5, NAN])
    assert feet.ground()[0][3:] == (False, None, None)
    play(feet, [0.5, 0.5], first=3)
    assert feet.ground()[0][3:] == (True, None, None), "nobody saw when it began"
    play(feet, [0.0], first=5)
    assert feet.ground()[0][3:] == (False, None, 5 * PERIOD_NS)


def test_the_left_foot_has_its_own_times() -> None:
    feet = Feet(LIMITS)
    for tick, (right, left) in enumerate([(0.5, 0.0), (0.5, 0.5), (0.0, 0.5)]):
        step(feet, tick, right, left)
    right_foot, left_foot = feet.ground()
    assert (right_foot.toe_off_ns, left_foot.heel_strike_ns) == (2 * PERIOD_NS, PERIOD_NS)
    assert right_foot.heel_strike_ns is left_foot.toe_off_ns is None


def test_moments_are_not_of_a_body_that_something_else_carries() -> None:
    feet = Feet(LIMITS)
    step(feet, 0, 0.25, 0.24)
    assert not feet.moment_valid, "it has not yet stood"
    step(feet, 1, 0.25, 0.25)
    assert feet.moment_valid
    told = []
    for tick in range(2, 200):
        step(feet, tick, 0.2, 0.2)
        told.append(feet.moment_valid)
    assert told.count(True) == CARRIED_NS // PERIOD_NS - 1
    assert told == sorted(told, reverse=True)
    step(feet, 200, 1.0, 0.0)
    assert feet.moment_valid


@pytest.mark.parametrize("bad", [NAN, math.inf, -math.inf])
def test_a_force_that_is_not_known_carries_nobody(bad: float) -> None:
    feet = Feet(LIMITS)
    step(feet, 0, 0.5, 0.5)
    step(feet, 1, bad, 0.9)
    assert not feet.moment_valid
    step(feet, 2, 0.5, 0.5)
    assert feet.moment_valid


def test_what_one_told_another_goes_on_with() -> None:
    """A replay that begins in the middle of a long stance knows when it began."""
    first, second = Feet(LIMITS), Feet(LIMITS)
    play(first, [0.0, 0.5, 0.5, 0.0, 0.04])
    second.resume(first.plain())
    for feet in (first, second):
        play(feet, [0.04, 0.6], first=5)
    assert first.ground() == second.ground()
    assert second.ground()[0].toe_off_ns == 3 * PERIOD_NS
    assert second.moment_valid


def test_a_walk_has_as_many_heel_strikes_as_steps() -> None:
    trial = read_trial(SHIPPED_TRIAL)
    columns = [
        CHANNEL_INDEX[f"insole_{side}_{value}"] for side in "rl" for value in ("vgrf", "cop_ap", "cop_ml")
    ]
    feet = Feet(LIMITS)
    strikes: list[list[int]] = [[], []]
    carried = 0
    for tick, values in enumerate(trial.channels[:, columns].astype(float).tolist()):
        feet.update(tick * PERIOD_NS, values)
        carried += feet.moment_valid
        for seen, foot in zip(strikes, feet.ground(), strict=True):
            if foot.heel_strike_ns is not None and foot.heel_strike_ns not in seen:
                seen.append(foot.heel_strike_ns)
    right, left = strikes
    assert abs(len(right) - len(left)) <= 0.2 * len(right), "turns begin and end with a scuff"
    assert len(right) > 5
    assert np.median([after - before for before, after in pairwise(right)]) > 500_000_000
    assert carried > 0.5 * len(trial.channels)
