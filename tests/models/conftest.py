"""Recordings of made-up trials."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

from made_up_trials import made_up_trial

from models.data.dataset import Recording


@pytest.fixture(scope="session")
def recordings() -> list[Recording]:
    """Six subjects, a trial each, without the aligner."""
    trials = [made_up_trial(f"s{k}", k) for k in range(6)]
    return [Recording(t.meta.subject, t.meta.subject, "W", t.channels, t.labels) for t in trials]
