"""Fixtures and options that several packages' tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--suit", help="config of the real suit, or `emulated`: runs tests/device on it")
    parser.addoption("--report", type=Path, help="where tests/device writes what each step saw")
    parser.addoption("--minutes", type=float, default=1.0, help="how long tests/device watches the stream")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of protocol vectors and real-motion trials beside the checkout; a user's checkout has none."""
    if not SHARED.is_dir():
        pytest.skip("needs the folder ../shared (protocol vectors, real-motion trials), which is not here")
    return SHARED
