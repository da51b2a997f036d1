"""From a pressure map to vertical force and centre of pressure. Pure; the geometry comes from the device's INFO."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from drivers.samples import CellGrid
from drivers.xsensor.codec import COP_PER_CELL, COP_UNDEFINED, PRESSURE_PER_KPA, RIGHT, Info

CELL_TYPE = np.dtype("<u2")
_NAN = float("nan")


class Load(NamedTuple):
    """force_n: N. ap_m, ml_m: centre of pressure from the grid's centre, to the toes and to the lateral edge, m."""

    force_n: float
    ap_m: float
    ml_m: float


class PressureGrid:
    """One foot's live cells. Column 1 is the leftmost seen from above, row 1 is at the toes, on both feet."""

    def __init__(self, info: Info, side: int) -> None:
        self.cells = info.live_cells
        self.cell_m = info.pitch_um * 1e-6
        self.grid = CellGrid(info.rows, info.columns, self.cell_m, info.mask)
        self._lateral_m = self.cell_m if side == RIGHT else -self.cell_m
        self._middle_column = (info.columns + 1) / 2
        self._middle_row = (info.rows + 1) / 2
        self._half_length_m = info.rows / 2 * self.cell_m
        self._half_width_m = info.columns / 2 * self.cell_m
        centres = [
            (1.0, *self._metres(i % info.columns + 1, i // info.columns + 1))
            for i, live in enumerate(info.mask)
            if live
        ]
        newton = self.cell_m**2 * 1000 / PRESSURE_PER_KPA  # in one cell, for one unit of the wire's pressure
        self._weights = newton * np.asarray(centres).reshape(-1, 3)
        self._pressures = np.empty(self.cells)
        self._sums = np.empty(3)

    def load(self, pressures: npt.NDArray[np.float64] | npt.NDArray[np.uint16]) -> Load:
        """Sum of pressure x cell area, and the pressure-weighted mean of the cell centres; wire units, (cells,)."""
        np.copyto(self._pressures, pressures)
        np.dot(self._pressures, self._weights, out=self._sums)
        force_n, ap, ml = self._sums.tolist()
        return Load(force_n, ap / force_n, ml / force_n) if force_n > 0 else Load(0.0, _NAN, _NAN)

    def centre(self, column: int, row: int) -> tuple[float, float]:
        """The device's own centre of pressure (1/100 cell) as ap_m, ml_m; NaN where it says undefined."""
        if COP_UNDEFINED in (column, row):
            return _NAN, _NAN
        return self._metres(column / COP_PER_CELL, row / COP_PER_CELL)

    def beside(self, load: Load) -> bool:
        """Whether the centre of pressure is defined and off the grid."""
        return abs(load.ap_m) > self._half_length_m or abs(load.ml_m) > self._half_width_m

    def _metres(self, column: float, row: float) -> tuple[float, float]:
        return (self._middle_row - row) * self.cell_m, (column - self._middle_column) * self._lateral_m


def pressures_kpa(cells: bytes) -> tuple[float, ...]:
    """The pressures in `InsoleSample.cells`: live cells in row-major order from the toes."""
    return tuple((np.frombuffer(cells, CELL_TYPE) / PRESSURE_PER_KPA).tolist())


class LoadSwitch:
    """Whether a foot is loaded, with hysteresis: on at `on_n`, off below `off_n`. ValueError where off is above on."""

    def __init__(self, on_n: float, off_n: float) -> None:
        if not 0 < off_n <= on_n:
            raise ValueError(f"load thresholds must be 0 < off <= on, not off {off_n:g} N, on {on_n:g} N")
        self.on_n = on_n
        self.off_n = off_n
        self.loaded = False

    def update(self, force_n: float) -> bool:
        """The state after this force."""
        self.loaded = force_n >= (self.off_n if self.loaded else self.on_n)
        return self.loaded
