from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.emulator.pressure_map import COLUMNS, LEFT, RIGHT, ROWS, PressureMap, foot_grid

ANYWHERE = st.tuples(st.floats(-5, 17), st.floats(-5, 37))


def as_grid(side: int, shares: np.ndarray) -> np.ndarray:
    grid = np.zeros(ROWS * COLUMNS)
    grid[np.asarray(foot_grid(side).mask)] = shares
    return grid.reshape(ROWS, COLUMNS)


def test_a_foot_has_235_live_cells_and_the_left_is_the_rights_mirror_image() -> None:
    right, left = (np.asarray(foot_grid(side).mask).reshape(ROWS, COLUMNS) for side in (RIGHT, LEFT))
    assert right.sum() == 235
    assert (left == right[:, ::-1]).all()
    assert right.any(axis=1).all()
    assert right.any(axis=0).all()


@given(st.lists(ANYWHERE, min_size=1, max_size=30))
def test_maps_have_exactly_the_centre_that_is_within_reach(points: list[tuple[float, float]]) -> None:
    feet = PressureMap(RIGHT)
    column, row = feet.reachable(*np.asarray(points).T)
    shares = feet.shares(column, row)
    assert (shares >= 0).all()
    assert shares.sum(axis=1) == pytest.approx(np.ones(len(points)))
    assert shares @ feet.grid.columns == pytest.approx(column, abs=1e-6)
    assert shares @ feet.grid.rows == pytest.approx(row, abs=1e-6)


@given(st.lists(ANYWHERE, min_size=2, max_size=12))
def test_a_map_does_not_depend_on_those_before_it(points: list[tuple[float, float]]) -> None:
    feet = PressureMap(LEFT)
    for point in points:
        column, row = feet.reachable(*np.asarray([point]).T)
        centre = feet.centre_of(feet.shares(column, row))
        assert np.concatenate(centre) == pytest.approx([*column, *row], abs=1e-5)


@pytest.mark.parametrize("last", [(7.41, 29.4), (4.21, 8.08), (5.22, 5.74), (6.25, 28.18)])
def test_a_centre_may_jump_from_an_end_of_the_foot_to_any_other_place(last: tuple[float, float]) -> None:
    """As at each heel strike, when the centre was last seen under the toes."""
    feet = PressureMap(LEFT)
    columns, rows = (axis.ravel() for axis in np.meshgrid(np.arange(1.0, 12.0), np.arange(1.0, 32.0)))
    for target in np.stack(feet.reachable(columns, rows), axis=1):
        feet.shares(*np.asarray([last]).T)
        centre = feet.centre_of(feet.shares(*target[:, None]))
        assert np.concatenate(centre) == pytest.approx(target, abs=1e-5)


def test_what_is_within_reach_is_left_alone_and_what_is_not_moves_to_the_nearest_point() -> None:
    feet = PressureMap(RIGHT)
    inside = np.asarray([[6.0, 16.0], [6.0, 28.0], [4.0, 4.0], [9.0, 9.0]])
    assert np.stack(feet.reachable(*inside.T), axis=1) == pytest.approx(inside)
    outside = np.asarray([[6.0, 50.0], [-20.0, 9.0], [30.0, 9.0], [4.5, -3.0]])
    moved = np.stack(feet.reachable(*outside.T), axis=1)
    rng = np.random.default_rng(1)
    candidates = np.stack(feet.reachable(*rng.uniform(-5, 40, (2, 4000))), axis=1)
    for wanted, got in zip(outside, moved, strict=True):
        assert np.linalg.norm(wanted - got) <= np.linalg.norm(candidates - wanted, axis=1).min() + 1e-9


def test_the_left_map_mirrors_the_right() -> None:
    column, row = np.asarray([4.0, 7.0]), np.asarray([10.0, 24.0])
    right = PressureMap(RIGHT).shares(column, row)
    left = PressureMap(LEFT).shares(COLUMNS + 1 - column, row)
    for i in range(2):
        assert as_grid(LEFT, left[i])[:, ::-1] == pytest.approx(as_grid(RIGHT, right[i]), abs=1e-9)


def test_a_resting_foot_presses_with_heel_and_forefoot_not_with_its_arch() -> None:
    feet = PressureMap(RIGHT)
    column, row = feet.resting_centre()
    shares = as_grid(RIGHT, feet.shares(np.asarray([column]), np.asarray([row]))[0])
    heel, arch, forefoot = shares[24:29].max(), shares[17:21].max(), shares[7:11].max()
    assert heel > 2 * arch
    assert forefoot > 2 * arch


@given(ANYWHERE, st.floats(0.006, 0.3))
def test_no_cell_is_above_its_limit_while_the_foot_can_carry_the_force(
    point: tuple[float, float], limit: float
) -> None:
    feet = PressureMap(RIGHT)
    column, row = feet.reachable(*np.asarray([point]).T)
    shares = feet.shares_below(np.asarray([limit]), column, row)
    assert shares.sum() == pytest.approx(1.0)
    assert shares.max() <= limit * 1.001


def test_a_crowded_map_keeps_its_centre_while_it_can() -> None:
    feet = PressureMap(RIGHT)
    column, row = feet.reachable(np.asarray([4.0, 4.0, 6.0]), np.asarray([0.0, 0.0, 16.0]))
    moved = np.stack(feet.centre_of(feet.shares_below(np.asarray([0.02, 0.2, 0.02]), column, row)), axis=1)
    away = np.linalg.norm(moved - np.stack([column, row], axis=1), axis=1)
    assert 1.0 < away[0] < 4.0  # fifty cells cannot all lie under the tip of a toe
    assert away[1] < 0.1
    assert away[2] < 0.1
