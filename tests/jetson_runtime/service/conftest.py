"""Fixtures of the service's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from standby_process import standing_by


@pytest.fixture
def standby(tmp_path: Path) -> Iterator[Path]:
    """The socket of a standby process."""
    path = tmp_path / "standby"
    with standing_by(path):
        yield path
