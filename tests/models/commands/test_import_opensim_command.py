"""OpenSim sets from the command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from jetson_runtime.suit.trial import read_trial
from models import cli


def test_a_real_set_becomes_trials_that_pass_the_check(
    shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("opensim", reason="needs the extra opensim (Python 3.11)")
    folder = shared / "data" / "raw" / "opencap_labvalidation_subject4"
    if not folder.is_dir():
        pytest.skip(f"needs {folder}, which is not here")
    words = ["import-opensim", str(folder), "--out", str(tmp_path), "--subject", "s4", "--source", "OpenCap"]
    assert cli.main([*words, "--task", "walking1=W", "--kinematics", "given"]) == 0
    told = capsys.readouterr().out
    assert "s4_walking1.parquet: 1.3" in told and "inverse kinematics as given" in told
    assert "error" not in told
    (path,) = tmp_path.glob("*.parquet")
    trial = read_trial(path)
    assert (trial.meta.subject, trial.meta.task, trial.meta.source) == ("s4", "W", "OpenCap")
    assert np.isfinite(trial.labels).any(axis=0).all()


def test_what_is_not_there_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [
        "import-opensim",
        str(tmp_path),
        "--out",
        str(tmp_path / "out"),
        "--subject",
        "s4",
        "--task",
        "walk*=W",
    ]
    assert cli.main(words) == 2
    told = capsys.readouterr().err
    assert "holds 0 models (.osim), not one" in told and "holds no trial" in told
    assert not (tmp_path / "out").exists()
    with pytest.raises(SystemExit):
        cli.main([*words[:-1], "walk"])
    assert "write a pattern of trials' names and their task, as 'walk*=W'" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        cli.main([*words[:-1], "dig*=SH9"])
    assert "no condition 'SH9'; there are SH1, SH2, SH3, SH4" in capsys.readouterr().err
