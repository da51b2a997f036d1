"""OpenSim's own inverse dynamics of a virtual wearer's body: against its Newton-Euler, and with readings put in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pyarrow")
pytest.importorskip(
    "opensim",
    reason="OpenSim's Python package is not installed: pip install '.[opensim]' on Python 3.11",
)

import opensim_body

from jetson_runtime.inference.tare import Floats
from jetson_runtime.suit.signals import LABEL_NAMES
from models.analytical.estimates import estimates
from models.analytical.inverse_dynamics import ANGLE_NAMES, MOMENT_NAMES, insole_rows
from models.analytical.opensim_dynamics import OpenSimDynamics
from models.analytical.wearer_dynamics import WearerDynamics
from models.importers.body_model import BodyModel
from models.importers.ground import FootLoads
from models.importers.opensim_files import find_set
from models.importers.opensim_import import Options, import_trial
from models.importers.opensim_tools import inverse_dynamics
from models.importers.worked import Worked
from models.virtual_wearer import wearer
from models.virtual_wearer.dynamics import generalised_forces
from models.virtual_wearer.motion import Plan
from models.virtual_wearer.subject import Subject
from models.virtual_wearer.wearer import Physics

SUBJECT = Subject.random(3)
ANGLES = [LABEL_NAMES.index(name) for name in ANGLE_NAMES]
MOMENTS = [LABEL_NAMES.index(name) for name in MOMENT_NAMES]
# Of three seconds: away from the edges, where nobody knows a derivative.
ROWS, INNER = 600, slice(60, -60)


def _made(task: str) -> tuple[Physics, Plan, slice]:
    physics, plan, inside = wearer.physics_of(SUBJECT, task, 6.0, 1)
    return physics, plan, slice(inside.start + 300, inside.start + 300 + ROWS)


def _loads(physics: Physics, rows: slice) -> FootLoads:
    """Exact, not by way of plates."""
    ground, hands = physics.ground, physics.hands
    force, place, zero = ground.force[rows], ground.place[rows], np.zeros((ROWS, 2, 3))
    feet = force, np.cross(place, force) + ground.moment[rows]
    held = (zero, zero) if hands is None else (hands.force[rows], np.cross(hands.place, hands.force)[rows])
    return FootLoads(np.arange(ROWS) / 200.0, *feet, *held, np.ones((ROWS, 2), np.bool_), ())


@pytest.mark.parametrize("task", ["W", "L", "SP1"])
def test_newton_euler_and_opensim_find_the_same_moments(task: str, tmp_path: Path) -> None:
    """Walking, lifting a load and pushing against a pole; the wearer's hands act on its trunk."""
    physics, _, rows = _made(task)
    opensim_body.write_model(tmp_path / "body.osim", SUBJECT.body)
    model = BodyModel(tmp_path / "body.osim")
    assert model.mass_kg == pytest.approx(SUBJECT.body.mass_kg, abs=1e-6)
    table = opensim_body.coordinates(physics, rows)
    found = inverse_dynamics(model, table.names, table.values, _loads(physics, rows), tmp_path, task)
    true = generalised_forces(physics.motion.rotation, physics.moments)
    for name in MOMENT_NAMES:
        ours, theirs = true[name][rows][INNER], found.column(name)[INNER]
        assert np.sqrt(np.mean((ours - theirs) ** 2)) < 2e-3 * np.sqrt(np.mean(ours**2)) + 0.01, name
    assert (physics.hands is not None) == (task != "W")


def test_a_set_with_forces_on_the_hands_gives_the_lifters_own_labels(tmp_path: Path) -> None:
    """Without them the lower back's moment would be unknown wherever the load hangs on the trunk."""
    physics, _, rows = _made("L")
    opensim_body.write_set(tmp_path, physics, SUBJECT.body, rows)
    given = find_set(tmp_path, "made", {"*": "L"})
    trial = import_trial(given, given.trials[0], tmp_path, Options()).trial
    wanted = wearer.filter_labels(wearer.labels_of(physics, SUBJECT.body))[rows]
    np.testing.assert_allclose(trial.labels[INNER], wanted[INNER], atol=2e-3)


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> tuple[Worked, WearerDynamics]:
    """The same three seconds, imported as an OpenSim set and kept by the wearer."""
    folder = tmp_path_factory.mktemp("walk")
    physics, plan, rows = _made("W")
    opensim_body.write_set(folder, physics, SUBJECT.body, rows)
    given = find_set(folder, "made", {"*": "W"})
    worked = import_trial(given, given.trials[0], folder, Options())
    return worked, WearerDynamics(physics, plan, SUBJECT.body, rows)


def _off(found: Floats, wanted: Floats) -> float:
    """Root mean square over the inner rows, the worst moment [Nm/kg]."""
    error = found[INNER] - wanted[INNER]
    return float(np.sqrt(np.nanmean(error**2, axis=0)).max())


def test_with_the_truth_put_in_place_the_moments_are_the_laboratorys(
    walk: tuple[Worked, WearerDynamics],
) -> None:
    worked = walk[0]
    true = {
        name: worked.trial.labels[:, k].astype(np.float64)
        for name, k in zip(ANGLE_NAMES, ANGLES, strict=True)
    }
    whole = {name: np.interp(np.arange(ROWS), *_known(values)) for name, values in true.items()}
    soles = insole_rows(worked.trial)
    soles = np.where(np.isfinite(soles), soles, 0.5)
    for point in ("ground", "foot"):
        found = OpenSimDynamics(worked, point).moments(whole, soles)
        # The labels are low-passed, and so are they once more when they are put in place.
        assert _off(found, worked.trial.labels[:, MOMENTS]) < 0.04, point
        assert np.isfinite(found[INNER]).all()


def test_opensim_and_the_wearer_make_the_same_of_wrong_angles(walk: tuple[Worked, WearerDynamics]) -> None:
    worked, ours = walk
    wrong = {
        name: ours.true_deg(name) + 5.0 * (k - 2) * np.sin(np.arange(ROWS) / 60.0)
        for k, name in enumerate(ANGLE_NAMES)
    }
    found, wanted = OpenSimDynamics(worked).moments(wrong, None), ours.moments(wrong, None)
    assert _off(wanted, ours.moments({}, None)) > 0.3, "the angles must make a difference"
    assert _off(found, wanted) < 0.03


def test_the_baselines_of_an_imported_trial(walk: tuple[Worked, WearerDynamics]) -> None:
    worked = walk[0]
    found = estimates(worked.trial, None, OpenSimDynamics(worked))
    error = found["analytical"][INNER] - worked.trial.labels[INNER]
    assert np.sqrt(np.nanmean(error[:, ANGLES] ** 2, axis=0)).max() < 3.0
    assert np.sqrt(np.nanmean(error[:, MOMENTS] ** 2, axis=0)).max() < 0.2
    assert worked.trial.plates is not None
    read = worked.trial.channels[:, 48:]
    told = np.clip(worked.trial.plates, [0.0, 0.0, 0.0] * 2, [9.0, 1.0, 1.0] * 2)
    np.testing.assert_allclose(read, told, atol=0.02)


def _known(values: Floats) -> tuple[Floats, Floats]:
    at = np.flatnonzero(np.isfinite(values))
    return at, values[at]
