"""The wrenches of two hands come back from the load cell's reading that they make."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.analytical import hand_forces
from models.analytical.hand_forces import Floats, HandWrenches, Wrench

ROWS = 300


def _places(random: np.random.Generator) -> tuple[Floats, Floats]:
    """Right and left hand in the cell's axes: 0.3 to 0.9 m apart along the pole, some centimetres beside it."""
    right = random.uniform([-0.05, -0.05, 0.6], [0.05, 0.05, 1.0], (ROWS, 3))
    left = random.uniform([-0.05, -0.05, 0.1], [0.05, 0.05, 0.3], (ROWS, 3))
    return right, left


def _load(random: np.random.Generator) -> tuple[Wrench, Floats]:
    return Wrench(random.normal(0, 40, (ROWS, 3)), random.normal(0, 5, (ROWS, 3))), random.normal(
        0, 0.4, (ROWS, 3)
    )


def _reading(*acting: tuple[Wrench, Floats]) -> Wrench:
    """Newton's and Euler's sums written out by component, apart from the code under test."""
    force, moment = np.zeros((ROWS, 3)), np.zeros((ROWS, 3))
    for wrench, d in acting:
        f = wrench.force
        force += f
        moment[:, 0] += d[:, 1] * f[:, 2] - d[:, 2] * f[:, 1] + wrench.moment[:, 0]
        moment[:, 1] += d[:, 2] * f[:, 0] - d[:, 0] * f[:, 2] + wrench.moment[:, 1]
        moment[:, 2] += d[:, 0] * f[:, 1] - d[:, 1] * f[:, 0] + wrench.moment[:, 2]
    return Wrench(force, moment)


def _symmetric_hands(random: np.random.Generator) -> tuple[Wrench, Wrench]:
    hand = Wrench(random.normal(0, 80, (ROWS, 3)), random.normal(0, 4, (ROWS, 3)))
    return hand, hand


def _shovelling_hands(random: np.random.Generator) -> tuple[Wrench, Wrench]:
    right, left = random.normal(0, 80, (ROWS, 3)), random.normal(0, 80, (ROWS, 3))
    left[:, 2] = right[:, 2]
    twist = random.normal(0, 4, ROWS)[:, None] * [0.0, 0.0, 1.0]
    return Wrench(right, twist), Wrench(left, twist)


def _worst(found: HandWrenches, right: Wrench, left: Wrench) -> float:
    pairs = ((found.right, right), (found.left, left))
    return max(
        float(np.abs(error).max())
        for one, true in pairs
        for error in (one.force - true.force, one.moment - true.moment)
    )


@pytest.mark.parametrize(
    ("closure", "hands"),
    [(hand_forces.symmetric, _symmetric_hands), (hand_forces.shovel, _shovelling_hands)],
    ids=["symmetric", "shovel"],
)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_simulated_wrench_is_recovered(closure, hands, seed: int) -> None:
    random = np.random.default_rng(seed)
    at_right, at_left = _places(random)
    right, left = hands(random)
    load, at_load = _load(random)
    cell = _reading((right, at_right), (left, at_left), (load, at_load))
    found = closure(cell, at_right, at_left, load, at_load)
    assert _worst(found, right, left) < 1e-6
    assert np.abs(found.residual).max() < 1e-9


def test_the_moment_equation_as_printed_would_not_recover_them() -> None:
    """Equation 3's plus in place of the cross product's minus: Mz at the hands comes out wrong by newton metres."""
    random = np.random.default_rng(3)
    at_right, at_left = _places(random)
    right, left = _symmetric_hands(random)
    cell = _reading((right, at_right), (left, at_left))
    found = hand_forces.symmetric(cell, at_right, at_left, *hand_forces.no_load(ROWS))
    d, each = at_right + at_left, found.right.force
    printed = (cell.moment[:, 2] - (d[:, 0] * each[:, 1] + d[:, 1] * each[:, 0])) / 2.0
    assert np.abs(found.right.moment[:, 2] - right.moment[:, 2]).max() < 1e-6
    assert np.sqrt(np.mean((printed - right.moment[:, 2]) ** 2)) > 1.0


def test_counted_backwards_d_y_makes_the_printed_equation_the_cross_product() -> None:
    d, f = np.array([0.2, -0.3, 0.7]), np.array([10.0, 20.0, 30.0])
    assert d[0] * f[1] + (-d[1]) * f[0] == pytest.approx(np.cross(d, f)[2])


def test_one_hand_pushing_a_symmetric_pole_shows_no_residual_but_the_wrong_share() -> None:
    """The residual proves the sums, never the assumption."""
    random = np.random.default_rng(4)
    at_right, at_left = _places(random)
    right, _ = _symmetric_hands(random)
    still = Wrench(np.zeros((ROWS, 3)), np.zeros((ROWS, 3)))
    cell = _reading((right, at_right), (still, at_left))
    found = hand_forces.symmetric(cell, at_right, at_left, *hand_forces.no_load(ROWS))
    assert np.abs(found.residual).max() < 1e-9
    assert np.allclose(found.left.force, right.force / 2.0)


def test_hands_side_by_side_on_a_shovel_have_no_answer_and_the_other_rows_keep_theirs() -> None:
    random = np.random.default_rng(5)
    at_right, at_left = _places(random)
    at_left[10:20, 2] = at_right[10:20, 2] + 0.9 * hand_forces.LEAST_GRIP_M
    right, left = _shovelling_hands(random)
    cell = _reading((right, at_right), (left, at_left))
    found = hand_forces.shovel(cell, at_right, at_left, *hand_forces.no_load(ROWS))
    assert np.flatnonzero(np.isnan(found.right.force[:, 0])).tolist() == list(range(10, 20))
    assert np.abs(np.delete(found.left.force - left.force, slice(10, 20), axis=0)).max() < 1e-6


def test_a_moment_error_moves_the_shovel_by_that_over_the_grip() -> None:
    random = np.random.default_rng(6)
    at_right, at_left = _places(random)
    right, left = _shovelling_hands(random)
    cell = _reading((right, at_right), (left, at_left))
    off = Wrench(cell.force, cell.moment + np.array([0.0, 1.0, 0.0]))
    found = hand_forces.shovel(off, at_right, at_left, *hand_forces.no_load(ROWS))
    grip = at_right[:, 2] - at_left[:, 2]
    assert np.allclose(found.right.force[:, 0] - right.force[:, 0], 1.0 / grip)


def test_the_laboratory_sees_the_reaction_on_the_hand() -> None:
    """A cell whose z points forward: a push of 50 N along the pole is 50 N backward on the hand."""
    axes = np.array([[[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]]])
    push = Wrench(np.array([[0.0, 0.0, 50.0]]), np.array([[0.0, 2.0, 0.0]]))
    felt = hand_forces.on_hand(push, axes)
    assert felt.force.tolist() == [[-50.0, 0.0, 0.0]]
    assert felt.moment.tolist() == [[0.0, -2.0, 0.0]]
    point = hand_forces.in_cell(np.array([[1.5, 1.0, 0.2]]), np.array([[1.0, 1.0, 0.0]]), axes)
    assert point == pytest.approx(np.array([[-0.2, 0.0, 0.5]]))


def test_arrays_of_other_lengths_are_named() -> None:
    right, left = _places(np.random.default_rng(7))
    cell = Wrench(np.zeros((ROWS, 3)), np.zeros((5, 3)))
    with pytest.raises(ValueError, match=r"cell.moment \(5, 3\)"):
        hand_forces.symmetric(cell, right, left, *hand_forces.no_load(ROWS))
