"""From an absent device to a configured one: opens its port, asks who it is, sets it streaming, hands it on.

One `BringUp` for each stream that is worn; its thread lives while the device is absent.
"""

from __future__ import annotations

import glob
import os
import threading
from collections.abc import Callable
from typing import TypeAlias

from drivers.errors import DriverError, PortBusy, WrongDevice
from drivers.microstrain import imu
from drivers.serial_port import SerialPort
from drivers.xsensor import insole
from jetson_runtime.service import faults
from jetson_runtime.service.faults import Fault, NotFound, Problem
from jetson_runtime.suit.config import SuitConfig
from jetson_runtime.suit.signals import RATE_HZ, STANDARD_GRAVITY, Stream

Device: TypeAlias = imu.Imu | insole.Insole

# Looking whether a device file is back costs nothing; asking a device that did not answer does.
_LOOK_AGAIN_S = 0.2
_FIRST_RETRY_S = 0.5
_RETRY_S = 1.0
# Without a wearer frames are never valid; an insole still needs a load at which its foot counts as loaded.
_NOMINAL_MASS_KG = 70.0


class Claims:
    """Which stream has which port and which device, shared by all bring-up threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holders: dict[str, str] = {}

    def take_port(self, path: str, stream: str) -> None:
        """Raises PortBusy while another stream has the port, under whatever name."""
        holder = self._take(f"port {os.path.realpath(path)}", stream)
        if holder != stream:
            raise PortBusy(f"{path}: is the port of {holder}")

    def take_device(self, serial: str, path: str, stream: str) -> None:
        """Raises WrongDevice while another stream has the device of this serial number."""
        holder = self._take(f"device {serial}", stream)
        if holder != stream:
            raise WrongDevice(f"{path}: answered as serial number {serial}, which is {holder} already")

    def release(self, stream: str) -> None:
        """Gives back all that the stream has."""
        with self._lock:
            self._holders = {claim: holder for claim, holder in self._holders.items() if holder != stream}

    def _take(self, claim: str, stream: str) -> str:
        with self._lock:
            return self._holders.setdefault(claim, stream)


class BringUp:
    """Brings one stream's device up, again and again until it is there; `problem` says what stands in the way."""

    def __init__(
        self,
        stream: Stream,
        config: SuitConfig,
        claims: Claims,
        stop: threading.Event,
        log: Callable[[str], None],
        tell_defect: Callable[[str, Exception], None],
    ) -> None:
        """tell_defect: is given the stream's name and each error that no driver is meant to raise."""
        self.stream = stream
        self.problem: Problem | None = Problem(Fault.CONNECTING, "not connected yet", stream.name)
        self._settings = config.streams[stream.name]
        self._globs = config.discovery.ports
        self._reserved = tuple(
            other.port for name, other in config.streams.items() if other.port and name != stream.name
        )
        self._claims = claims
        self._stop = stop
        self._log = log
        self._tell_defect = tell_defect
        weight_n = (config.wearer.mass_kg if config.wearer else _NOMINAL_MASS_KG) * STANDARD_GRAVITY
        self._load_on_n = config.limits.load_on_bodyweights * weight_n
        self._load_off_n = config.limits.load_off_bodyweights * weight_n

    def run(self, lost: Device | None = None) -> Device | None:
        """Blocks until the device is configured and streams, and returns it; None when stopped.

        lost: the stream's former device; its port is closed first.
        """
        if lost is not None:
            lost.port.close()
            if self.problem and self.problem.fault is Fault.DEFECT:  # it would be back with the next sample
                self._stop.wait(_RETRY_S)
        retry_s = _FIRST_RETRY_S
        while not self._stop.is_set():
            self._claims.release(self.stream.name)
            try:
                device = self._connect()
            except Exception as error:  # a defect that one device brings out must not stop the others
                self.problem = faults.of_error(error, self.stream.name)
                if self.problem.fault is Fault.DEFECT:
                    self._tell_defect(self.stream.name, error)
                self._stop.wait(_LOOK_AGAIN_S if self.problem.fault is Fault.PORT_MISSING else retry_s)
                retry_s = _RETRY_S
            else:
                self.problem = None
                return device
        return None

    def _connect(self) -> Device:
        if self._settings.port is not None:
            return self._connect_at(self._settings.port)
        return self._search(self._settings.serial or "")

    def _search(self, serial: str) -> Device:
        """The device of this serial number, on any port that no other stream has or is promised."""
        paths = candidates(self._globs, serial, self._reserved)
        defect: Exception | None = None
        for path in paths:
            if self._stop.is_set():
                break
            try:
                return self._connect_at(path)
            except Exception as error:  # the device that is searched for may be behind the next port
                if not isinstance(error, DriverError):
                    defect = error
                self._claims.release(self.stream.name)
        raise defect or NotFound(
            f"no device with serial number {serial} among the {len(paths)} free ports of {' '.join(self._globs)}"
        )

    def _connect_at(self, path: str) -> Device:
        """The device on `path`, configured; its port is closed again where that fails, for whatever reason."""
        self._claims.take_port(path, self.stream.name)
        port = SerialPort(path, self._settings.baud)
        try:
            device = self._configure(port)
            self._claims.take_device(device.info.serial, path, self.stream.name)
        except BaseException:
            port.close()
            raise
        return device

    def _configure(self, port: SerialPort) -> Device:
        if self.stream.kind == "imu":
            return imu.bring_up(port, rate_hz=RATE_HZ, serial=self._settings.serial, log=self._log)
        return insole.bring_up(
            port,
            side="r" if self.stream.side == "r" else "l",
            serial=self._settings.serial,
            load_on_n=self._load_on_n,
            load_off_n=self._load_off_n,
            log=self._log,
        )


def candidates(globs: tuple[str, ...], serial: str, reserved: tuple[str, ...]) -> list[str]:
    """Device files to try, those whose name holds the serial number first (udev's by-id names do)."""
    taken = {os.path.realpath(path) for path in reserved}
    found = {path for pattern in globs for path in glob.glob(pattern)}
    free = sorted(path for path in found if os.path.realpath(path) not in taken)
    return sorted(free, key=lambda path: serial not in os.path.basename(path))
