"""The fit check on twenty virtual wearers: it passes the suit worn well and names each planted mistake, no other."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from worn_wrongly import (
    Mistake,
    Rows,
    exchanged,
    half_turn,
    insole_late,
    insoles_exchanged,
    missing,
    not_zeroed,
    of_mass,
    quarter_turn,
)

from jetson_runtime.fitting.check import check
from jetson_runtime.suit.mounting import MOUNTINGS
from models.virtual_wearer.donning import Donning
from models.virtual_wearer.subject import Subject
from models.virtual_wearer.wearer import fit_check

# None of them was looked at when the limits were set.
WEARERS = range(7100, 7120)
IMUS = ("back", "pelvis", "thigh_r", "thigh_l", "shank_r", "shank_l")


@functools.cache
def rows_of(wearer: int) -> Rows:
    return fit_check(Subject.random(wearer), Donning.worn(wearer, 0)).channels.astype(np.float64)


def told(rows: Rows) -> set[tuple[str, str]]:
    return {(found.code, found.stream) for found in check(rows)}


@pytest.mark.parametrize("wearer", WEARERS)
def test_the_good_suit_passes(wearer: int) -> None:
    assert told(rows_of(wearer)) == set()


MISTAKES: list[tuple[str, Mistake, tuple[str, str]]] = [
    ("thighs", exchanged("thigh_r", "thigh_l", mirrored=True), ("sides", "imu_thigh_r and imu_thigh_l")),
    ("shanks", exchanged("shank_r", "shank_l", mirrored=True), ("sides", "imu_shank_r and imu_shank_l")),
    (
        "thighs unturned",
        exchanged("thigh_r", "thigh_l", mirrored=False),
        ("sides", "imu_thigh_r and imu_thigh_l"),
    ),
    ("insoles", insoles_exchanged, ("sides", "insole_r and insole_l")),
    (
        "right leg",
        exchanged("thigh_r", "shank_r", mirrored=False),
        ("segments", "imu_thigh_r and imu_shank_r"),
    ),
    (
        "left leg",
        exchanged("thigh_l", "shank_l", mirrored=False),
        ("segments", "imu_thigh_l and imu_shank_l"),
    ),
    ("trunk", exchanged("pelvis", "back", mirrored=False), ("segments", "imu_pelvis and imu_back")),
    ("too heavy", of_mass(1.5), ("mass", "")),
    ("too light", of_mass(1 / 1.8), ("mass", "")),
    ("right not zeroed", not_zeroed("r", 0.08), ("not_zeroed", "insole_r")),
    ("left not zeroed", not_zeroed("l", 0.08), ("not_zeroed", "insole_l")),
    *(
        (f"{side} {ticks} ticks late", insole_late(side, ticks), ("delay", f"insole_{side}"))
        for side in "rl"
        for ticks in (8, -8)
    ),
    ("missing", missing("pelvis"), ("missing", "imu_pelvis")),
    *(
        (f"{part} upside down about {axis}", half_turn(part, axis), ("upside_down", f"imu_{part}"))
        for part in IMUS
        for axis in "xz"
    ),
    *((f"{part} back to front", half_turn(part, "y"), ("rotated", f"imu_{part}")) for part in IMUS),
    *(
        (f"{part} a quarter about {axis}", quarter_turn(part, axis, sign), ("rotated", f"imu_{part}"))
        for part in IMUS
        for axis, sign in (("x", 1), ("x", -1), ("y", 1), ("y", -1), ("z", 1), ("z", -1))
    ),
]


@pytest.mark.parametrize(("mistake", "expected"), [pytest.param(m, e, id=name) for name, m, e in MISTAKES])
def test_a_planted_mistake_is_named_and_no_other(mistake: Mistake, expected: tuple[str, str]) -> None:
    wrong = {wearer: found for wearer in WEARERS if (found := told(mistake(rows_of(wearer)))) != {expected}}
    assert wrong == {}


def test_the_remedy_names_the_mounting_that_is_there() -> None:
    """Worn as `x_up_z_left` where the config says `x_up_z_right`: half a turn about the long axis."""
    rows = half_turn("thigh_r", "y")(rows_of(WEARERS[0]))
    (found,) = check(rows, {"imu_thigh_r": "x_up_z_right"})
    assert 'mounting = "x_up_z_left"' in found.remedy
    turn = MOUNTINGS["x_up_z_right"] @ MOUNTINGS["x_up_z_left"].T
    assert np.array_equal(turn, np.diag([-1.0, 1.0, -1.0]))


def test_a_lazy_check_is_not_a_passed_one() -> None:
    """Standing still all the time, or the wrong foot first."""
    rows = rows_of(WEARERS[0])
    still = np.tile(rows[200:1000], (8, 1))[: len(rows)]
    assert {found.code for found in check(still)} >= {"not_lifted", "no_squat"}
    mirrored = exchanged("thigh_r", "thigh_l", mirrored=False)(
        exchanged("shank_r", "shank_l", mirrored=False)(rows)
    )
    assert ("sides", "") in told(insoles_exchanged(mirrored))
