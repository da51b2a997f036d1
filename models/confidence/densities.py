"""What training read like: prototypes of each kind of device, and how far from them new people lie by themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.cluster.vq import kmeans2

from jetson_runtime.inference.watch import DEVICES_OF_A_MOVEMENT, FEATURES, VIEWS, Distances, Watch
from jetson_runtime.inference.window import MEAN, OFF_MEAN, Doubles
from jetson_runtime.suit import signals
from models.confidence.played import Prediction
from models.data.dataset import mirrored

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
    """centre (2, 8, FEATURES), whiten (2, 8, FEATURES, FEATURES), prototypes (2, 8, k, FEATURES): see Distances."""

    centre: Doubles
    whiten: Doubles
    prototypes: Doubles


@dataclass(frozen=True)
class Thresholds:
    """threshold (16,) and movement: see Watch. alarms: the share of looks that warn of those they were set on."""

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
    shape = (len(VIEWS), len(signals.STREAMS))
    made = Density(
        np.zeros((*shape, FEATURES)),
        np.zeros((*shape, FEATURES, FEATURES)),
        np.zeros((*shape, PROTOTYPES, FEATURES)),
    )
    for view, statistics in enumerate(VIEWS):
        for device, stream in enumerate(signals.STREAMS):
            if stream.side != "l":
                _fill(made, view, device, _prototypes(_features(both, statistics, stream)))
    return made


def distances(density: Density, looks: Doubles) -> list[list[float]]:
    """Looks (n, 6, 54) -> the squared distances of each, view by view."""
    measure = Distances(density.centre, density.whiten, density.prototypes)
    return [measure.squared(statistics) for statistics in looks]


def fit_thresholds(squared: Sequence[Sequence[Sequence[float]]]) -> Thresholds:
    """squared: of recordings, of their looks, of devices in views; of people whom the density does not know."""
    table = np.sqrt(np.concatenate([np.asarray(recording) for recording in squared if len(recording)]))
    raw = np.array([np.quantile(table[:, _alike(k)], 1.0 - FALSE_ALARMS) for k in range(table.shape[1])])
    shares = (table / raw).reshape(len(table), len(VIEWS), len(signals.STREAMS)).max(axis=1)
    movement = float(np.quantile(np.sort(shares, axis=1)[:, -DEVICES_OF_A_MOVEMENT], 1.0 - _MOVEMENT_ALARMS))
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


def _fill(made: Density, view: int, device: int, found: tuple[Doubles, Doubles, Doubles]) -> None:
    """What was found of a right device, or one in the middle; of a right one, mirrored, for its left one too."""
    mean, turn, prototypes = found
    stream, size = signals.STREAMS[device], len(mean)
    sign = _feature_sign(VIEWS[view], stream)
    for place, signs in [(device, np.ones(size)), *([(device + 1, sign)] if stream.side else [])]:
        made.centre[view, place, :size] = mean * signs
        made.whiten[view, place, :size, :size] = turn * signs
        made.prototypes[view, place, :, :size] = prototypes


def _alike(k: int) -> list[int]:
    """The columns of the distances that share a threshold with column k: the same view of both sides."""
    view, device = divmod(k, len(signals.STREAMS))
    side = signals.STREAMS[device].side
    first = device - (side == "l")
    return [view * len(signals.STREAMS) + d for d in range(first, first + (2 if side else 1))]


def _features(looks: Doubles, statistics: tuple[int, ...], stream: signals.Stream) -> Doubles:
    """(n, statistics * channels) of one device, as Distances orders them."""
    return looks[:, list(statistics)][:, :, list(stream.channels)].reshape(len(looks), -1)


def _feature_sign(statistics: tuple[int, ...], stream: signals.Stream) -> Doubles:
    sign = np.ones((len(statistics), len(stream.channels)))
    for row, statistic in enumerate(statistics):
        if statistic in _SIGNED:
            sign[row] = _MIRROR_SIGN[list(stream.channels)]
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
