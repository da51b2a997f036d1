"""Sessions of an OpenSim set from the command line to the formulas: conditions, neutral stances."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pyarrow")
pytest.importorskip(
    "opensim",
    reason="OpenSim's Python package is not installed: pip install '.[opensim]' on Python 3.11",
)

import made_up_body as body

from jetson_runtime.suit.signals import LABEL_NAMES
from jetson_runtime.suit.trial import read_trial
from models import cli
from models.analytical.opensim_dynamics import OpenSimDynamics
from models.evaluation.folder import by_formula, neutral_stances
from models.importers import worked
from models.importers.errors import ImportSetError
from models.importers.opensim_files import find_set
from models.importers.opensim_import import Options, import_set, import_trial
from models.importers.storage import write_table


def test_a_code_of_the_table_and_a_neutral_stance_pair_for_the_formulas(tmp_path: Path) -> None:
    time = np.arange(301) / 100.0
    still = {name: np.full(len(time), values[0]) for name, values in body.squat(time).items()}
    folder, out = tmp_path / "set", tmp_path / "out"
    body.write_squat(folder, 1.0, in_degrees=True, with_markers=False)
    leant = still | {"lumbar_extension": np.full(len(time), -0.02)}
    write_table(folder / "static_ik.mot", body.coordinates_table(time, leant, False))
    words = ["import-opensim", str(folder), "--out", str(out), "--subject", "s1", "--session", "morning"]
    assert cli.main([*words, "--neutral", "static*", "--task", "*=L3"]) == 0
    trial, stances = read_trial(out / "s1_squat.parquet"), neutral_stances(out)
    assert (trial.meta.task, trial.meta.extra["condition"], trial.meta.extra["session"]) == (
        "L",
        "L3",
        "morning",
    )
    assert list(stances) == [("s1", "morning")] and "condition" not in stances["s1", "morning"].meta.extra
    found, wanting = by_formula(trial, stances, out / "s1_squat.parquet")
    assert wanting == []
    for name in ("hip_flexion_r", "knee_angle_l"):
        column = LABEL_NAMES.index(name)
        error = (found["analytical"] - trial.labels)[20:-20, column]
        assert np.abs(error).max() < 5.0, name
    moments = [LABEL_NAMES.index(f"{name}_moment") for name in ("hip_flexion_r", "knee_angle_l")]
    error = (found["analytical"] - trial.labels)[20:-20, moments]
    # The paper's moments: angles a few degrees off, the plates' force as an insole reads it.
    assert np.sqrt((error**2).mean(axis=0)).max() < 0.2 < np.nanmax(np.abs(trial.labels[:, moments]))


def test_what_the_moments_were_made_of_is_read_again_for_this_trial_alone(tmp_path: Path) -> None:
    body.write_squat(tmp_path, 1.0, in_degrees=True, with_markers=False)
    out = tmp_path / "out"
    given = find_set(tmp_path, "s1", {"*": "L"})
    made = import_trial(given, given.trials[0], tmp_path, Options())
    (path,) = import_set(given, out)
    trial = read_trial(path)
    again = worked.read(worked.beside(path), trial)
    assert made.borne is not None and again.borne is not None
    angles = {"knee_angle_r": 70.0 * np.sin(trial.time_s)}
    soles = np.full((len(trial.time_s), 2, 3), 0.5)
    wanted = OpenSimDynamics(made, "foot").moments(angles, soles)
    np.testing.assert_allclose(OpenSimDynamics(again, "foot").moments(angles, soles), wanted, atol=1e-5)
    other = replace(trial, labels=trial.labels + np.float32(0.01))
    with pytest.raises(ImportSetError, match="belongs to another trial"):
        worked.read(worked.beside(path), other)
    assert [one.name for one in sorted(out.iterdir())] == ["s1_squat.opensim", "s1_squat.parquet"]
    worked.beside(path).rename(out / "elsewhere")
    found, wanting = by_formula(trial, {}, path)
    assert np.isfinite(found["analytical"][:, LABEL_NAMES.index("knee_angle_r")]).all()
    assert len(wanting) == 1 and "s1_squat.opensim is not beside the trial" in wanting[0]
