"""Real sets, imported, are the trials that another program made of them; benchmarks/opensim_import.py does all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pyarrow")
pytest.importorskip(
    "opensim",
    reason="OpenSim's Python package is not installed: pip install '.[opensim]' on Python 3.11",
)

from benchmarks.opensim_import import BAR, MOMENT_BAR, compare_one
from models.importers.opensim_import import Options


@pytest.mark.parametrize("name", ["walking1", "running"])
def test_every_channel_and_moment_is_the_independent_ones(shared: Path, name: str) -> None:
    """A walk from its markers, and a running stride from the kinematics that came with it."""
    if not (shared / "data/raw").is_dir():
        pytest.skip("needs ../shared/data/raw, which is not here")
    found, _, notes = compare_one("auto", Options().accuracy, name)
    assert ("run anew" in notes[0]) == (name == "walking1")
    assert all(np.isfinite(one.r) for one in found.values())
    assert not {channel: one for channel, one in found.items() if not one.r > BAR}
    moments = {channel: one.off / one.rms for channel, one in found.items() if channel.endswith("_moment")}
    assert len(moments) == 7 and max(moments.values()) < MOMENT_BAR
