"""Which sensors matter: recordings in which some channels say only what stands in signals.CHANNEL_FILL.

An ablation is written as `all`, `without GROUP+GROUP` or `only GROUP+GROUP`. Groups are the suit's devices
(`imu_thigh_r`), pairs of places on both legs (`thighs`), and kinds of channel (`gyro`); a device left out of both legs
is what a suit built without it would know.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from jetson_runtime.suit import signals
from jetson_runtime.suit.signals import Channel
from models.data.dataset import Recording
from models.sweep.errors import SweepError

ALL = "all"
_WAYS = ("without", "only")


def _where(accept: Callable[[Channel], bool]) -> frozenset[int]:
    return frozenset(i for i, channel in enumerate(signals.CHANNELS) if accept(channel))


def _inertial(channel: Channel) -> bool:
    return channel.quantity in ("accel", "gyro")


# group -> indices into the row of 54.
GROUPS: dict[str, frozenset[int]] = {
    "back": _where(lambda c: c.part == "back"),
    "pelvis": _where(lambda c: c.part == "pelvis"),
    "thighs": _where(lambda c: c.part.startswith("thigh")),
    "shanks": _where(lambda c: c.part.startswith("shank")),
    "feet": _where(lambda c: c.part.startswith("foot") and _inertial(c)),
    "imus": _where(_inertial),
    "insoles": _where(lambda c: not _inertial(c)),
    "accel": _where(lambda c: c.quantity == "accel"),
    "gyro": _where(lambda c: c.quantity == "gyro"),
    "force": _where(lambda c: c.quantity == "vgrf"),
    "centre": _where(lambda c: c.quantity.startswith("cop")),
    **{stream.name: frozenset(stream.channels) for stream in signals.STREAMS},
}


def left_out(ablation: str) -> tuple[int, ...]:
    """The channels that `ablation` takes away, none for `all`; raises SweepError that names the groups there are."""
    if ablation == ALL:
        return ()
    way, _, names = ablation.partition(" ")
    groups = names.split("+")
    if way not in _WAYS or not set(groups) <= set(GROUPS):
        raise SweepError(
            f"ablation {ablation!r}: is not `all`, `without GROUP+GROUP` or `only GROUP+GROUP` of the groups"
            f" {', '.join(GROUPS)}"
        )
    named = frozenset[int]().union(*(GROUPS[group] for group in groups))
    away = named if way == "without" else frozenset(range(len(signals.CHANNELS))) - named
    if len(away) == len(signals.CHANNELS):
        raise SweepError(f"ablation {ablation!r}: leaves no channel to learn from")
    return tuple(sorted(away))


def ablated(recordings: Sequence[Recording], ablation: str) -> list[Recording]:
    """The recordings with the channels that `ablation` takes away at their fill, the others as they are."""
    away = list(left_out(ablation))
    if not away:
        return list(recordings)
    fill = np.asarray(signals.CHANNEL_FILL, np.float32)[away]
    made = []
    for recording in recordings:
        rows = recording.rows.copy()
        rows[:, away] = fill
        made.append(replace(recording, rows=rows))
    return made
