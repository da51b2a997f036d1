"""The bars count what is done, also of a training that is gone on with or ends early."""

from __future__ import annotations

import io

import pytest

pytest.importorskip("torch")

from rich.console import Console

from models.training import progress
from models.training.fit import EpochEnd
from models.training.recipe import TrainConfig


def test_the_bars_tell_fold_epoch_and_losses(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = io.StringIO()
    console = Console(file=shown, force_terminal=True, width=160)
    made = progress.Progress
    monkeypatch.setattr(progress, "Progress", lambda *columns: made(*columns, console=console))
    with progress.bars(["s1", "s2"], TrainConfig(min_epochs=4, max_epochs=4)) as watch:
        watch(EpochEnd("s1", "knee_angle", 3, 0.25, 0.5, 2, 0.4, 10.0, False))
        watch(EpochEnd("s1", "ankle_angle", 2, 0.125, 0.75, 2, 0.75, 11.0, True))
    text = shown.getvalue()
    assert "all folds" in text
    assert "s1 epoch 2" in text
    assert "ankle_angle 0.125 / 0.750 (best 0.750)" in text
