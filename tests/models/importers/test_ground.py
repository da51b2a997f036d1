"""Plates to feet by centre of pressure; what insoles under those feet read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pyarrow")

from models.importers.body_model import Poses
from models.importers.errors import ImportSetError
from models.importers.ground import Plates, assign, centre_of_pressure, read_plates
from models.importers.insoles import Foot, insole_channels
from models.importers.storage import Table

COUNT = 100
TIME = np.arange(COUNT) / 100.0


def feet(right_x: float, left_x: float) -> tuple[np.ndarray, np.ndarray]:
    """Heels and toes, 0.25 m apart; the right foot 0.1 m to the right of the middle."""
    heels = np.zeros((COUNT, 2, 3))
    heels[:, 0, 0], heels[:, 1, 0] = right_x, left_x
    heels[:, 0, 2], heels[:, 1, 2] = 0.1, -0.1
    return heels, heels + np.array([0.25, 0.0, 0.0])


def plates(*contacts: tuple[int, slice, tuple[float, float]]) -> Plates:
    """Two plates; each contact: plate, rows, (x, z) of its centre, 500 N up, 10 N forward, 2 Nm about the vertical."""
    force, point, torque = (np.zeros((COUNT, 2, 3)) for _ in range(3))
    for plate, rows, (x, z) in contacts:
        force[rows, plate] = [10.0, 500.0, 0.0]
        point[rows, plate] = [x, 0.0, z]
        torque[rows, plate, 1] = 2.0
    return Plates(("one", "two"), TIME, force, point, torque)


def test_each_contact_goes_to_its_own_foot_whichever_plate_it_was_on() -> None:
    first, second = slice(0, 40), slice(50, 90)
    loads = assign(plates((0, first, (0.1, 0.08)), (0, second, (0.8, -0.09))), *feet(0.0, 0.7))
    assert np.all(loads.force[first, 0, 1] == 500.0) and np.all(loads.force[first, 1] == 0.0)
    assert np.all(loads.force[second, 1, 1] == 500.0) and np.all(loads.force[second, 0] == 0.0)
    centre = centre_of_pressure(loads.force, loads.moment, 0.0)
    np.testing.assert_allclose(centre[first, 0], np.tile([0.1, 0.0, 0.08], (40, 1)), atol=1e-12)
    assert np.all(np.isnan(centre[first, 1]))


def test_two_plates_under_one_foot_add_up() -> None:
    both = slice(20, 60)
    loads = assign(plates((0, both, (0.0, 0.1)), (1, both, (0.2, 0.1))), *feet(0.0, 0.0))
    assert np.all(loads.force[both, 0, 1] == 1000.0) and np.all(loads.force[:, 1] == 0.0)
    centre = centre_of_pressure(loads.force, loads.moment, 0.0)[both, 0]
    np.testing.assert_allclose(centre, np.tile([0.1, 0.0, 0.1], (40, 1)), atol=1e-12)


def test_what_no_foot_is_near_to_is_told_and_left_out() -> None:
    loads = assign(plates((1, slice(10, 50), (3.0, 0.0))), *feet(0.0, 0.0))
    assert loads.strays == ("two",)
    assert np.all(loads.force == 0.0)


def test_a_gap_in_the_plates_is_not_measured() -> None:
    given = plates((0, slice(0, 100), (0.1, 0.1)))
    given.force[30:35, 0] = np.nan
    loads = assign(given, *feet(0.0, 0.0))
    assert np.flatnonzero(~loads.measured[:, 0]).tolist() == [30, 31, 32, 33, 34]
    assert np.all(np.isfinite(loads.force))


@pytest.mark.parametrize(
    ("force", "torque"),
    [
        ("ground_force_1_", "ground_force_1_m"),
        ("1_ground_force_", "1_ground_torque_"),
        ("R_ground_force_", "R_ground_torque_"),
        ("ground_force_", "ground_moment_"),
    ],
)
def test_plates_are_found_by_the_names_in_use(force: str, torque: str) -> None:
    names = [f"{force}{kind}{axis}" for kind in "vp" for axis in "xyz"] + [
        f"{torque}{axis}" for axis in "xyz"
    ]
    found = read_plates(Path("a.mot"), Table(tuple(names), TIME, np.tile(np.arange(9.0), (COUNT, 1))))
    assert found.force[0].tolist() == [[0.0, 1.0, 2.0]]
    assert found.point[0].tolist() == [[3.0, 4.0, 5.0]]
    assert found.torque[0].tolist() == [[6.0, 7.0, 8.0]]


def test_every_missing_column_is_named() -> None:
    with pytest.raises(ImportSetError) as caught:
        read_plates(
            Path("a.mot"), Table(("ground_force_1_vx", "ground_force_1_vy"), TIME, np.zeros((COUNT, 2)))
        )
    missing = ["1_vz", "1_px", "1_py", "1_pz", "torque_1_x", "torque_1_y", "torque_1_z"]
    assert len(caught.value.defects) == len(missing)
    assert all(name in line for name, line in zip(missing, caught.value.defects, strict=True))


def test_insoles_read_bodyweights_and_places_on_the_sole() -> None:
    """A right and a left foot at the origin of calcn, turned by 90 degrees about the vertical: forward is -z."""
    turned = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])
    bodies = ("calcn_r", "calcn_l")
    poses = Poses(
        {body: np.zeros((3, 3)) for body in bodies},
        {body: np.tile(turned, (3, 1, 1)) for body in bodies},
        np.zeros((3, 3)),
    )
    force = np.zeros((3, 2, 3))
    force[:, :, 1] = np.array([[1.0, 0.5, 0.04]]).T * 70.0 * 9.80665
    # 0.1 m ahead of calcn and 0.02 m to the right of the feet, which is at z = -0.1, x = 0.02 in the laboratory.
    centre = np.tile([0.02, 0.0, -0.1], (3, 2, 1))
    out = insole_channels(force, centre, poses, Foot(-0.03, 0.26, 0.1), 70.0)
    np.testing.assert_allclose(out[:, 0], [1.0, 0.5, 0.04])
    np.testing.assert_allclose(out[:2, 1], 0.13 / 0.26)
    np.testing.assert_allclose(out[:2, [2, 5]], [[0.7, 0.3], [0.7, 0.3]])
    assert np.all(np.isnan(out[2, [1, 2, 4, 5]])), "a centre of pressure below 0.05 bodyweights"
