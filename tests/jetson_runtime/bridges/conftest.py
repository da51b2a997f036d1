"""A suit and its service, shared by the tests of this folder; LSL keeps to this machine."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "service"))

from bridged_suit import BridgedSuit, bridged

_LSL = """
[lab]
KnownPeers = {127.0.0.1}
[multicast]
ResolveScope = machine
[ports]
IPv6 = disable
"""


@pytest.fixture(scope="session", autouse=True)
def lsl_stays_here(tmp_path_factory: pytest.TempPathFactory) -> None:
    """liblsl reads the file when it is first asked for anything, in this process and in the bridges'."""
    path = tmp_path_factory.mktemp("lsl") / "lsl_api.cfg"
    path.write_text(_LSL)
    os.environ["LSLAPICFG"] = str(path)


@pytest.fixture(scope="module")
def suit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BridgedSuit]:
    with bridged(tmp_path_factory.mktemp("bridged")) as made:
        yield made
