"""What goes wrong with devices and cables, at a test's command: on the wire, in the device, at the plug."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from drivers.emulator.bench import Bench
from drivers.emulator.microstrain import EmulatedImu
from drivers.emulator.motion import ImuContent, InsoleContent
from drivers.emulator.pty_port import PtyPort
from drivers.emulator.xsensor import EmulatedInsole


class FaultyDevice:
    """A device whose bytes are damaged on their way to the host.

    silent: nothing is heard from it, and it hears nothing. The others act on every n-th packet, 0: never;
    garbage_every: random bytes follow it; corrupt_every: a bit of its last bytes is turned; truncate_every: its
    second half is lost; lose_every: it is lost; repeat_every: it comes twice; swap_every: it comes after the next one.
    one_by_one: every byte is a write of its own.
    """

    def __init__(self, device: EmulatedImu | EmulatedInsole, seed: int = 0) -> None:
        self.device = device
        self.silent = False
        self.garbage_every = 0
        self.corrupt_every = 0
        self.truncate_every = 0
        self.lose_every = 0
        self.repeat_every = 0
        self.swap_every = 0
        self.one_by_one = False
        self._count = 0
        self._held: list[bytes] = []
        self._rng = np.random.default_rng([seed, 6])

    def feed(self, data: bytes, now_ns: int) -> None:
        """Bytes from the host."""
        if not self.silent:
            self.device.feed(data, now_ns)

    def next_ns(self) -> int:
        """When bytes leave the device next, if nothing is fed before."""
        return self.device.next_ns()

    def due(self, now_ns: int) -> list[bytes]:
        """What has left the device by `now_ns`, as damaged as it arrives."""
        packets = self.device.due(now_ns)
        if self.silent:
            return []
        damaged = [piece for packet in packets for piece in self._damage(packet)]
        if self.one_by_one:
            return [bytes([byte]) for piece in damaged for byte in piece]
        return damaged

    def _damage(self, packet: bytes) -> list[bytes]:
        self._count += 1
        if self._is_turn(self.lose_every):
            return []
        if self._is_turn(self.truncate_every):
            packet = packet[: len(packet) // 2]
        if self._is_turn(self.corrupt_every):
            packet = _with_bit_turned(packet, int(self._rng.integers(2, 9)), int(self._rng.integers(0, 8)))
        pieces = [packet, packet] if self._is_turn(self.repeat_every) else [packet]
        if self._is_turn(self.garbage_every):
            pieces.append(self._rng.bytes(int(self._rng.integers(1, 60))))
        if self._is_turn(self.swap_every) and not self._held:
            self._held = pieces
            return []
        pieces, self._held = pieces + self._held, []
        return pieces

    def _is_turn(self, every: int) -> bool:
        return every > 0 and self._count % every == 0


class Outlet:
    """One device, its cable and its port; all methods may be called from any thread while the bench runs."""

    def __init__(self, bench: Bench, link: Path, device: EmulatedImu | EmulatedInsole) -> None:
        self.port = PtyPort(link)
        self.device = device
        self.wire = FaultyDevice(device)
        self._bench = bench
        bench.add(self.port, self.wire)

    def unplug(self) -> None:
        """The cable is pulled: the host's reads end with an error and the name is gone; the device runs on."""
        self._bench.do(self.port.unplug)

    def replug(self, link: Path | None = None) -> None:
        """The cable is back, at `link` if given, else at the old name; a USB-powered device starts anew."""

        def plug() -> None:
            self.port.plug(link)
            self.device.restart(time.monotonic_ns())

        self._bench.do(plug)

    def damage(self, **faults: int) -> None:
        """Sets attributes of FaultyDevice, e.g. damage(corrupt_every=10), damage(silent=True)."""
        unknown = faults.keys() - vars(self.wire).keys()
        if unknown:
            raise ValueError(f"no such fault: {', '.join(sorted(unknown))}")
        self._bench.do(lambda: vars(self.wire).update(faults))

    def feel(self, content: ImuContent | InsoleContent) -> None:
        """The device feels `content`, which must be of its kind, from now on."""
        self._bench.do(lambda: self.device.feel(content))  # type: ignore[arg-type]

    def stick(self) -> None:
        """The device repeats one reading to the last bit."""
        self._bench.do(lambda: self.device.hold(time.monotonic_ns()))

    def release(self) -> None:
        """The device measures again."""
        self._bench.do(self.device.release)

    def restart(self) -> None:
        """The device loses power for a moment, its port stays: clock at zero, settings as they were saved."""
        self._bench.do(lambda: self.device.restart(time.monotonic_ns()))

    def exchange(self, serial: str) -> None:
        """Another device of the same kind is on the cable from now on: it tells another serial number."""

        def swap() -> None:
            self.device.serial = serial
            self.device.restart(time.monotonic_ns())

        self._bench.do(swap)


class LooseCables:
    """Pulls one cable after the other of a bench's outlets, every `every_s` one, and puts it back after OUT_S."""

    OUT_S = 2.0

    def __init__(self, bench: Bench, outlets: Sequence[Outlet], every_s: float) -> None:
        self._outlets = outlets
        self._turns = max(2, round(every_s / self.OUT_S))
        self._turn = 0
        bench.every(self.OUT_S, self._next)

    def _next(self) -> None:
        self._turn += 1
        number, phase = divmod(self._turn, self._turns)
        outlet = self._outlets[number % len(self._outlets)]
        if phase == 0:
            outlet.unplug()
        elif phase == 1 and number > 0:
            outlet.replug()


def _with_bit_turned(packet: bytes, from_end: int, bit: int) -> bytes:
    at = max(0, len(packet) - from_end)
    return packet[:at] + bytes([packet[at] ^ (1 << bit)]) + packet[at + 1 :]
