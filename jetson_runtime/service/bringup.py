"""From an absent device to a configured one: opens its port, asks who it is, sets it streaming, hands it on.

One `BringUp` for each stream that is worn; its thread lives while the device is absent.
"""

from __future__ import annotations

import glob
import os
import threading
from collections.abc import Callable
from typing import TypeAlias

from drivers.errors import DriverError, PortBusy, PortMissing, WrongDevice
from drivers.microstrain import imu
from drivers.serial_port import SerialPort
from drivers.xsensor import insole
from jetson_runtime.service import faults
from jetson_runtime.service.faults import Fault, NotFound, Problem
from jetson_runtime.service.waiting import Stop
from jetson_runtime.suit.config import SuitConfig
from jetson_runtime.suit.loads import load_thresholds_n
from jetson_runtime.suit.signals import RATE_HZ, Stream

Device: TypeAlias = imu.Imu | insole.Insole

# Looking whether a device file is back costs nothing; asking a device that did not answer does.
_LOOK_AGAIN_S = 0.2
_FIRST_RETRY_S = 0.5
_RETRY_S = 1.0


class Claims:
    """Which stream has which port and which device, and which device was met where, shared by all bring-up threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holders: dict[str, str] = {}
        # By serial number, where another stream's search came upon the device.
        self._met: dict[str, str] = {}

    def take_port(self, path: str, stream: str) -> None:
        """Raises PortBusy while another stream has the port, under whatever name."""
        holder = self._take(f"port {real_path(path)}", stream)
        if holder != stream:
            raise PortBusy(f"{path}: is the port of {holder}")

    def take_device(self, serial: str, path: str, stream: str) -> None:
        """Raises WrongDevice while another stream has the device of this serial number."""
        holder = self._take(f"device {serial}", stream)
        if holder != stream:
            raise WrongDevice(f"{path}: answered as serial number {serial}, which is {holder} already")

    def meet(self, serial: str, path: str) -> None:
        """The device of this serial number was at `path`, on the way to another one."""
        with self._lock:
            self._met[serial] = path

    def by_promise(self, paths: list[str], serial: str) -> list[str]:
        """`paths`, first where the device of this number was met, at last where others were.

        Otherwise two searches that hold each other's port, and let go of it together, would never find anything.
        """
        with self._lock:
            owners = {path: owner for owner, path in self._met.items()}
        return sorted(paths, key=lambda path: 1 if path not in owners else 2 * (owners[path] != serial))

    def release(self, stream: str) -> None:
        """Gives back all that the stream has."""
        with self._lock:
            self._holders = {claim: holder for claim, holder in self._holders.items() if holder != stream}

    def _take(self, claim: str, stream: str) -> str:
        with self._lock:
            return self._holders.setdefault(claim, stream)


class BringUp:
    """Brings one stream's device up, again and again until it is there; `problem` says what stands in the way.

    given_up: why the stream's last device was given up; None where it never had one.
    """

    def __init__(
        self,
        stream: Stream,
        config: SuitConfig,
        claims: Claims,
        stop: Stop,
        log: Callable[[str], None],
        tell_defect: Callable[[str, Exception], None],
    ) -> None:
        """tell_defect: is given the stream's name and each error that no driver is meant to raise."""
        self.stream = stream
        self.problem: Problem | None = Problem(Fault.CONNECTING, "not connected yet", stream.name)
        self.given_up: Problem | None = None
        self._settings = config.streams[stream.name]
        self._globs = config.discovery.ports
        self._reserved = tuple(
            other.port for name, other in config.streams.items() if other.port and name != stream.name
        )
        self._owners = {other.serial: name for name, other in config.streams.items() if other.serial}
        self._claims = claims
        self._stop = stop
        self._log = log
        self._tell_defect = tell_defect
        # Of the wearer at the start; `Adopted` gives the reader those of who wears it by then.
        self._load_on_n, self._load_off_n = load_thresholds_n(config.limits, config.wearer)

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
            in_sight = self._in_sight()
            try:
                device = self._connect()
            except Exception as error:  # a defect that one device brings out must not stop the others
                self.problem = faults.of_error(error, self.stream.name)
                if self.problem.fault is Fault.DEFECT:
                    self._tell_defect(self.stream.name, error)
                self._pause(retry_s, in_sight)
                retry_s = _RETRY_S
            else:
                self.problem = None
                return device
        return None

    def resume(self, device: Device) -> None:
        """The stream has `device` already, from the service before this one; what was claimed for it stays so."""
        self.claim(device.port.path, device.info.serial)
        self.problem = None

    def claim(self, path: str, serial: str) -> None:
        """No other stream is to look for its device at `path`; until `run`, which finds its own."""
        self._claims.take_port(path, self.stream.name)
        self._claims.take_device(serial, path, self.stream.name)

    def _pause(self, seconds: float, before: list[str]) -> None:
        """Over sooner where other device files are in sight: a sensor that is plugged in again need not wait."""
        for _ in range(round(seconds / _LOOK_AGAIN_S)):
            if self._stop.wait(_LOOK_AGAIN_S) or self._in_sight() != before:
                return

    def _in_sight(self) -> list[str]:
        """The device files on which this stream's device may be."""
        port, serial = self._settings.port, self._settings.serial
        at_port = [real_path(port)] if port is not None and os.path.exists(port) else []
        return at_port + (self._to_try(serial) if serial is not None else [])

    def _to_try(self, serial: str) -> list[str]:
        return self._claims.by_promise(candidates(self._globs, serial, self._reserved), serial)

    def _connect(self) -> Device:
        """At its port; where its device is not there and has a serial number, wherever that is found."""
        port, serial = self._settings.port, self._settings.serial
        if port is None:
            return self._search(serial or "")
        try:
            return self._connect_at(port)
        except (PortMissing, WrongDevice) as error:
            if serial is None:
                raise
            self._claims.release(self.stream.name)
            try:
                return self._search(serial)
            except NotFound as elsewhere:
                if isinstance(error, WrongDevice):
                    raise error from None
                raise PortMissing(f"{port}: no such port, and {elsewhere}") from None

    def _search(self, serial: str) -> Device:
        """The device of this serial number, on any port that no other stream has or is promised."""
        paths = self._to_try(serial)
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
            self._refuse_another_stream_s(device, path)
            self._claims.take_device(device.info.serial, path, self.stream.name)
        except BaseException as error:
            port.close()
            if isinstance(error, WrongDevice):
                if error.serial:
                    self._claims.meet(error.serial, path)
                raise self._named(error) from None
            raise
        return device

    def _refuse_another_stream_s(self, device: Device, path: str) -> None:
        serial = device.info.serial
        if self._owners.get(serial, self.stream.name) != self.stream.name:
            raise WrongDevice(f"{path}: answered as serial number {serial}", serial)

    def _named(self, error: WrongDevice) -> WrongDevice:
        """Where the config promises the device to another stream, that one is named: somebody swapped the two."""
        owner = self._owners.get(error.serial, self.stream.name)
        if owner == self.stream.name:
            return error
        return WrongDevice(f"{str(error).partition('; ')[0]}, which is the number of {owner}", error.serial)

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


def real_path(path: str) -> str:
    """Where `path` leads to; itself where it goes away meanwhile, which `os.path.realpath` raises for."""
    try:
        return os.path.realpath(path)
    except OSError:
        return path


def candidates(globs: tuple[str, ...], serial: str, reserved: tuple[str, ...]) -> list[str]:
    """Device files to try, those whose name holds the serial number first (udev's by-id names do)."""
    taken = {real_path(path) for path in reserved}
    found = {path for pattern in globs for path in glob.glob(pattern)}
    free = sorted(path for path in found if real_path(path) not in taken)
    return sorted(free, key=lambda path: serial not in os.path.basename(path))
