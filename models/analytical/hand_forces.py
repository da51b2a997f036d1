"""The wrench of each hand on an instrumented pole, from one six-axis load cell (the paper's II.D, equations 1 to 3).

In the cell's axes, z along the pole, all moments about the cell's origin, d the place of each force:

    F_right + F_left + F_load                                              = F_cell      (1, 2)
    d_right x F_right + d_left x F_left + d_load x F_load + all moments    = M_cell      (1, 3)

Equation 3 is printed for z with terms (d_x F_y) + (d_y F_x). The cross product's z is d_x F_y - d_y F_x: the printed
plus holds only if d_y is counted backwards. Here d is a vector and the minus is used, as in every other component.

Twelve unknowns, six equations; an assumption about the hands closes them:

    symmetric  (wagon and static push and pull)  both hands give the same force and the same moment
    shovel                                       both give the same force and moment along the pole, none across it

Both closures leave exactly six unknowns, so the residual is rounding: it shows that the equations were solved, never
that the hands did what was assumed. A hand's error of place or a moment M at the cell moves the shovel's cross forces
by about M / (distance of the hands along the pole).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

LEAST_GRIP_M = 0.05  # along the pole; hands nearer to each other cannot be told apart by a moment


@dataclass(frozen=True)
class Wrench:
    """force (n, 3) N and moment (n, 3) Nm (about the point where it acts, unless said otherwise)."""

    force: Floats
    moment: Floats


@dataclass(frozen=True)
class HandWrenches:
    """What each hand does to the pole, at the hand; residual (n, 6): the cell's reading less what they explain."""

    right: Wrench
    left: Wrench
    residual: Floats


def symmetric(cell: Wrench, right: Floats, left: Floats, load: Wrench, load_at: Floats) -> HandWrenches:
    """Closure of wagon and static push and pull: the same force and moment at both hands.

    cell: its reading about its origin. right, left, load_at: (n, 3) m in the cell's axes. load: what else acts on the
    pole on the hands' side of the cell, zero for `no_load`. NaN rows stay NaN. Raises ValueError on unequal lengths.
    """
    _check(cell, right, left, load, load_at)
    force, moment = _hands_share(cell, load, load_at)
    each = force / 2.0
    turn = (moment - np.cross(right + left, each)) / 2.0
    hand = Wrench(each, turn)
    return HandWrenches(hand, hand, _residual(cell, hand, right, hand, left, load, load_at))


def shovel(cell: Wrench, right: Floats, left: Floats, load: Wrench, load_at: Floats) -> HandWrenches:
    """Closure of shovelling: the same force and moment along the pole (z), no moment across it.

    Arguments as of `symmetric`. Rows in which the hands are less than LEAST_GRIP_M apart along the pole are NaN: the
    moment across the pole cannot say which hand pushed.
    """
    _check(cell, right, left, load, load_at)
    force, moment = _hands_share(cell, load, load_at)
    along = force[:, 2] / 2.0
    grip = right[:, 2] - left[:, 2]
    grip = np.where(np.abs(grip) >= LEAST_GRIP_M, grip, np.nan)
    # M_y = sum(z F_x - x F_z) and M_x = sum(y F_z - z F_y), with F_x and F_y of the left hand put as the rest.
    x = (moment[:, 1] + (right[:, 0] + left[:, 0]) * along - left[:, 2] * force[:, 0]) / grip
    y = ((right[:, 1] + left[:, 1]) * along - moment[:, 0] - left[:, 2] * force[:, 1]) / grip
    at_right = np.stack([x, y, along], axis=1)
    at_left = force - at_right
    twist = (moment - np.cross(right, at_right) - np.cross(left, at_left))[:, 2] / 2.0
    turn = np.stack([np.zeros_like(twist), np.zeros_like(twist), twist], axis=1)
    hands = Wrench(at_right, turn), Wrench(at_left, turn)
    return HandWrenches(*hands, _residual(cell, hands[0], right, hands[1], left, load, load_at))


def no_load(count: int) -> tuple[Wrench, Floats]:
    """A load that does nothing and its place, for `count` rows."""
    return Wrench(np.zeros((count, 3)), np.zeros((count, 3))), np.zeros((count, 3))


def in_cell(points: Floats, origin: Floats, axes: Floats) -> Floats:
    """(n, 3) points of the laboratory -> the cell's axes; origin (n, 3), axes (n, 3, 3) with v_lab = axes v_cell."""
    return np.asarray(np.einsum("nji,nj->ni", axes, points - origin))


def on_hand(hand: Wrench, axes: Floats) -> Wrench:
    """The reaction on the hand in the laboratory's axes, as an external load of inverse dynamics: turned, reversed."""
    return Wrench(-np.einsum("nij,nj->ni", axes, hand.force), -np.einsum("nij,nj->ni", axes, hand.moment))


def _hands_share(cell: Wrench, load: Wrench, load_at: Floats) -> tuple[Floats, Floats]:
    """Force and moment about the cell's origin that the two hands give together."""
    return cell.force - load.force, cell.moment - load.moment - np.cross(load_at, load.force)


def _residual(
    cell: Wrench,
    right: Wrench,
    at_right: Floats,
    left: Wrench,
    at_left: Floats,
    load: Wrench,
    load_at: Floats,
) -> Floats:
    acting = ((right, at_right), (left, at_left), (load, load_at))
    force = cell.force - sum(one.force for one, _ in acting)
    moment = cell.moment - sum(one.moment + np.cross(place, one.force) for one, place in acting)
    return np.concatenate([force, moment], axis=1)


def _check(cell: Wrench, right: Floats, left: Floats, load: Wrench, load_at: Floats) -> None:
    given = {
        "cell.force": cell.force,
        "cell.moment": cell.moment,
        "right": right,
        "left": left,
        "load.force": load.force,
        "load.moment": load.moment,
        "load_at": load_at,
    }
    wrong = {name: np.shape(values) for name, values in given.items() if np.shape(values) != (len(right), 3)}
    if wrong:
        told = ", ".join(f"{name} {shape}" for name, shape in wrong.items())
        raise ValueError(f"every array must be ({len(right)}, 3) like `right`; these are not: {told}")
