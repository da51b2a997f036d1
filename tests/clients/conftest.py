"""What the tests of clients in other languages share: programs out of clients/cpp, and a suit whose wearer walks."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "faults"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "jetson_runtime" / "service"))

from built import ROOT, Builder
from scripted_stream import ScriptedStream
from walking_suit import WalkingSuit, walking


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Builder:
    """Skips where there is no compiler or no libzmq to build with."""
    return Builder(tmp_path_factory.mktemp("built"))


@pytest.fixture(scope="module")
def suit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WalkingSuit]:
    with walking(tmp_path_factory.mktemp("walking")) as made:
        yield made


@pytest.fixture(params=["C++", "Python"])
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def program(request: pytest.FixtureRequest, language: str) -> tuple[str, ...]:
    """The example controller in that language."""
    if language == "C++":
        return (str(request.getfixturevalue("build").example("exoskeleton_loop")),)
    return sys.executable, str(ROOT / "examples" / "exoskeleton_loop.py")


@pytest.fixture
def stream() -> Iterator[ScriptedStream]:
    made = ScriptedStream()
    yield made
    made.close()
