"""A bundle that always answers the same, and series with known errors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from jetson_runtime.inference.bundle import Baselines
from models.evaluation.series import Series
from models.network import tcn
from models.network.export import export


@pytest.fixture(scope="session")
def seven(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Networks that answer 7 whatever they are shown; a constant of 1; a ridge that answers 2."""
    networks = tcn.TcnSet().eval()
    for network in networks.members():
        network.set_normalisation(np.zeros(54), np.ones(54), 7.0, 1.0)
        torch.nn.init.zeros_(network.head.weight)
        torch.nn.init.zeros_(network.head.bias)
    folder = tmp_path_factory.mktemp("seven") / "bundle"
    baselines = Baselines(np.full(8, 1.0), np.array([0]), np.zeros((54, 8)), np.full(8, 2.0))
    export(folder, networks, baselines, name="seven", created="2026-01-01", card={})
    return folder


@pytest.fixture(scope="session")
def cohort() -> list[Series]:
    """Four subjects, a walk and a lift each; `tcn` off by 1 + k/10 for subject k, `analytical` by 2 + k/10 + k²/50."""
    t = np.arange(800) / 200.0
    truth = np.sin(2 * np.pi * np.outer(t, np.linspace(0.5, 1.2, 14)))
    return [
        Series(
            f"s{k}_{task}",
            f"s{k}",
            task,
            "",
            truth,
            {
                "tcn": truth + 1 + k / 10,
                "analytical": truth + 2 + k / 10 + k**2 / 50,
                "constant": np.full_like(truth, 9.0),
                "ridge": truth - 3.0,
            },
        )
        for k in range(4)
        for task in ("W", "L")
    ]
