"""The suit's config from --suit; without it every step is skipped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from drivers.serial_port import SerialPort
from jetson_runtime.suit.config import SuitConfig, load

HERE = Path(__file__).parent


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Marks the steps of this folder and skips them where no suit is named."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.device)
            if config.getoption("--suit") is None:
                item.add_marker(pytest.mark.skip(reason="on-device step: name the suit's config with --suit"))


@pytest.fixture(scope="session")
def suit_path(pytestconfig: pytest.Config) -> Path:
    return Path(pytestconfig.getoption("--suit"))


@pytest.fixture(scope="session")
def suit(suit_path: Path) -> SuitConfig:
    return load(suit_path)


@pytest.fixture
def open_port(suit: SuitConfig) -> Iterator[Callable[[str], SerialPort]]:
    """Opens the port of a stream of the suit; closes all of them after the step."""
    ports: list[SerialPort] = []

    def open_stream(name: str) -> SerialPort:
        settings = suit.streams[name]
        assert settings.port, f"{name}: the acceptance run needs its port in the config"
        ports.append(SerialPort(settings.port, settings.baud))
        return ports[-1]

    yield open_stream
    for port in ports:
        port.close()
