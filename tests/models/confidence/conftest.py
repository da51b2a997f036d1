"""Twelve made-up people for the tests of intervals and warnings."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

from people_of_noise import person

from models.data.dataset import Recording


@pytest.fixture(scope="session")
def people() -> list[Recording]:
    """Twelve, one trial each."""
    return [person(number) for number in range(12)]
