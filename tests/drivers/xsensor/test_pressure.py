"""Force and centre of pressure from a map: by hand, against a plain loop, and on both feet."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

from drivers.xsensor import codec
from drivers.xsensor.codec import Info
from drivers.xsensor.pressure import LoadSwitch, PressureGrid

PITCH_UM = 8609
CELL_M = PITCH_UM * 1e-6


def info(mask: list[bool], rows: int = 31, columns: int = 11) -> Info:
    return Info("X4", "1", rows, columns, PITCH_UM, 7513, tuple(mask))


FULL = info([True] * 341)


def cells(**kpa_at: float) -> np.ndarray:
    """A full map with a pressure at r<row>c<column>, 1-based, in wire units."""
    pressures = np.zeros(341)
    for name, kpa in kpa_at.items():
        row, column = (int(number) for number in name[1:].split("c"))
        pressures[(row - 1) * 11 + column - 1] = kpa * 100
    return pressures


def test_force_is_pressure_times_area() -> None:
    load = PressureGrid(FULL, codec.RIGHT).load(np.full(341, 10_000.0))  # 100 kPa everywhere
    assert load.force_n == pytest.approx(100e3 * 341 * CELL_M**2)
    assert (load.ap_m, load.ml_m) == pytest.approx((0.0, 0.0), abs=1e-12)


@pytest.mark.parametrize(
    ("side", "cell", "ap_cells", "ml_cells"),
    [
        (codec.RIGHT, "r1c6", 15, 0),  # toes: forward
        (codec.RIGHT, "r31c6", -15, 0),
        (codec.RIGHT, "r16c11", 0, 5),  # right foot: rightmost is lateral
        (codec.LEFT, "r16c11", 0, -5),  # left foot: rightmost is medial
        (codec.LEFT, "r16c1", 0, 5),
    ],
)
def test_one_pressed_cell_is_where_it_is(side: int, cell: str, ap_cells: int, ml_cells: int) -> None:
    load = PressureGrid(FULL, side).load(cells(**{cell: 50.0}))
    assert load.ap_m == pytest.approx(ap_cells * CELL_M, abs=1e-12)
    assert load.ml_m == pytest.approx(ml_cells * CELL_M, abs=1e-12)


def test_two_cells_weigh_by_their_pressure() -> None:
    load = PressureGrid(FULL, codec.RIGHT).load(cells(r1c6=30.0, r31c6=10.0))
    assert load.ap_m == pytest.approx(7.5 * CELL_M)
    assert load.force_n == pytest.approx(40e3 * CELL_M**2)


def test_any_mask_against_a_plain_loop() -> None:
    pick = random.Random(5)
    mask = [pick.random() < 0.6 for _ in range(7 * 5)]
    pressures = [pick.randrange(40_000) if live else 0 for live in mask]
    grid = PressureGrid(info(mask, 7, 5), codec.LEFT)
    load = grid.load(np.asarray([p for p, live in zip(pressures, mask, strict=True) if live], float))
    force = ap = ml = 0.0
    for row in range(7):
        for column in range(5):
            newton = pressures[row * 5 + column] * 10 * CELL_M**2
            force += newton
            ap += newton * (3 - row) * CELL_M
            ml += newton * (2 - column) * CELL_M
    assert grid.cells == sum(mask)
    assert (load.force_n, load.ap_m, load.ml_m) == pytest.approx((force, ap / force, ml / force))


def test_no_pressure_has_no_centre() -> None:
    load = PressureGrid(FULL, codec.RIGHT).load(np.zeros(341))
    assert load.force_n == 0.0
    assert math.isnan(load.ap_m)
    assert math.isnan(load.ml_m)


def test_the_device_s_own_centre_in_metres() -> None:
    grid = PressureGrid(FULL, codec.LEFT)
    assert grid.centre(650, 1500) == pytest.approx((1.0 * CELL_M, -0.5 * CELL_M))
    assert all(math.isnan(value) for value in grid.centre(codec.COP_UNDEFINED, 1500))


def test_the_load_switch_has_two_thresholds() -> None:
    switch = LoadSwitch(35.0, 21.0)
    forces = [0, 30, 34.9, 35, 30, 21, 20.9, 30, 34, 40]
    assert [switch.update(force) for force in forces] == [False] * 3 + [True] * 3 + [False] * 3 + [True]


@pytest.mark.parametrize(("on_n", "off_n"), [(20.0, 30.0), (0.0, 0.0), (30.0, -1.0), (math.nan, 20.0)])
def test_thresholds_that_make_no_sense_are_refused(on_n: float, off_n: float) -> None:
    with pytest.raises(ValueError, match="0 < off <= on"):
        LoadSwitch(on_n, off_n)
