"""The physics against itself: each moment and force by a route that does not share the generator's sums."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest

from jetson_runtime.suit.signals import STANDARD_GRAVITY
from models.virtual_wearer.checks import hip_moment_from_above, mass_centre, power_balance
from models.virtual_wearer.dynamics import RATE_HZ
from models.virtual_wearer.footsteps import Walk
from models.virtual_wearer.frames import Array
from models.virtual_wearer.gait import plan_walk
from models.virtual_wearer.lift import Session, plan_session
from models.virtual_wearer.motion import Plan, planned_cop
from models.virtual_wearer.standing import plan_standing
from models.virtual_wearer.subject import Subject
from models.virtual_wearer.wearer import Physics, on_foot, simulate

INNER = slice(int(RATE_HZ), -int(RATE_HZ))
LIFT = Session("lift", 1.4, 0.9, 0.5, 12.0, 1.2, 0.4, 1.1, 0.6, 0.05, 0.03, 0.1, 0.3)
TASKS = ("walk", "lift", "stand")


class Case(NamedTuple):
    subject: Subject
    plan: Plan
    physics: Physics


@pytest.fixture(scope="module")
def cases() -> dict[str, Case]:
    """A walk from and to standing, lifts of 12 kg (one foot ahead, trunk turned), quiet standing."""
    subject, rng = Subject.random(4), np.random.default_rng(1)
    plans = {
        "walk": plan_walk(subject, Walk(1.3, 8.0, 1.5, 1.5, 0.05, 0), rng)[0],
        "lift": plan_session(subject, LIFT, 8.0, rng)[0],
        "stand": plan_standing(subject, 5.0, rng)[0],
    }
    return {task: Case(subject, plan, simulate(plan, subject.body)) for task, plan in plans.items()}


def _acceleration(place: Array) -> Array:
    """Plain second difference, not the derivative that the generator uses."""
    return (place[2:] - 2.0 * place[1:-1] + place[:-2]) * RATE_HZ**2


@pytest.mark.parametrize("task", TASKS)
def test_joints_and_ground_give_the_power_that_the_segments_gain(cases: dict[str, Case], task: str) -> None:
    """One wrong moment, sign or lever arm would leave tens of percent."""
    subject, _, physics = cases[task]
    gained, given = (power[INNER] for power in power_balance(physics, subject.body))
    assert np.std(gained) > 0.1
    assert np.std(gained - given) < 2e-3 * np.std(gained)
    assert np.abs(gained - given).max() < 0.02 * np.abs(gained).max()


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("side", [0, 1])
def test_the_hip_moment_is_the_same_from_the_foot_up_and_from_the_head_down(
    cases: dict[str, Case], task: str, side: int
) -> None:
    physics = cases[task].physics
    from_below = physics.moments[("hip_r", "hip_l")[side]]
    assert np.abs(from_below).max() > 10.0
    np.testing.assert_allclose(hip_moment_from_above(physics, side), from_below, atol=1e-6)


def test_in_single_support_the_stance_hip_needs_no_ground_from_above(cases: dict[str, Case]) -> None:
    """Trunk, arms and the swinging leg alone give the stance hip's moment."""
    _, plan, physics = cases["walk"]
    alone = plan.right_share > 1.0 - 1e-12
    alone[: int(RATE_HZ)] = alone[-int(RATE_HZ) :] = False
    state, hip = physics.state, physics.motion.origin[:, 2]
    upper = [0, 1, 3, 5, 7, 8]
    need = np.cross(state.centre[:, upper] - hip[:, None], state.force[:, upper]) + state.moment[:, upper]
    assert alone.sum() > RATE_HZ
    np.testing.assert_allclose(physics.moments["hip_r"][alone], -need.sum(axis=1)[alone], atol=1e-3)


@pytest.mark.parametrize("task", TASKS)
def test_the_ground_carries_mass_times_acceleration_and_gravity(cases: dict[str, Case], task: str) -> None:
    """The load in the hands included, by its own mass and path."""
    subject, plan, physics = cases[task]
    gravity = np.array([0.0, STANDARD_GRAVITY, 0.0])
    body = subject.body.mass_kg * (_acceleration(mass_centre(physics, subject.body)) + gravity)
    for kg, place in physics.motion.carried[1:]:
        body += kg[1:-1, None] * (_acceleration(place) + gravity)
    ground = physics.ground.force.sum(axis=1)[1:-1]
    assert np.abs(ground - body)[INNER].max() < 0.01 * subject.body.mass_kg * STANDARD_GRAVITY
    held = plan.hands.held[0].kg.max() if plan.hands else 0.0
    assert held == (pytest.approx(12.0) if task == "lift" else 0.0)


def test_a_body_weighs_what_its_parts_weigh() -> None:
    for seed in range(20):
        body = Subject.random(seed).body
        assert body.masses.sum() + body.arms_kg == pytest.approx(body.mass_kg)
        assert (body.masses > 0.0).all()
        longest = body.inertias.max(axis=1)
        assert (longest < body.inertias.sum(axis=1) - longest).all(), "no rigid body has such an inertia"


@pytest.mark.parametrize("task", TASKS)
def test_feet_push_up_only_and_within_their_soles(cases: dict[str, Case], task: str) -> None:
    subject, plan, physics = cases[task]
    vertical = physics.ground.force[INNER, :, 1]
    assert vertical.min() >= 0.0
    loaded = vertical > 0.02 * subject.body.mass_kg * STANDARD_GRAVITY
    cop = on_foot(plan, subject.body, physics.ground)[INNER][loaded]
    assert cop.min() > 0.0
    assert cop.max() < 1.0


@pytest.mark.parametrize("task", TASKS)
def test_the_ground_acts_where_the_plan_puts_it(cases: dict[str, Case], task: str) -> None:
    subject, plan, physics = cases[task]
    vertical = physics.ground.force[:, :, 1:2]
    acts = (vertical * physics.ground.place[:, :, [0, 2]]).sum(axis=1) / vertical.sum(axis=1)
    off = (acts - planned_cop(plan, subject.body))[INNER]
    assert np.sqrt((off**2).mean()) < 0.003


@pytest.mark.parametrize("task", TASKS)
def test_segments_keep_their_lengths_and_meet_at_their_joints(cases: dict[str, Case], task: str) -> None:
    subject, _, physics = cases[task]
    body, origin, rotation = subject.body, physics.motion.origin, physics.motion.rotation
    for side in range(2):
        ends = origin[:, 2 + side] - body.thigh * rotation[:, 2 + side, :, 1]
        np.testing.assert_allclose(ends, origin[:, 4 + side], atol=1e-9)
        ends = origin[:, 4 + side] - body.shank * rotation[:, 4 + side, :, 1]
        np.testing.assert_allclose(ends, origin[:, 6 + side], atol=1e-9)
    eye = np.swapaxes(rotation, -1, -2) @ rotation
    np.testing.assert_allclose(eye, np.broadcast_to(np.eye(3), eye.shape), atol=1e-9)


def test_standing_still_both_feet_carry_one_bodyweight(cases: dict[str, Case]) -> None:
    subject, _, physics = cases["stand"]
    total = physics.ground.force[INNER, :, 1].sum(axis=1) / (subject.body.mass_kg * STANDARD_GRAVITY)
    np.testing.assert_allclose(total, 1.0, atol=0.01)
