"""The forces on a virtual wearer's hands come back from what a load cell in the pole between them would have read."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from models.analytical.hand_forces import HandWrenches, Wrench, in_cell, no_load, on_hand, shovel, symmetric
from models.virtual_wearer import wearer
from models.virtual_wearer.frames import Array
from models.virtual_wearer.hands import HandLoads
from models.virtual_wearer.subject import Subject

Closure = Callable[[Wrench, Array, Array, Wrench, Array], HandWrenches]


def _cell(hands: HandLoads) -> tuple[Array, Array]:
    """Origin (n, 3) and axes (n, 3, 3) of a cell a hand's breadth beyond the left hand, z along the pole."""
    right, left = hands.place[:, 0], hands.place[:, 1]
    z = (right - left) / np.linalg.norm(right - left, axis=1)[:, None]
    x = np.cross([0.3, 0.9, 0.2], z)
    x /= np.linalg.norm(x, axis=1)[:, None]
    return left - 0.1 * z, np.stack([x, np.cross(z, x), z], axis=2)


@pytest.mark.parametrize(("task", "closure"), [("SP1", symmetric), ("PP3", symmetric), ("SH1", shovel)])
def test_both_closures_find_the_forces_on_the_wearers_hands(task: str, closure: Closure) -> None:
    physics, _, inside = wearer.physics_of(Subject.random(3), task, 4.0, 1)
    assert physics.hands is not None
    hands = HandLoads(physics.hands.force[inside], physics.hands.place[inside])
    origin, axes = _cell(hands)
    places = [in_cell(hands.place[:, side], origin, axes) for side in range(2)]
    # What a hand does to the pole is the reverse of what acts on it.
    forces = [-np.einsum("nji,nj->ni", axes, hands.force[:, side]) for side in range(2)]
    reading = Wrench(forces[0] + forces[1], np.cross(places[0], forces[0]) + np.cross(places[1], forces[1]))
    found = closure(reading, *places, *no_load(len(origin)))
    assert np.abs(hands.force).max() > 10.0
    for side, hand in enumerate((found.right, found.left)):
        back = on_hand(hand, axes)
        np.testing.assert_allclose(back.force, hands.force[:, side], atol=1e-6)
        np.testing.assert_allclose(back.moment, 0.0, atol=1e-6)
    assert np.abs(found.residual).max() < 1e-9
