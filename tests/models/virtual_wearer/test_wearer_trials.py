"""Trials as a whole: the same seed the same bits, mirror images, loads in the hands, files, refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jetson_runtime.suit.signals import (
    CHANNEL_INDEX,
    LABEL_NAMES,
    MIRROR_INDEX,
    MIRROR_SIGN,
    PARTS,
    STANDARD_GRAVITY,
)
from jetson_runtime.suit.trial import Trial, read_trial, write_trial
from models.virtual_wearer.donning import Donning
from models.virtual_wearer.footsteps import Walk
from models.virtual_wearer.frames import Array
from models.virtual_wearer.gait import plan_walk
from models.virtual_wearer.lift import Session, plan_session
from models.virtual_wearer.subject import Subject
from models.virtual_wearer.wearer import (
    TASKS,
    channels_of,
    cohort,
    filter_labels,
    generate,
    labels_of,
    neutral,
    physics_of,
    simulate,
)

SECONDS = 4.0


class Chanceless:
    """A random generator that always draws the middle: what is left of a plan is the subject's own style."""

    def normal(self, mean: float = 0.0, sd: float = 1.0, size: Any = None) -> Any:
        return mean if size is None else np.full(size, mean)

    def uniform(self, low: float, high: float) -> float:
        return 0.5 * (low + high)


@pytest.fixture(scope="module")
def trials() -> dict[str, Trial]:
    return {task: generate(Subject.random(5), task, SECONDS, 3) for task in TASKS}


def _walked(subject: Subject, lead_side: int) -> tuple[Array, Array]:
    rng: Any = Chanceless()
    plan, _ = plan_walk(subject, Walk(1.2, SECONDS, 1.0, 1.0, 0.0, lead_side), rng)
    physics = simulate(plan, subject.body)
    clean = channels_of(physics, plan, subject.body, Donning.perfect(), np.random.default_rng(0))
    return clean, labels_of(physics, subject.body)


def _other_side(name: str) -> str:
    return "_".join({"r": "l", "l": "r"}.get(token, token) for token in name.split("_"))


def test_a_mirrored_subject_walks_the_mirror_image() -> None:
    """All 54 channels and 14 labels by the signs of signals.py: no side, axis or sign is mistaken anywhere."""
    subject = Subject.random(3)
    channels, labels = _walked(subject, 0)
    seen, mirrored_labels = _walked(subject.mirrored(), 1)
    swapped = [LABEL_NAMES.index(_other_side(name)) for name in LABEL_NAMES]
    assert np.abs(labels - labels[:, swapped]).max() > 1.0, "two equal legs would prove nothing"
    np.testing.assert_allclose(np.array(MIRROR_SIGN) * channels[:, MIRROR_INDEX], seen, atol=1e-5)
    np.testing.assert_allclose(labels[:, swapped], mirrored_labels, atol=1e-5)


def test_mirroring_twice_gives_the_subject_back() -> None:
    subject = Subject.random(11)
    assert subject.mirrored().style != subject.style
    assert subject.mirrored().mirrored().style == subject.style


@pytest.mark.parametrize("task", TASKS)
def test_the_same_seed_gives_the_same_bits(trials: dict[str, Trial], task: str) -> None:
    again = generate(Subject.random(5), task, SECONDS, 3)
    assert again.channels.tobytes() == trials[task].channels.tobytes()
    assert again.labels.tobytes() == trials[task].labels.tobytes()
    assert again.meta == trials[task].meta
    for part in PARTS:
        assert again.quaternions[part].tobytes() == trials[task].quaternions[part].tobytes()


@pytest.mark.parametrize(("subject", "seed"), [(5, 4), (6, 3)])
def test_another_seed_or_subject_moves_otherwise(trials: dict[str, Trial], subject: int, seed: int) -> None:
    other = generate(Subject.random(subject), "L", SECONDS, seed)
    assert np.abs(other.labels - trials["L"].labels).max() > 5.0


@pytest.mark.parametrize("task", TASKS)
def test_a_trial_survives_its_file(trials: dict[str, Trial], task: str, tmp_path: Path) -> None:
    path = tmp_path / "trial.parquet"
    write_trial(path, trials[task])
    back = read_trial(path)
    np.testing.assert_array_equal(back.channels, trials[task].channels)
    np.testing.assert_array_equal(back.labels, trials[task].labels)
    np.testing.assert_array_equal(back.time_s, trials[task].time_s)
    assert set(back.quaternions) == set(PARTS)
    assert (back.meta.subject, back.meta.task, back.meta.source) == ("vw-5", task, "virtual")
    assert back.meta.body_mass_kg == pytest.approx(Subject.random(5).body.mass_kg)


@pytest.mark.parametrize("task", TASKS)
def test_a_trial_has_every_number_that_it_should(trials: dict[str, Trial], task: str) -> None:
    trial = trials[task]
    assert trial.channels.shape == (round(SECONDS * 200), 54)
    assert trial.labels.shape == (round(SECONDS * 200), 14)
    assert np.isfinite(trial.labels).all()
    centres = [i for name, i in CHANNEL_INDEX.items() if "_cop_" in name]
    assert np.isfinite(np.delete(trial.channels, centres, axis=1)).all()


def test_an_unknown_task_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"'jump' is none of W, L, PS, PP, SH, SP, VA, L1, "):
        generate(Subject.random(0), "jump", 2.0, 0)


def test_a_cohort_is_every_subject_in_every_task() -> None:
    names = [(t.meta.subject, t.meta.task, t.meta.extra["seed"]) for t in cohort((2, 8), 1.0, ("PS",), 2)]
    assert names == [("vw-2", "PS", "0"), ("vw-2", "PS", "1"), ("vw-8", "PS", "0"), ("vw-8", "PS", "1")]


def test_subjects_differ_in_body_within_human_bounds() -> None:
    bodies = [Subject.random(seed).body for seed in range(60)]
    heights, masses = np.array([b.height_m for b in bodies]), np.array([b.mass_kg for b in bodies])
    assert 1.48 <= heights.min() < 1.60
    assert 1.80 < heights.max() <= 2.0
    assert (masses / heights**2).min() >= 18.0
    assert (masses / heights**2).max() <= 32.0
    assert len({(b.mass_kg, b.height_m) for b in bodies}) == 60


def test_a_load_in_the_hands_is_felt_by_the_back_and_the_feet() -> None:
    """The same lifts with 0 and 15 kg: the ground carries 15 kg more, the back extends harder."""
    subject = Subject.random(9)
    loads, backs, held = [], [], np.zeros(0, bool)
    for kg in (0.0, 15.0):
        session = Session("lift", 1.2, 0.8, 0.5, kg, 1.2, 0.5, 1.2, 0.4, 0.0, 0.0, 0.0, 0.3)
        plan, _ = plan_session(subject, session, 8.0, np.random.default_rng(5))
        physics = simulate(plan, subject.body)
        inner = slice(300, -300)
        clean = channels_of(physics, plan, subject.body, Donning.perfect(), np.random.default_rng(0))[inner]
        loads.append(clean[:, CHANNEL_INDEX["insole_r_vgrf"]] + clean[:, CHANNEL_INDEX["insole_l_vgrf"]])
        backs.append(labels_of(physics, subject.body)[inner, LABEL_NAMES.index("lumbar_extension_moment")])
        held = plan.hands.held[0].kg[inner] > 14.9 if plan.hands else held
    assert 0.2 < held.mean() < 0.9
    more = (loads[1] - loads[0])[held].mean() * subject.body.mass_kg
    assert more == pytest.approx(15.0, rel=0.05)
    assert backs[1].max() > 1.2 * backs[0].max()
    lever = (backs[1] - backs[0])[held] * subject.body.mass_kg / (15.0 * STANDARD_GRAVITY)
    assert 0.05 < np.median(lever) < 0.8, "metres from the lower back to the hands"


def test_the_physics_of_a_trial_is_made_again_to_the_bit(trials: dict[str, Trial]) -> None:
    subject = Subject.random(5)
    physics, _, inside = physics_of(subject, "W", SECONDS, 3)
    labels = filter_labels(labels_of(physics, subject.body))[inside]
    np.testing.assert_array_equal(labels.astype(np.float32), trials["W"].labels)


def test_plates_hold_what_perfect_insoles_read() -> None:
    trial = generate(Subject.random(5), "W", SECONDS, 3, clean=True)
    assert trial.plates is not None
    first = CHANNEL_INDEX["insole_r_vgrf"]
    np.testing.assert_allclose(trial.plates, trial.channels[:, first : first + 6], atol=1e-6)
    assert np.isnan(trial.plates[:, 1]).any(), "a swinging foot has no centre of pressure"


def test_a_neutral_stance_is_upright_and_in_the_same_suit() -> None:
    subject, donning = Subject.random(5), Donning.random(3)
    still, moving = neutral(subject, donning), generate(subject, "PS1", 3.0, 1, donning)
    assert still.meta.task == "other:neutral"
    assert (moving.meta.task, moving.meta.extra["condition"]) == ("PS", "PS1")
    assert np.abs(still.labels[:, LABEL_NAMES.index("knee_angle_r")]).max() < 25.0
    assert np.ptp(still.labels[:, :7], axis=0).max() < 6.0


def test_a_movement_that_no_joint_makes_is_refused_and_not_wrapped() -> None:
    with pytest.raises(ValueError, match=r"hip_flexion_r would reach 155 deg, .*; take another seed"):
        generate(Subject.random(11), "L", 12.0, 1)


def test_a_plan_whose_ground_would_act_beside_the_sole_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"vw-558, W: the ground would act beside the r sole, from -0\.9\d to 0\.\d\d"
    ):
        generate(Subject.random(558), "W3", 5.0, seed=0)
