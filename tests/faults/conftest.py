"""What the tests of the fault matrix share: a suit that can be broken, and the service on it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "jetson_runtime" / "service"))

from broken_suit import BrokenSuit, Start
from worn_suit import ServiceProcess

from drivers.emulator.bench import Bench
from jetson_runtime.suit.signals import STREAM_NAMES


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """`suit, service = start(streams, write)`: a suit of these streams, and the service on the config that
    `write(suit)` writes (default: every stream by its port)."""
    with Bench() as bench:
        services: list[ServiceProcess] = []

        def start(
            streams: tuple[str, ...] = STREAM_NAMES,
            write: Callable[[BrokenSuit], object] = BrokenSuit.write_config,
        ) -> tuple[BrokenSuit, ServiceProcess]:
            suit = BrokenSuit(tmp_path, bench, streams)
            write(suit)
            services.append(ServiceProcess(suit.config, suit.endpoint))
            return suit, services[-1]

        yield start
        for service in services:
            service.stop()
