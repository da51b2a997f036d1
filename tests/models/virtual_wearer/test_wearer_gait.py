"""Walking at 1.3 m/s of a dozen subjects against normative figures, and where it is known to be out of norm.

Sources: [W] Winter 1991, The Biomechanics and Motor Control of Human Gait, 2nd ed., natural cadence; [P] Perry &
Burnfield 2010, Gait Analysis, 2nd ed., free walking; [O] Orendurff et al. 2004, J Rehabil Res Dev 41, 829-834,
centre-of-mass excursions by speed. Bands are rounded outwards by about one standard deviation between subjects.
"""

from __future__ import annotations

import numpy as np
import pytest

from models.virtual_wearer.footsteps import Walk, random_walk
from models.virtual_wearer.frames import Array
from models.virtual_wearer.gait import plan_walk
from models.virtual_wearer.strides import stride_figures
from models.virtual_wearer.subject import Subject
from models.virtual_wearer.wearer import simulate

SUBJECTS = 12

# figure, normative band, band that every subject keeps (it is the wider: people differ, so do these)
NORMS = [
    ("cadence, steps/min", (100, 125), (100, 130), "[W] 105, [P] 113, faster in short people"),
    ("stride, m", (1.2, 1.6), (1.15, 1.6), "[P] 1.41, here by 1.3 m/s and cadence"),
    ("stance, %", (58, 65), (58, 65), "[P] 62"),
    ("hip flexion, greatest", (25, 45), (20, 50), "[W], [P] 25-40 of the thigh, more with the pelvis tilted"),
    ("knee flexion, loading", (12, 26), (12, 34), "[P] 15-20, [W] 20; one subject walks crouched"),
    ("knee flexion, least in stance", (0, 12), (2, 16), "[P] 5, [W] 3-8"),
    ("plantarflexion, greatest", (12, 30), (12, 38), "[P] 15-20, [W] 20"),
    ("plantarflexion moment", (1.2, 1.7), (1.1, 1.8), "[W] 1.6 Nm/kg"),
    ("dorsiflexion moment, early", (0.05, 0.30), (0.05, 0.35), "[W] 0.1-0.2"),
    ("knee extension moment, loading", (0.3, 0.9), (0.2, 1.35), "[W] 0.5-0.6; the same crouched subject"),
    ("hip flexion moment", (0.3, 1.1), (0.4, 1.3), "[W] 0.5-0.9"),
    ("vertical force, first peak", (1.0, 1.25), (0.95, 1.3), "[P] 1.1"),
    ("vertical force, second peak", (1.0, 1.25), (0.95, 1.5), "[P] 1.1"),
    ("braking force", (0.12, 0.25), (0.10, 0.35), "[P] 0.13, [W] 0.2"),
    ("propulsive force", (0.15, 0.27), (0.10, 0.35), "[P] 0.23, [W] 0.2"),
    ("centre of mass sideways, cm", (3.0, 6.5), (2.5, 7.5), "[O] 4-5 at 1.2-1.6 m/s"),
]

# figure, norm, what the median of the subjects keeps instead
DEPARTURES = [
    ("knee flexion at heel strike", (0, 8), (8, 16), "[P] 5: inverse kinematics cannot straighten a leg"),
    ("knee flexion, swing", (55, 65), (50, 60), "[P] 60"),
    ("knee flexion greatest at", (70, 76), (76, 84), "[P] 70-73 %: the swing is late"),
    ("hip extension greatest at", (48, 54), (38, 67), "[P] 50 %: the hip extends until the toe leaves"),
    ("dorsiflexion, stance", (5, 14), (12, 19), "[P] 10"),
    ("dorsiflexion, late swing", (-3, 8), (10, 25), "[P] 0-2: the foot is held too high"),
    (
        "plantarflexion moment greatest at",
        (46, 51),
        (40, 50),
        "[W] 48 %: early in subjects with a flat force",
    ),
    ("vertical force, valley", (0.70, 0.85), (0.78, 0.92), "[P] 0.8: too flat"),
    ("centre of mass up and down, cm", (3.0, 5.0), (1.0, 3.0), "[O] 4: too flat"),
    (
        "hip extension moment",
        (0.4, 1.0),
        (0.9, 1.3),
        "[W] 0.5-0.9: a fifth too strong, single subjects reach 1.6",
    ),
    ("hip flexion, range", (38, 48), (38, 50), "[P] 40, [W] 35: single subjects reach 61"),
]


@pytest.fixture(scope="module")
def figures() -> dict[str, Array]:
    """Figure -> (12,): the median of each subject's strides at 1.3 m/s."""
    rows = []
    for seed in range(SUBJECTS):
        subject, rng = Subject.random(seed), np.random.default_rng([seed, 0])
        plan, _ = plan_walk(subject, Walk(1.3, 6.0, 0.0, 0.0, 0.0, seed % 2), rng)
        strides = stride_figures(simulate(plan, subject.body), subject.body)
        assert len(strides["stance, %"]) >= 3
        rows.append({name: np.median(values) for name, values in strides.items()})
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


@pytest.mark.parametrize(("name", "norm", "each", "source"), NORMS, ids=[row[0] for row in NORMS])
def test_the_cohorts_median_is_in_the_normative_band_and_each_subject_near_it(
    figures: dict[str, Array], name: str, norm: tuple[float, float], each: tuple[float, float], source: str
) -> None:
    assert norm[0] <= np.median(figures[name]) <= norm[1], source
    assert each[0] <= figures[name].min(), source
    assert figures[name].max() <= each[1], source


@pytest.mark.parametrize(("name", "norm", "holds", "source"), DEPARTURES, ids=[row[0] for row in DEPARTURES])
def test_known_departures_from_the_norm_stay_as_small_as_documented(
    figures: dict[str, Array], name: str, norm: tuple[float, float], holds: tuple[float, float], source: str
) -> None:
    """NOT normal gait: the asserted band is beside or wider than the norm that the table names with it.

    A better generator fails here; then move the row up among the norms and correct docs/virtual-wearer.md.
    """
    assert not (norm[0] <= holds[0] and holds[1] <= norm[1]), "within the norm: no departure"
    assert holds[0] <= np.median(figures[name]) <= holds[1], source


def test_the_vertical_force_has_two_bumps_in_most_subjects(figures: dict[str, Array]) -> None:
    """In all of them it should: at 1.3 m/s about a third walk too flat for a first bump of 5 %."""
    first = figures["vertical force, first peak"] / figures["vertical force, valley"]
    second = figures["vertical force, second peak"] / figures["vertical force, valley"]
    assert np.mean((first > 1.05) & (second > 1.05)) >= 0.6
    assert np.median(second) > 1.15


def test_slow_walkers_take_shorter_slower_steps_and_stand_longer() -> None:
    subject = Subject.random(2)
    strides = {}
    for speed in (0.8, 1.5):
        plan, _ = plan_walk(subject, Walk(speed, 6.0, 0.0, 0.0, 0.0, 0), np.random.default_rng(0))
        strides[speed] = {
            name: np.median(v)
            for name, v in stride_figures(simulate(plan, subject.body), subject.body).items()
        }
    slow, fast = strides[0.8], strides[1.5]
    assert slow["cadence, steps/min"] < 0.85 * fast["cadence, steps/min"]
    assert slow["stride, m"] < 0.85 * fast["stride, m"]
    assert slow["stance, %"] > fast["stance, %"] + 1.0
    assert slow["hip extension moment"] < fast["hip extension moment"]
    assert slow["propulsive force"] < fast["propulsive force"]


def test_walks_are_drawn_over_the_speeds_of_daily_life() -> None:
    walks = [random_walk(np.random.default_rng(seed), 20.0) for seed in range(200)]
    speeds = [walk.speed for walk in walks]
    assert 0.6 <= min(speeds) < 0.7
    assert 1.65 < max(speeds) <= 1.75
    assert 0.4 < np.mean([walk.stand_before > 0.0 for walk in walks]) < 0.6
    assert 0.3 < np.mean([walk.stand_after > 0.0 for walk in walks]) < 0.5
    assert {walk.lead_side for walk in walks} == {0, 1}
