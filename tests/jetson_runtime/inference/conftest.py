"""A bundle of untrained networks: everything about it is real but the skill."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from jetson_runtime.inference.bundle import Baselines, Bundle, load  # noqa: E402
from jetson_runtime.suit import signals  # noqa: E402
from models.network.export import export  # noqa: E402
from models.network.tcn import TcnSet  # noqa: E402

OUTCOME_SD = np.array([20.0, 25.0, 12.0, 8.0, 0.6, 0.4, 0.5, 0.3])


def random_networks(seed: int = 0) -> TcnSet:
    """Networks whose answers vary by about an outcome's standard deviation, as trained ones do."""
    torch.manual_seed(seed)
    networks = TcnSet().eval()
    spread = np.linspace(0.2, 5.0, len(signals.CHANNELS))
    for network, sd in zip(networks.members(), OUTCOME_SD, strict=True):
        network.set_normalisation(np.asarray(signals.CHANNEL_FILL) + 0.1, spread, 0.3 * sd, sd)
        with torch.no_grad():
            network.head.weight.mul_(5.0)
    return networks


@pytest.fixture(scope="session")
def networks() -> TcnSet:
    return random_networks()


@pytest.fixture(scope="session")
def bundle_folder(networks: TcnSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    random = np.random.default_rng(1)
    baselines = Baselines(
        mean=random.standard_normal(8),
        lags=np.array([0, 10]),
        coefficients=random.standard_normal((2 * len(signals.CHANNELS), 8)),
        intercept=random.standard_normal(8),
    )
    folder = tmp_path_factory.mktemp("bundle") / "untrained"
    export(
        folder, networks, baselines, name="untrained", created="2026-01-01T00:00:00+00:00", card={"note": "x"}
    )
    return folder


@pytest.fixture(scope="session")
def bundle(bundle_folder: Path) -> Bundle:
    return load(bundle_folder)
