"""A plausible pressure map under a foot with a given force and centre of pressure.

Among all maps with that centre, the one nearest (in relative entropy) to a resting foot's pattern: the pattern times
exp(a column + b row). The two numbers come from Newton's method on a convex function, for many maps at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

ROWS, COLUMNS = 31, 11
RIGHT, LEFT = 1, 0

# First and last live column of each row on the right foot (medial edge to the left), toes first: 235 cells.
_OUTLINE = (
    (3, 6), (2, 7), (2, 8), (1, 9), (1, 10), (1, 10), (1, 11), (1, 11), (1, 11), (1, 11), (1, 11),
    (2, 11), (2, 11), (3, 11), (3, 11), (4, 11),
    (6, 10), (6, 10), (6, 10), (6, 10), (6, 10), (6, 10),
    (4, 9), (3, 9), (3, 9), (3, 9), (3, 9), (3, 9), (3, 9), (3, 9), (5, 7),
)  # fmt: skip
# Where a standing foot presses: row, column, spread in rows, in columns, weight.
# Heel, metatarsals, great toe, lateral edge.
_PADS = (
    (27.0, 6.0, 3.0, 2.2, 1.0),
    (9.5, 6.0, 2.6, 3.0, 0.8),
    (3.0, 4.5, 1.5, 1.5, 0.5),
    (18.0, 8.0, 5.0, 1.5, 0.3),
)
_FLOOR = 0.02
_EDGE = (
    0.75  # cells: a centre nearer to the outermost cells' centres than this would need one cell to carry all
)
_TOLERANCE = 1e-7  # cells
_BOUNDED_TOLERANCE = 1e-4
_MAX_ITERATIONS = 80
_GIVE = 0.003  # cells for each unit of tilt and each cell that is needed


@dataclass(frozen=True)
class FootGrid:
    """The live cells of one foot's insole: `mask` (31 x 11, row-major), their columns and rows (1-based), all (n,)."""

    mask: tuple[bool, ...]
    columns: Floats
    rows: Floats


def foot_grid(side: int) -> FootGrid:
    """The grid seen from above with the toes up; the left foot is the right one's mirror image."""
    live = np.zeros((ROWS, COLUMNS), bool)
    for row, (first, last) in enumerate(_OUTLINE):
        live[row, first - 1 : last] = True
    if side == LEFT:
        live = live[:, ::-1]
    rows, columns = np.nonzero(live)
    return FootGrid(
        tuple(live.ravel().tolist()), (columns + 1).astype(np.float64), (rows + 1).astype(np.float64)
    )


class PressureMap:
    """Distributes forces over one foot's cells. The same centre always gives the same map."""

    def __init__(self, side: int) -> None:
        self.grid = foot_grid(side)
        lateral = self.grid.columns if side == RIGHT else COLUMNS + 1 - self.grid.columns
        self._log_base = np.log(_resting_pattern(self.grid.rows, lateral))
        self._centre = np.asarray([self.grid.columns.mean(), self.grid.rows.mean()])
        self._cells = np.stack([self.grid.columns, self.grid.rows]) - self._centre[:, None]
        # Second moments, so that one matrix product gives a map's centre and covariance.
        x, y = self._cells
        self._moments = np.stack([x, y, x * x, x * y, y * y], axis=1)
        self._corners = _inset_hull(self._cells.T, _EDGE)
        self._features = np.concatenate([np.ones((1, len(x))), self._cells])
        self._products = (self._features[:, None] * self._features[None]).reshape(9, -1).T

    @property
    def cells(self) -> int:
        """How many cells are live."""
        return len(self.grid.rows)

    def reachable(self, column: Floats, row: Floats) -> tuple[Floats, Floats]:
        """The nearest centres that a map can have; inside the foot, the given ones."""
        points = np.stack([column, row], axis=1) - self._centre
        inside = _nearest_in_polygon(points, self._corners) + self._centre
        return inside[:, 0], inside[:, 1]

    def shares(self, column: Floats, row: Floats) -> Floats:
        """(n, cells): what each cell carries of the force, for centres that are `reachable`; rows sum to 1."""
        return self._tilted(self._tilt_for(np.stack([column, row], axis=1) - self._centre))

    def shares_below(self, limit: Floats, column: Floats, row: Floats) -> Floats:
        """As `shares`, but no cell carries more than its map's `limit` (n,): crowded cells hand on to their neighbours.

        Where cells are crowded the centre gives way a little, by less than half a cell on a running foot.
        """
        target = np.stack([column, row], axis=1) - self._centre
        tilt = self._tilt_for(target)
        shares = self._tilted(tilt)
        crowded = shares.max(axis=1, initial=0.0) > limit
        if crowded.any():
            shares[crowded] = self._bounded(limit[crowded, None], target[crowded], tilt[crowded])
        return shares

    def _tilt_for(self, target: Floats) -> Floats:
        """(n, 2): the tilts a, b of the maps whose centres are `target`.

        From the resting pattern every centre within reach takes ten iterations at most. From the tilt of another
        centre Newton's method can fail: where the map is nearly a point it is nearly flat.
        """
        tilt = np.zeros_like(target)
        for _ in range(_MAX_ITERATIONS):
            moments = self._tilted(tilt) @ self._moments
            error = moments[:, :2] - target
            if np.abs(error).max(initial=0.0) < _TOLERANCE:
                break
            tilt -= _newton_step(moments, error)
        return tilt

    def _bounded(self, limit: Floats, target: Floats, tilt: Floats) -> Floats:
        """Maps limit / (1 + exp(-(log pattern + c + a column + b row))) of sum 1, centre target - give * (a, b).

        The same problem with a bound on each cell, and a spring instead of a constraint on the centre, so that there
        always is a solution; Newton's method, from the unbounded tilt. The spring is the softer the more cells it
        takes to carry the force.
        """
        wanted = np.concatenate([np.ones((len(target), 1)), target], axis=1)
        level = -np.log(np.exp(self._log_base + tilt @ self._cells).sum(axis=1, keepdims=True) * limit)
        unknowns = np.concatenate([level, tilt], axis=1)
        give = np.asarray([0.0, _GIVE, _GIVE]) / limit
        for _ in range(_MAX_ITERATIONS):
            exponent = np.clip(self._log_base + unknowns @ self._features, -60.0, 60.0)
            filled = 1 / (1 + np.exp(-exponent))
            error = wanted - limit * filled @ self._features.T - give * unknowns
            if np.abs(error).max() < _BOUNDED_TOLERANCE:
                break
            slope = (limit * filled * (1 - filled)) @ self._products
            slope = slope.reshape(-1, 3, 3) + (give + 1e-12)[:, :, None] * np.eye(3)
            step = np.linalg.solve(slope, error[:, :, None])[:, :, 0]
            longest = np.abs(step @ self._features).max(axis=1, keepdims=True)
            unknowns += step * np.minimum(1.0, 8.0 / (longest + 1e-300))
        shares = limit * filled
        return np.asarray(shares / shares.sum(axis=1, keepdims=True))

    def centre_of(self, shares: Floats) -> tuple[Floats, Floats]:
        """Columns and rows of the centres of maps (n, cells)."""
        centre = shares @ self._moments[:, :2] / shares.sum(axis=1, keepdims=True) + self._centre
        return centre[:, 0], centre[:, 1]

    def resting_centre(self) -> tuple[float, float]:
        """Column and row of the untilted pattern's centre."""
        column, row = self.centre_of(self._tilted(np.zeros((1, 2))))
        return float(column[0]), float(row[0])

    def _tilted(self, tilt: Floats) -> Floats:
        exponent = self._log_base + tilt @ self._cells
        exponent -= exponent.max(axis=1, keepdims=True)
        weight = np.exp(exponent)
        return np.asarray(weight / weight.sum(axis=1, keepdims=True))


def _newton_step(moments: Floats, error: Floats) -> Floats:
    """Covariance^-1 error, at most 0.5 long: full steps overshoot where the map is nearly a point."""
    x, y, xx, xy, yy = moments.T
    xx, xy, yy = xx - x * x, xy - x * y, yy - y * y
    determinant = xx * yy - xy * xy
    step = np.stack([yy * error[:, 0] - xy * error[:, 1], xx * error[:, 1] - xy * error[:, 0]], axis=1)
    step /= determinant[:, None]
    return np.asarray(step * np.minimum(1.0, 0.5 / (np.abs(step).max(axis=1, keepdims=True) + 1e-300)))


def _resting_pattern(rows: Floats, lateral: Floats) -> Floats:
    pattern = np.full(len(rows), _FLOOR)
    for row, column, row_spread, column_spread, weight in _PADS:
        distance = ((rows - row) / row_spread) ** 2 + ((lateral - column) / column_spread) ** 2
        pattern += weight * np.exp(-0.5 * distance)
    return pattern


def _inset_hull(points: Floats, margin: float) -> Floats:
    """Corners of the points' convex hull, each drawn `margin` towards their mean; counter-clockwise."""
    ordered = sorted(map(tuple, points.tolist()))
    hull = np.asarray(_half_hull(ordered) + _half_hull(ordered[::-1]))
    return np.asarray(hull * (1 - margin / np.linalg.norm(hull, axis=1, keepdims=True)))


def _half_hull(points: list[tuple[float, ...]]) -> list[tuple[float, ...]]:
    """One chain of Andrew's monotone chain algorithm, without its last point."""
    chain: list[tuple[float, ...]] = []
    for x, y in points:
        while len(chain) > 1:
            (ax, ay), (bx, by) = chain[-2], chain[-1]
            if (bx - ax) * (y - ay) - (by - ay) * (x - ax) > 0:
                break
            chain.pop()
        chain.append((x, y))
    return chain[:-1]


def _nearest_in_polygon(points: Floats, corners: Floats) -> Floats:
    """(n, 2): the points of a convex polygon nearest to `points`."""
    edges = np.roll(corners, -1, axis=0) - corners
    offset = points[:, None, :] - corners
    turn = edges[:, 0] * offset[:, :, 1] - edges[:, 1] * offset[:, :, 0]
    outside = np.any(turn < 0, axis=1)
    along = np.clip((offset * edges).sum(axis=2) / (edges * edges).sum(axis=1), 0.0, 1.0)
    foot = corners + along[:, :, None] * edges
    distance = foot - points[:, None, :]
    nearest = (distance * distance).sum(axis=2).argmin(axis=1)
    return np.where(outside[:, None], foot[np.arange(len(points)), nearest], points)
