"""What training read like: prototypes of each kind of device, and how far from them new people lie by themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.cluster.vq import kmeans2

from jetson_runtime.inference.watch import FEATURES, Distances, Watch
from jetson_runtime.inference.window import MEAN, OFF_MEAN, STATISTICS, Doubles
from jetson_runtime.suit import signals
from models.confidence.played import Prediction
from models.dataset import mirrored

# Of all looks at people who do as the trained ones did, this share may warn.
FALSE_ALARMS = 0.01
_MOVEMENT_ALARMS = 0.002
PROTOTYPES = 32
_LEAST_MEMBERS = 5
_MOST_LOOKS = 30_000
_ROW_STRIDE = 4
# Both in units of a channel's (or feature's) own spread: what is not known better.
_PREDICTION_RIDGE = 1e-2
_SPREAD_RIDGE = 2e-2

_MIRROR_INDEX = np.asarray(signals.MIRROR_INDEX)
_MIRROR_SIGN = np.asarray(signals.MIRROR_SIGN)
_SIGNED = (MEAN, OFF_MEAN)


@dataclass(frozen=True)
class Density:
    """centre (8, FEATURES), whiten (8, FEATURES, FEATURES), prototypes (8, k, FEATURES): see Distances."""

    centre: Doubles
    whiten: Doubles
    prototypes: Doubles


@dataclass(frozen=True)
class Thresholds:
    """threshold (8,) and movement: see Watch. alarms: the share of looks that warned of the people they were set on."""

    threshold: Doubles
    movement: float
    alarms: float


def fit_prediction(recordings: Sequence[npt.NDArray[np.float32]]) -> Prediction:
    """Rows (n, 54) of recordings -> each channel from the other devices' channels: a ridge regression, both legs."""
    rows = np.concatenate([part[::_ROW_STRIDE] for part in recordings])
    both = np.concatenate([rows, mirrored(rows)]).astype(np.float64)
    centre, spread = both.mean(axis=0), np.maximum(both.std(axis=0), 1e-6)
    scaled = (both - centre) / spread
    gram = scaled.T @ scaled / len(scaled)
    matrix = np.zeros_like(gram)
    everything = np.arange(len(gram))
    for stream in signals.STREAMS:
        own = np.asarray(stream.channels)
        others = np.setdiff1d(everything, own)
        penalised = gram[np.ix_(others, others)] + _PREDICTION_RIDGE * np.eye(len(others))
        matrix[np.ix_(own, others)] = np.linalg.solve(penalised, gram[np.ix_(others, own)]).T
    matrix = spread[:, None] * matrix / spread
    return Prediction(matrix, centre - matrix @ centre)


def fit_density(looks: Sequence[Doubles]) -> Density:
    """Looks (n, 6, 54) at recordings; what a left device does counts, mirrored, for the right one too."""
    every = np.concatenate(looks)
    every = every[:: -(-len(every) // _MOST_LOOKS)]
    both = np.concatenate([every, mirrored_looks(every)])
    centre = np.zeros((len(signals.STREAMS), FEATURES))
    whiten = np.zeros((len(signals.STREAMS), FEATURES, FEATURES))
    prototypes = np.zeros((len(signals.STREAMS), PROTOTYPES, FEATURES))
    for device, stream in enumerate(signals.STREAMS):
        if stream.side == "l":
            continue
        mean, turn, found = _prototypes(_features(both, stream))
        sign = _feature_sign(stream)
        for place, signs in ((device, np.ones_like(sign)), (device + 1, sign)):
            if place == device or stream.side:
                size = len(sign)
                centre[place, :size] = mean * signs
                whiten[place, :size, :size] = turn * signs
                prototypes[place, :, :size] = found
    return Density(centre, whiten, prototypes)


def distances(density: Density, looks: Doubles) -> list[list[float]]:
    """Looks (n, 6, 54) -> the squared distance of each device."""
    measure = Distances(density.centre, density.whiten, density.prototypes)
    return [measure.squared(statistics) for statistics in looks]


def fit_thresholds(squared: Sequence[Sequence[Sequence[float]]]) -> Thresholds:
    """squared: of recordings, of their looks, of each device; of people whom the density does not know."""
    table = np.sqrt(np.concatenate([np.asarray(recording) for recording in squared if len(recording)]))
    raw = np.zeros(len(signals.STREAMS))
    for device, stream in enumerate(signals.STREAMS):
        pair = (
            [device, device + 1] if stream.side == "r" else [device - 1, device] if stream.side else [device]
        )
        raw[device] = np.quantile(table[:, pair], 1.0 - FALSE_ALARMS)
    fourth = np.sort(table / raw, axis=1)[:, -4]
    movement = float(np.quantile(fourth, 1.0 - _MOVEMENT_ALARMS))
    low, high = 0.5, 4.0
    for _ in range(10):
        middle = (low + high) / 2
        if alarms(squared, raw * middle, movement / middle) > FALSE_ALARMS:
            low = middle
        else:
            high = middle
    return Thresholds(raw * high, movement / high, alarms(squared, raw * high, movement / high))


def alarms(squared: Sequence[Sequence[Sequence[float]]], threshold: Doubles, movement: float) -> float:
    """The share of looks at which the runtime would warn."""
    warned = total = 0
    for recording in squared:
        watch = Watch(threshold.tolist(), movement)
        for look in recording:
            watch.look(look)
            warned += bool(watch.unusual)
        total += len(recording)
    return warned / max(total, 1)


def mirrored_looks(looks: Doubles) -> Doubles:
    """Looks (n, 6, 54) at the same person in a mirror."""
    answer: Doubles = looks[:, :, _MIRROR_INDEX]
    for statistic in _SIGNED:
        answer[:, statistic] *= _MIRROR_SIGN
    return answer


def _features(looks: Doubles, stream: signals.Stream) -> Doubles:
    """(n, statistics * channels) of one device, as Distances orders them."""
    return looks[:, :, list(stream.channels)].reshape(len(looks), -1)


def _feature_sign(stream: signals.Stream) -> Doubles:
    sign = np.ones((STATISTICS, len(stream.channels)))
    for statistic in _SIGNED:
        sign[statistic] = _MIRROR_SIGN[list(stream.channels)]
    return sign.reshape(-1)


def _prototypes(features: Doubles) -> tuple[Doubles, Doubles, Doubles]:
    """Mean (f,), matrix (f, f) to units of the spread about a prototype, and prototypes (PROTOTYPES, f) in these."""
    mean, spread = features.mean(axis=0), np.maximum(features.std(axis=0), 1e-9)
    scaled = (features - mean) / spread
    found, member = kmeans2(scaled, PROTOTYPES, minit="++", seed=0, iter=25)
    counts = np.bincount(member, minlength=PROTOTYPES)
    about = np.cov((scaled - found[member]).T) + _SPREAD_RIDGE * np.eye(scaled.shape[1])
    turn = np.linalg.inv(np.linalg.cholesky(about))
    # One of too few is chance: it is put where the most frequent is.
    found[counts < min(_LEAST_MEMBERS, counts.max())] = found[counts.argmax()]
    return mean, turn / spread, found @ turn.T
