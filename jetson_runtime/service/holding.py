"""What `second-skin standby` holds of this service: told as it changes, and all of it anew to one that comes back."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from drivers.microstrain.imu import Imu
from jetson_runtime.service.bringup import Device
from jetson_runtime.service.standby_link import NO_ANSWER, StandbyLink, reach
from jetson_runtime.service.waiting import Stop

# A standby process that died is back by systemd within this time or little more.
_LOOK_S = 1.0

_log = logging.getLogger("second-skin")


class _Begun(NamedTuple):
    identity: Mapping[str, Any]
    journal: int


class Holding:
    """Of the bring-ups' threads, the line's and the start. path: [standby]'s socket; None: nothing is held, and a
    restart is cold.

    `link`: the line to the standby process, None before `look` and where there is none. The lock is held while the
    other end is spoken to, which may take as long as it is given for an answer: neither the reactor nor who tells the
    status ever takes it.
    """

    def __init__(self, path: Path | None) -> None:
        self.link: StandbyLink | None = None
        self._path = path
        self._devices: dict[int, Device] = {}
        # None until what the service before left has been looked at: what is held before is that one's.
        self._begun: _Begun | None = None
        # The line that has been told all of it.
        self._informed: StandbyLink | None = None
        self._talk = threading.Lock()

    def look(self) -> bool:
        """Whether a standby process answers."""
        if self._path is None:
            return False
        try:
            self.link = reach(self._path)
        except OSError as error:
            _log.warning("%s: %s (%s): a restart is cold", self._path, NO_ANSWER, error)
        return self.link is not None

    def begin(self, identity: Mapping[str, Any], journal: int) -> None:
        """From here on the journal and the devices are this service's; `run` tells it."""
        self._begun = _Begun(identity, journal)

    def hold(self, index: int, device: Device) -> None:
        """The device is in use: its port is to outlive this process."""
        with self._talk:
            self._devices[index] = device
            if self._informed is not None:
                self._informed.hold(index, facts_of(device), device.port.fileno())

    def drop(self, index: int) -> None:
        """The device is no longer in use; its port is free for others when this returns."""
        with self._talk:
            held = self._devices.pop(index, None)
            if held is not None and self._informed is not None:
                self._informed.drop(index)

    def run(self, stop: Stop) -> None:
        """Tries once a second whether the standby process answers, and looks for the next one where it does not, until
        `stop`; tells each all that is held."""
        while self._path is not None and not stop.is_set():
            if self._begun is not None:
                self._try(self._path, self._begun)
            stop.wait(_LOOK_S)

    def _try(self, path: Path, begun: _Begun) -> None:
        link = self.link
        is_new = link is None or not link.answers()
        if link is None or is_new:
            try:
                link = reach(path)
            except OSError:
                return
            if link.legacy is not None:
                link.legacy.close()
        if link is self._informed:
            return
        with self._talk:
            self.link = self._informed = link
            self._tell_all(link, begun)
        if is_new and link.answers():
            _log.info("%s: the standby process is there: it holds %d ports", path, len(self._devices))

    def close(self) -> None:
        """The service ends in order: nothing is kept."""
        if self.link is not None:
            self.link.leave()
            self.link.close()

    def _tell_all(self, link: StandbyLink, begun: _Begun) -> None:
        link.begin(begun.identity, begun.journal)
        for index, device in self._devices.items():
            if device.port.is_open:  # one that was just lost is about to be dropped
                link.hold(index, facts_of(device), device.port.fileno())


def facts_of(device: Device) -> dict[str, Any]:
    """What another process needs to use the device beside its reader's facts, of plain types."""
    facts: dict[str, Any] = {"path": device.port.path, "baud": device.port.baud, "serial": device.info.serial}
    if isinstance(device, Imu):
        facts |= {"info": list(device.info), "rates": list(device.rates), "notes": list(device.notes)}
    return facts
