"""The hands: what they hold and what pushes on them, as a load cell between them would see it."""

from __future__ import annotations

import numpy as np
import pytest

from models.analytical.hand_forces import Wrench, in_cell, no_load, shovel, symmetric
from models.virtual_wearer.frames import Array
from models.virtual_wearer.hands import HandLoads
from models.virtual_wearer.shovel import GRIP_M
from models.virtual_wearer.subject import Subject
from models.virtual_wearer.wearer import physics_of

SUBJECT = Subject.random(4)


def _hands(code: str) -> HandLoads:
    physics, _, inside = physics_of(SUBJECT, code, 6.0, 1)
    assert physics.hands is not None
    return HandLoads(physics.hands.force[inside], physics.hands.place[inside])


def _cell(hands: HandLoads, origin: Array, axes: Array) -> tuple[Wrench, Array, Array, Array]:
    """What a load cell at `origin` reads of hands that push back on the pole; the hands' places and forces in it."""
    places = [in_cell(hands.place[:, side], origin, axes) for side in range(2)]
    forces = [-np.einsum("nji,nj->ni", axes, hands.force[:, side]) for side in range(2)]
    moment = sum(np.cross(place, force) for place, force in zip(places, forces, strict=True))
    return Wrench(forces[0] + forces[1], np.asarray(moment)), places[0], places[1], np.stack(forces, axis=1)


@pytest.mark.parametrize("code", ["PP1", "PP4", "SP2", "SP3"])
def test_the_symmetric_closure_finds_the_hands_of_a_push_or_pull(code: str) -> None:
    hands = _hands(code)
    n = len(hands.force)
    origin = hands.place.mean(axis=1) + np.array([0.1, -0.05, 0.0])
    cell, right, left, true = _cell(hands, origin, np.tile(np.eye(3), (n, 1, 1)))
    found = symmetric(cell, right, left, *no_load(n))
    assert np.abs(true).max() > 5.0
    np.testing.assert_allclose(found.right.force, true[:, 0], atol=1e-6)
    np.testing.assert_allclose(found.left.force, true[:, 1], atol=1e-6)
    np.testing.assert_allclose(found.left.moment, 0.0, atol=1e-6)


def test_the_shovel_closure_finds_the_hands_of_a_shoveller() -> None:
    hands = _hands("SH3")
    n = len(hands.force)
    along = hands.place[:, 0] - hands.place[:, 1]
    z = along / np.linalg.norm(along, axis=1)[:, None]
    x = np.cross(z, np.tile([0.0, 0.0, 1.0], (n, 1)))
    x /= np.linalg.norm(x, axis=1)[:, None]
    axes = np.stack([x, np.cross(z, x), z], axis=2)
    cell, right, left, true = _cell(hands, hands.place[:, 1] + 0.2 * along, axes)
    found = shovel(cell, right, left, *no_load(n))
    np.testing.assert_allclose(found.right.force, true[:, 0], atol=1e-6)
    np.testing.assert_allclose(found.left.force, true[:, 1], atol=1e-6)
    assert np.abs(found.residual).max() < 1e-6


def test_a_shovel_is_rigid_and_its_load_far_from_the_hands_levers_the_upper_one_up() -> None:
    hands = _hands("SH3")
    apart = np.linalg.norm(hands.place[:, 0] - hands.place[:, 1], axis=1)
    assert np.abs(apart - GRIP_M).max() < 0.06
    assert hands.force[:, 0, 1].min() < -120.0, "the hand near the blade carries more than the load weighs"
    assert hands.force[:, 1, 1].max() > 20.0, "the hand at the end holds it down"


def test_a_blanket_is_lifted_from_the_floor_to_the_shelf_by_both_hands_alike() -> None:
    physics, plan, inside = physics_of(SUBJECT, "L3", None, 1)
    assert physics.hands is not None
    assert plan.hands is not None
    held = plan.hands.held[0].kg[inside] > 13.0
    height = physics.hands.place[inside, 0, 1][held]
    assert height.min() < 0.30
    assert height.max() == pytest.approx(1.0, abs=0.05)
    share = physics.hands.force[inside, 0, 1][held] / physics.hands.force[inside, :, 1].sum(axis=1)[held]
    np.testing.assert_allclose(share, 0.5, atol=0.02)


@pytest.mark.parametrize(("code", "loaded"), [("L5", 0), ("L6", 1)])
def test_a_one_handed_lift_loads_that_hand_beside_its_foot(code: str, loaded: int) -> None:
    physics, plan, inside = physics_of(SUBJECT, code, 6.0, 1)
    assert physics.hands is not None
    force = np.abs(physics.hands.force[inside])
    assert force[:, loaded].max() > 40.0
    assert force[:, 1 - loaded].max() < 1e-9
    low = physics.hands.place[inside, loaded]
    low = low[low[:, 1].argmin()]
    assert low[1] < 0.4
    assert np.abs(low[2]) > np.abs(plan.ankle[0, loaded, 2])
