"""The conditions of the task set: physics that agrees with itself, hands and slopes included, and what each is told."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from jetson_runtime.suit.signals import (
    CHANNEL_INDEX,
    LABEL_NAMES,
    MIRROR_INDEX,
    MIRROR_SIGN,
    STANDARD_GRAVITY,
)
from models.data import tasks
from models.virtual_wearer.checks import hip_moment_from_above, mass_centre, power_balance
from models.virtual_wearer.dynamics import RATE_HZ
from models.virtual_wearer.frames import Array
from models.virtual_wearer.motion import Plan
from models.virtual_wearer.plays import play
from models.virtual_wearer.subject import Subject
from models.virtual_wearer.wearer import Physics, generate, labels_of, on_foot, physics_of, simulate

INNER = slice(int(RATE_HZ), -int(RATE_HZ))
SUBJECT, SECONDS, SEED = Subject.random(4), 5.0, 2
# One of each way of moving; the rest differ by a number or by a mirror.
CODES = ("L1", "L5", "PP3", "PS2", "PS4", "SH3", "SP1", "SP4", "VA1", "VA2", "VA3", "W3", "W5", "W6")
MIRRORED = (("L5", "L6"), ("PS4", "PS5"), ("VA3", "VA4"))


@cache
def _made(code: str) -> tuple[Physics, Plan]:
    physics, plan, _ = physics_of(SUBJECT, code, SECONDS, SEED)
    return physics, plan


def _labels(code: str) -> dict[str, Array]:
    values = labels_of(_made(code)[0], SUBJECT.body)[INNER]
    return dict(zip(LABEL_NAMES, values.T, strict=True))


@pytest.mark.parametrize("code", CODES)
def test_joints_ground_and_hands_give_the_power_that_the_segments_gain(code: str) -> None:
    physics, _ = _made(code)
    gained, given = (power[INNER] for power in power_balance(physics, SUBJECT.body))
    assert np.std(gained) > 0.1
    assert np.std(gained - given) < 3e-3 * np.std(gained)


@pytest.mark.parametrize("code", CODES)
def test_the_hip_moment_is_the_same_from_the_foot_up_and_from_the_head_down(code: str) -> None:
    physics, _ = _made(code)
    for side, name in enumerate(("hip_r", "hip_l")):
        above = hip_moment_from_above(physics, side)
        np.testing.assert_allclose(above, physics.moments[name], atol=1e-6)


@pytest.mark.parametrize("code", CODES)
def test_the_ground_gives_what_the_body_needs_less_what_the_hands_get(code: str) -> None:
    """Mass x (acceleration of the centre of mass + g), by a plain second difference; g is tilted on a slope."""
    physics, _ = _made(code)
    centre = mass_centre(physics, SUBJECT.body)
    acceleration = (centre[2:] - 2.0 * centre[1:-1] + centre[:-2]) * RATE_HZ**2
    needed = SUBJECT.body.mass_kg * (acceleration + physics.motion.up)
    if physics.hands is not None:
        needed -= physics.hands.force.sum(axis=1)[1:-1]
    off = np.abs(physics.ground.force.sum(axis=1)[1:-1] - needed)[INNER]
    assert off.max() < 0.01 * SUBJECT.body.mass_kg * STANDARD_GRAVITY


@pytest.mark.parametrize("code", CODES)
def test_feet_push_away_from_the_ground_only_and_within_their_soles(code: str) -> None:
    physics, plan = _made(code)
    vertical = physics.ground.force[INNER, :, 1]
    assert vertical.min() >= -1e-9
    loaded = vertical > 0.02 * SUBJECT.body.mass_kg * STANDARD_GRAVITY
    cop = on_foot(plan, SUBJECT.body, physics.ground)[INNER][loaded]
    assert cop.min() > 0.0
    assert cop.max() < 1.0


@pytest.mark.parametrize("code", CODES)
def test_angles_and_moments_are_those_of_a_person(code: str) -> None:
    bounds = {"hip": (-35.0, 145.0), "knee": (-1.0, 135.0), "ankle": (-45.0, 45.0), "lumbar": (-75.0, 25.0)}
    for name, values in _labels(code).items():
        low, high = (-4.0, 4.0) if name.endswith("_moment") else bounds[name.split("_")[0]]
        assert low < values.min(), name
        assert values.max() < high, name


@pytest.mark.parametrize(("right", "left"), MIRRORED)
def test_the_mirrored_subject_does_the_mirrored_condition_as_a_mirror_image(right: str, left: str) -> None:
    """All channels and labels, by the signs of signals.py."""
    one = generate(SUBJECT, right, 4.0, SEED, clean=True)
    other = generate(SUBJECT.mirrored(), left, 4.0, SEED, clean=True)
    swapped = [LABEL_NAMES.index(_other_side(name)) for name in LABEL_NAMES]
    assert np.abs(one.labels - one.labels[:, swapped]).max() > 1.0, "two equal legs would prove nothing"
    np.testing.assert_allclose(
        np.array(MIRROR_SIGN) * one.channels[:, MIRROR_INDEX], other.channels, atol=1e-3
    )
    np.testing.assert_allclose(one.labels[:, swapped], other.labels, atol=1e-3)
    assert (one.meta.extra["condition"], other.meta.extra["condition"]) == (right, left)


def _other_side(name: str) -> str:
    return "_".join({"r": "l", "l": "r"}.get(token, token) for token in name.split("_"))


def test_a_push_at_the_shoulders_unloads_the_back_and_a_pull_loads_it() -> None:
    push, pull = _labels("SP3"), _labels("SP4")
    assert push["lumbar_extension_moment"].mean() < pull["lumbar_extension_moment"].mean() - 0.1
    for code, sign in (("SP3", -1.0), ("SP4", 1.0)):
        hands = _made(code)[0].hands
        assert hands is not None
        assert sign * hands.force[:, :, 0].min() >= 0.0 or sign * hands.force[:, :, 0].max() >= 0.0
        ground = _made(code)[0].ground.force[INNER, :, 0].sum(axis=1)
        np.testing.assert_allclose(ground.mean(), -hands.force[INNER, :, 0].sum(axis=1).mean(), rtol=0.05)


def test_uphill_takes_more_of_hip_and_ankle_than_downhill_and_downhill_more_of_the_knee() -> None:
    """The same subject at the same speed; greatest extension, plantarflexion and knee extension moments."""
    up, down = (
        {joint: -min(_labels(code)[f"{joint}_{side}_moment"].min() for side in "rl") for joint in JOINTS}
        for code in ("W3", "W4")
    )
    assert up["hip_flexion"] > down["hip_flexion"]
    assert up["ankle_angle"] > down["ankle_angle"]
    assert down["knee_angle"] > up["knee_angle"]


JOINTS = ("hip_flexion", "knee_angle", "ankle_angle")


def test_on_a_slope_orientations_are_of_the_level_world() -> None:
    """Steady walking accelerates nowhere on the average: the sensors' forces, turned by them, point up."""
    for code in ("W3", "W4"):
        trial = generate(SUBJECT, code, 8.0, SEED, clean=True)
        first = CHANNEL_INDEX["back_accel_x"]
        w, x, y, z = trial.quaternions["back"].T.astype(np.float64)
        force = trial.channels[:, first : first + 3].astype(np.float64)
        vector = np.stack([x, y, z], axis=1)
        twice = 2.0 * np.cross(vector, force)
        level = (force + w[:, None] * twice + np.cross(vector, twice)).mean(axis=0)
        np.testing.assert_allclose(level, [0.0, STANDARD_GRAVITY, 0.0], atol=0.25)


@pytest.mark.parametrize(("code", "side"), [("W6", 0), ("W5", None)])
def test_a_carried_load_is_on_the_ground_and_in_the_right_hands(code: str, side: int | None) -> None:
    physics, _ = _made(code)
    assert physics.hands is not None
    weight = -physics.hands.force[INNER, :, 1].mean(axis=0) / STANDARD_GRAVITY
    np.testing.assert_allclose(weight.sum(), 9.07, rtol=0.02)
    np.testing.assert_allclose(weight[0], 9.07 if side == 0 else 4.535, rtol=0.03)
    total = physics.ground.force[INNER, :, 1].sum(axis=1).mean() / STANDARD_GRAVITY
    np.testing.assert_allclose(total, SUBJECT.body.mass_kg + 9.07, rtol=0.02)


def test_repetitions_are_at_the_wearers_own_pace_and_postures_as_long_as_told() -> None:
    for code, repetitions in (("L4", 5), ("SH1", 10), ("VA4", 5)):
        assert play(SUBJECT, code, None, SEED)[0].note["repetitions"] == str(repetitions)
    assert play(SUBJECT, "PS3", None, SEED)[0].seconds == 30.0
    walk = generate(SUBJECT, "W2", None, SEED)
    assert walk.plates is not None
    strikes = np.diff((walk.plates[:, 0] > 0.03).astype(int)) == 1
    assert 9 <= strikes.sum() <= 11


@pytest.mark.parametrize("kind", ["PP", "SH", "SP", "VA"])
def test_a_kind_is_one_of_its_conditions(kind: str) -> None:
    extra = generate(SUBJECT, kind, 3.0, SEED).meta.extra
    assert tasks.condition(extra["condition"]).kind == kind


def test_a_subject_can_do_every_other_condition() -> None:
    """benchmarks/virtual_wearer.py counts all for twelve."""
    subject = Subject.random(1000)
    others = [one for one in tasks.conditions() if one.code not in CODES]
    assert len(others) + len(CODES) == 33
    for one in others:
        played, _ = play(subject, one.code, 1.0, 0)
        assert (played.kind, played.note["condition"]) == (one.kind, one.code)
        physics = simulate(played.plan, subject.body)
        assert np.isfinite(labels_of(physics, subject.body)).all()
