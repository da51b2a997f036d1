"""Fixtures of the fleet's tests: a real NATS server."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "service"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "recording"))


@pytest.fixture
def nats(tmp_path: Path) -> Iterator[object]:
    """A server with JetStream, its files in the test's folder."""
    pytest.importorskip("nats", reason="needs nats-py: pip install '.[fleet]'")
    if shutil.which("nats-server") is None:
        pytest.skip("nats-server is not here (apt install nats-server)")
    from nats_process import NatsProcess

    server = NatsProcess(tmp_path / "nats")
    try:
        server.start()
        yield server
    finally:
        server.kill()
