"""A worn suit of which every device and cable can be broken at a test's command."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import worn_suit
from worn_suit import ServiceProcess, WornSuit, serial_of

from drivers.emulator.bench import Bench
from drivers.emulator.faults import Outlet
from drivers.emulator.microstrain import EmulatedImu
from drivers.emulator.xsensor import EmulatedInsole
from jetson_runtime.client import ReceivedFrame
from jetson_runtime.suit.signals import STREAM_NAMES

# Nothing waits for a time to come true: it is how long a busy machine may take before a test gives up.
PATIENCE_S = 60.0


class BrokenSuit(WornSuit):
    """`outlets` by stream: each device with its cable and its port."""

    def __init__(self, folder: Path, bench: Bench, streams: tuple[str, ...] = STREAM_NAMES) -> None:
        self.outlets: dict[str, Outlet] = {}
        super().__init__(folder, bench, streams)

    def plug_in(self, name: str, device: EmulatedImu | EmulatedInsole) -> None:
        self.outlets[name] = Outlet(self.bench, self.path(name), device)
        self.ports[name], self.devices[name] = self.outlets[name].port, device

    def with_serials(self) -> dict[str, str]:
        """For `write_config`: every stream by port and serial number."""
        return {name: f'port = "{self.path(name)}"\nserial = "{serial_of(name)}"' for name in STREAM_NAMES}

    def searched_ports(self) -> str:
        """For `write_config`: where devices are searched for by serial number."""
        return f'[discovery]\nports = ["{self.folder}/ports/*"]'


Start: TypeAlias = Callable[..., tuple[BrokenSuit, ServiceProcess]]


def frames_of(service: ServiceProcess, count: int) -> list[ReceivedFrame]:
    """The next `count` frames from now on."""
    service.client.recv_all(0)
    frames: list[ReceivedFrame] = []
    while len(frames) < count:
        assert service.process.poll() is None, service.log
        frames += service.client.recv_all(1000)
    return frames


def until(condition: Callable[[], object], patience_s: float = PATIENCE_S) -> bool:
    """Waits for `condition`; False where it does not come true."""
    return worn_suit.until(condition, patience_s)
