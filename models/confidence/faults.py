"""What can be wrong with a device on the body, done to rows: lost, frozen, noisy, saturated, turned, swapped."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial.transform import Rotation

from jetson_runtime.suit import signals

Floats = npt.NDArray[np.float32]

TURNS_DEG = (30, 90, 180)
# White, one standard deviation: m/s², rad/s, and of each insole channel.
NOISE = {"accel": 2.0, "gyro": 0.5, "vgrf": 0.1, "cop_ap": 0.1, "cop_ml": 0.1}
# What a range of a sixteenth of a usual sensor's leaves: m/s², rad/s; an insole's half a bodyweight.
RANGE = {"accel": 10.0, "gyro": 2.2, "vgrf": 0.5, "cop_ap": 1.0, "cop_ml": 1.0}
_FILL = np.asarray(signals.CHANNEL_FILL, np.float32)


@dataclass(frozen=True)
class Fault:
    """kind, in words; devices: whose readings are wrong; `done` makes them so from row `at` on, in a copy."""

    kind: str
    devices: tuple[str, ...]
    apply: Callable[[Floats, npt.NDArray[np.intp], str], None]

    def done(self, rows: Floats, at: int, name: str) -> Floats:
        """`rows` (n, 54) with the fault from row `at` on; `name` seeds what is random."""
        answer: Floats = rows.copy()
        channels = np.concatenate([_channels(device) for device in self.devices])
        self.apply(answer[at:], channels, f"{name} {self.kind} {self.devices}")
        return answer


def sudden() -> list[Fault]:
    """Faults that befall one device while it is worn."""
    kinds = (("lost", _lost), ("frozen", _frozen), ("noisy", _noisy), ("saturated", _saturated))
    return [Fault(kind, (name,), apply) for kind, apply in kinds for name in signals.STREAM_NAMES]


def mounted() -> list[Fault]:
    """Faults of putting on: each IMU turned about each of its axes, left and right exchanged."""
    turns = [
        Fault(f"turned {degrees} about {axis}", (name,), _turned(axis, degrees))
        for degrees in TURNS_DEG
        for axis in signals.AXES
        for name in signals.STREAM_NAMES
    ]
    pairs = [(r, f"{r[:-1]}l") for r in signals.STREAM_NAMES if r.endswith("_r")]
    return [*turns, *(Fault("left and right exchanged", pair, _exchanged) for pair in pairs)]


def _channels(device: str) -> npt.NDArray[np.intp]:
    return np.asarray(signals.STREAMS[signals.STREAM_INDEX[device]].channels)


def _lost(rows: Floats, channels: npt.NDArray[np.intp], _: str) -> None:
    rows[:, channels] = _FILL[channels]


def _frozen(rows: Floats, channels: npt.NDArray[np.intp], _: str) -> None:
    rows[:, channels] = rows[:1, channels]


def _noisy(rows: Floats, channels: npt.NDArray[np.intp], name: str) -> None:
    random = np.random.default_rng(zlib.crc32(name.encode()))
    size = np.array([NOISE[signals.CHANNELS[i].quantity] for i in channels])
    rows[:, channels] += (size * random.normal(size=(len(rows), len(channels)))).astype(np.float32)


def _saturated(rows: Floats, channels: npt.NDArray[np.intp], _: str) -> None:
    limit = np.array([RANGE[signals.CHANNELS[i].quantity] for i in channels], np.float32)
    rows[:, channels] = np.clip(rows[:, channels], -limit, limit)


def _turned(axis: str, degrees: float) -> Callable[[Floats, npt.NDArray[np.intp], str], None]:
    turn = Rotation.from_euler(axis, degrees, degrees=True).as_matrix().astype(np.float32)

    def apply(rows: Floats, channels: npt.NDArray[np.intp], _: str) -> None:
        for vector in (channels[:3], channels[3:6]):
            rows[:, vector] = rows[:, vector] @ turn.T

    return apply


def _exchanged(rows: Floats, channels: npt.NDArray[np.intp], _: str) -> None:
    one, other = channels.reshape(2, -1)
    rows[:, np.concatenate([one, other])] = rows[:, np.concatenate([other, one])]
