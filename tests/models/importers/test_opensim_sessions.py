"""Sessions of an OpenSim set from the command line to the formulas: conditions, neutral stances."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pyarrow")
pytest.importorskip(
    "opensim",
    reason="OpenSim's Python package is not installed: pip install 'second-skin[opensim]' on Python 3.11",
)

import made_up_body as body

from jetson_runtime.suit.signals import LABEL_NAMES
from jetson_runtime.suit.trial import read_trial
from models import cli
from models.evaluation.folder import by_formula, neutral_stances
from models.importers.storage import write_table


def test_a_code_of_the_table_and_a_neutral_stance_pair_for_the_formulas(tmp_path: Path) -> None:
    time = np.arange(301) / 100.0
    still = {name: np.full(len(time), values[0]) for name, values in body.squat(time).items()}
    folder, out = tmp_path / "set", tmp_path / "out"
    body.write_squat(folder, 1.0, in_degrees=True, with_markers=False)
    leant = still | {"lumbar_extension": np.full(len(time), -0.02)}
    write_table(folder / "static_ik.mot", body.coordinates_table(time, leant, False))
    words = ["import-opensim", str(folder), str(out), "--subject", "s1", "--session", "morning"]
    assert cli.main([*words, "--neutral", "static*", "--task", "*=L3"]) == 0
    trial, stances = read_trial(out / "s1_squat.parquet"), neutral_stances(out)
    assert (trial.meta.task, trial.meta.extra["condition"], trial.meta.extra["session"]) == (
        "L",
        "L3",
        "morning",
    )
    assert list(stances) == [("s1", "morning")] and "condition" not in stances["s1", "morning"].meta.extra
    found, _ = by_formula(trial, stances)
    for name in ("hip_flexion_r", "knee_angle_l"):
        column = LABEL_NAMES.index(name)
        error = (found["analytical"] - trial.labels)[20:-20, column]
        assert np.abs(error).max() < 5.0, name
