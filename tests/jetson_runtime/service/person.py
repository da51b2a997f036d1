"""For tests of commands: a person in emulated devices who swings, bends and steps off the insoles when told to."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
from worn_suit import WornSuit, serial_of

from drivers.emulator.bench import Bench
from drivers.emulator.clock import DeviceClock
from drivers.emulator.microstrain import EmulatedImu
from drivers.emulator.mip_commands import ImuIdentity
from drivers.emulator.motion import FootLoad, ImuContent, InsoleContent, Motion, Nanoseconds, SensorNoise
from drivers.emulator.transport import make_transport
from drivers.emulator.xsensor import EmulatedInsole, InsoleIdentity
from drivers.units import STANDARD_GRAVITY
from drivers.xsensor.codec import LEFT, RIGHT
from jetson_runtime.demo import orientation
from jetson_runtime.suit.signals import STREAM_INDEX, STREAM_NAMES, STREAMS, Stream

Doubles: TypeAlias = npt.NDArray[np.float64]

_WORLD = np.asarray([math.sqrt(0.5), -math.sqrt(0.5), 0.0, 0.0])
_SWING_HZ = 0.8
_INSTANT_NS = 1_000_000


class Movements(Protocol):
    """What a person does by the clock, besides what is held."""

    def pitch(self, part: str, host_ns: Nanoseconds) -> Doubles:
        """(n,) radians about z."""
        ...

    def jolt(self, part: str, host_ns: Nanoseconds) -> Doubles:
        """(n,) m/s² along the part."""
        ...

    def load(self, side: str, host_ns: Nanoseconds) -> Doubles:
        """(n,) share of the held force."""
        ...


@dataclass
class Person:
    """pitch_deg: of each part about z, held; swing_deg: by how much it swings besides. force_n: by side."""

    pitch_deg: dict[str, float] = field(default_factory=dict)
    swing_deg: dict[str, float] = field(default_factory=dict)
    force_n: dict[str, float] = field(default_factory=lambda: {"r": 350.0, "l": 350.0})
    movements: Movements | None = None

    def motion(self, part: str) -> ImuContent:
        def content(host_ns: Nanoseconds) -> Motion:
            phase = 2 * math.pi * _SWING_HZ * 1e-9 * host_ns.astype(np.float64)
            swing = math.radians(self.swing_deg.get(part, 0.0))
            pitch = math.radians(self.pitch_deg.get(part, 0.0)) + swing * np.sin(phase)
            rate = swing * 2 * math.pi * _SWING_HZ * np.cos(phase)
            zero = np.zeros_like(pitch)
            push = STANDARD_GRAVITY + zero
            if self.movements is not None:
                pitch = pitch + self.movements.pitch(part, host_ns)
                later = self.movements.pitch(part, host_ns + _INSTANT_NS)
                rate = rate + (later - self.movements.pitch(part, host_ns)) / (_INSTANT_NS * 1e-9)
                push = push + self.movements.jolt(part, host_ns)
            turn = np.stack([np.cos(pitch / 2), zero, zero, np.sin(pitch / 2)], axis=1)
            up = np.stack([np.sin(pitch), np.cos(pitch), zero], axis=1)
            return Motion(
                push[:, None] * up,
                np.stack([zero, zero, rate], axis=1),
                orientation.multiply(_WORLD, turn),
            )

        return content

    def load(self, side: str) -> InsoleContent:
        foot = self.motion(f"foot_{side}")

        def content(host_ns: Nanoseconds) -> FootLoad:
            n = len(host_ns)
            force = np.full(n, self.force_n[side])
            if self.movements is not None:
                force = force * self.movements.load(side, host_ns)
            return FootLoad(force, np.full(n, 0.02), np.zeros(n), np.ones(n, bool), foot(host_ns))

        return content


class PersonsSuit(WornSuit):
    """The suit on `person`; its devices can be exchanged and power-cycled through `devices` and the bench."""

    def __init__(self, folder: Path, bench: Bench, person: Person) -> None:
        super().__init__(folder, bench, ())
        self.person = person
        for name in STREAM_NAMES:
            self.plug_in(name, device_of(person, STREAMS[STREAM_INDEX[name]]))


def device_of(person: Person, stream: Stream, serial: str | None = None) -> EmulatedImu | EmulatedInsole:
    """What the emulated device of `stream` feels on this person."""
    seed = STREAM_INDEX[stream.name]
    clock = DeviceClock.seeded(seed, time.monotonic_ns())
    transport = make_transport("cdc", seed)
    told = serial or serial_of(stream.name)
    if stream.kind == "imu":
        identity = ImuIdentity(serial=told)
        return EmulatedImu(
            person.motion(stream.part), clock, transport, identity=identity, noise=SensorNoise(seed)
        )
    side = RIGHT if stream.side == "r" else LEFT
    return EmulatedInsole(
        person.load(stream.side),
        clock,
        transport,
        identity=InsoleIdentity(side=side, serial=told),
        noise=SensorNoise(seed),
    )
