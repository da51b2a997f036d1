"""What goes wrong with a suit, done to a trial: lost samples and sensors, wrong clocks, sensors strapped on askew."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.spatial.transform import Rotation

from jetson_runtime.suit import signals
from jetson_runtime.suit.trial import Trial
from jetson_runtime.timing.resample import random_links, resample_trial, sample_channels

Doubles = npt.NDArray[np.float64]

ALL = "all"
SHARES = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
SHIFTS_MS = (-20.0, -10.0, -5.0, -2.0, -1.0, 1.0, 2.0, 5.0, 10.0, 20.0)
TURNS_DEG = (2.0, 5.0, 10.0, 20.0, 30.0)
UNITS = {"none": "", "dropped": "share of samples", "lost": "", "clock": "ms", "turned": "deg"}
KINDS = tuple(kind for kind in UNITS if kind != "none")


@dataclass(frozen=True)
class Disturbance:
    """kind: `none`, or one of KINDS. stream: of STREAM_NAMES, or `all`. axis: about which a sensor is turned.

    amount: the share of samples that never arrive; ms by which samples are stamped later than they were taken, the
    same all along (the row of time t tells what was read at t - amount; negative: stamped earlier); degrees. Of a lost
    sensor it is 1. A clock's rate that is off by some ppm is nothing here: the runtime follows it (`bench clock`).
    """

    kind: str
    stream: str = ALL
    amount: float = 0.0
    axis: str = ""


def disturbances(kinds: Collection[str] = KINDS) -> list[Disturbance]:
    """Nothing wrong first, then every amount on every stream: lost samples on all at once, too."""
    unknown = sorted(set(kinds) - set(KINDS))
    if unknown or not kinds:
        named = ", ".join(kind or "''" for kind in unknown) or "asked for"
        raise ValueError(f"no disturbance {named}; there are {', '.join(KINDS)}")
    names = signals.STREAM_NAMES
    every: Mapping[str, list[Disturbance]] = {
        "dropped": [Disturbance("dropped", name, share) for share in SHARES for name in (ALL, *names)],
        "lost": [Disturbance("lost", name, 1.0) for name in names],
        "clock": [Disturbance("clock", name, shift) for shift in SHIFTS_MS for name in names],
        "turned": [
            Disturbance("turned", name, turn, axis)
            for turn in TURNS_DEG
            for name in names
            for axis in signals.AXES
        ],
    }
    return [Disturbance("none"), *(one for kind in KINDS if kind in kinds for one in every[kind])]


def rows_of(name: str, trial: Trial, disturbance: Disturbance) -> Doubles:
    """Rows (n, 54) of `trial` through the runtime's aligner with the disturbance; NaN where there is no value.

    Rates and phases of the devices are drawn from `name`, as in training: the same without a disturbance.
    """
    return _MAKERS[disturbance.kind](name, trial, disturbance)


def _undisturbed(name: str, trial: Trial, _: Disturbance) -> Doubles:
    return resample_trial(trial, _seed(name))


def _dropped(name: str, trial: Trial, disturbance: Disturbance) -> Doubles:
    links = tuple(
        link._replace(loss=disturbance.amount) if disturbance.stream in (ALL, stream) else link
        for stream, link in zip(signals.STREAM_NAMES, random_links(_seed(name)), strict=True)
    )
    return resample_trial(trial, _seed(name), links=links)


def _lost(name: str, trial: Trial, disturbance: Disturbance) -> Doubles:
    rows = _undisturbed(name, trial, disturbance)
    rows[:, list(_stream(disturbance).channels)] = np.nan
    return rows


def _stamped_late(name: str, trial: Trial, disturbance: Disturbance) -> Doubles:
    stream = _stream(disturbance)
    picks = list(stream.channels)
    if np.isnan(trial.channels[:, picks]).all():
        return _undisturbed(name, trial, disturbance)
    at_s = trial.time_s - disturbance.amount / 1000.0
    channels = trial.channels.copy()
    channels[:, picks] = sample_channels(stream, channels[:, picks], at_s)
    return _undisturbed(name, replace(trial, channels=channels), disturbance)


def _turned(name: str, trial: Trial, disturbance: Disturbance) -> Doubles:
    rows = _undisturbed(name, trial, disturbance)
    turn = Rotation.from_euler(disturbance.axis, disturbance.amount, degrees=True).as_matrix()
    first = signals.CHANNEL_INDEX[f"{_stream(disturbance).part}_accel_x"]
    for vector in (slice(first, first + 3), slice(first + 3, first + 6)):
        rows[:, vector] = rows[:, vector] @ turn.T
    return rows


_MAKERS: Mapping[str, Callable[[str, Trial, Disturbance], Doubles]] = {
    "none": _undisturbed,
    "dropped": _dropped,
    "lost": _lost,
    "clock": _stamped_late,
    "turned": _turned,
}


def _stream(disturbance: Disturbance) -> signals.Stream:
    return signals.STREAMS[signals.STREAM_INDEX[disturbance.stream]]


def _seed(name: str) -> int:
    return zlib.crc32(name.encode())
