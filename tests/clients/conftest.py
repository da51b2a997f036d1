"""What the tests of clients in other languages share: programs built from clients/cpp, and a suit whose wearer walks."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "jetson_runtime" / "service"), str(TESTS / "faults")]

from built import Builder
from walking_suit import WalkingSuit, walking


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Builder:
    """Skips where there is no compiler or no libzmq to build with."""
    return Builder(tmp_path_factory.mktemp("built"))


@pytest.fixture(scope="module")
def suit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WalkingSuit]:
    with walking(tmp_path_factory.mktemp("walking")) as made:
        yield made
