"""01: every port of the config opens, exclusively."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from drivers.errors import PortBusy
from drivers.serial_port import SerialPort
from jetson_runtime.suit.signals import STREAM_NAMES


@pytest.mark.parametrize("name", STREAM_NAMES)
def test_port_opens_once(name: str, open_port: Callable[[str], SerialPort]) -> None:
    port = open_port(name)
    print(f"{name}: {port.path}")
    with pytest.raises(PortBusy):
        open_port(name)
