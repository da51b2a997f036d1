"""The rows a fold trains on: drawn by seed, fold and step alone, with sensors turned and lost as the recipe says."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from jetson_runtime.suit import signals
from models.data.dataset import Recording
from models.data.folds import Split
from models.data.segments import Segments, donning_matrices
from models.network.tcn import SPARSE_STRIDE
from models.training.recipe import TrainConfig, seed_of

Floats = npt.NDArray[np.float32]

_FILL = np.asarray(signals.CHANNEL_FILL, np.float32)


class FoldBatches:
    """Training and validation of one fold."""

    def __init__(self, fold: str, recordings: Sequence[Recording], split: Split, config: TrainConfig) -> None:
        training, validation = (
            Segments([r for r in recordings if r.subject in names], config.outputs, config.sides)
            for names in (split.train, split.validation)
        )
        self.training, self.validation = training, validation
        self._fold, self._config = fold, config
        self.steps = config.epoch_steps or _epoch_steps(recordings, split, config)

    def draw(self, step: int) -> tuple[Floats, Floats]:
        """Rows (batch, length, 54) and outcomes (batch, outputs, 8) of a step of the run."""
        config = self._config
        random = np.random.default_rng(seed_of(config.seed, self._fold, step))
        rows, outcomes = self.training.draw(random, config.batch)
        if config.donning_deg:
            rows = put_on_anew(rows, random, config.donning_deg)
        if config.sensor_dropout:
            rows = with_lost_sensors(rows, random, config.sensor_dropout)
        return rows, outcomes


def put_on_anew(rows: Floats, random: np.random.Generator, degrees: float) -> Floats:
    """Rows (b, length, 54), in each segment the suit put on a little differently (see `donning_matrices`).

    A channel that does not move within a segment, such as one left out of the data, stays as it is: a filled
    accelerometer that is turned would show what no missing sensor shows.
    """
    still = (rows == rows[:, :1]).all(axis=1, keepdims=True)
    answer: Floats = np.where(still, rows, rows @ donning_matrices(random, len(rows), degrees))
    return answer


def with_lost_sensors(rows: Floats, random: np.random.Generator, probability: float) -> Floats:
    """Rows (b, length, 54) where each segment loses each of the eight devices with `probability`.

    Half of the lost ones are missing from the start, the others from a moment drawn from the whole segment on. What is
    lost holds CHANNEL_FILL, as the runtime shows a missing stream to the network.
    """
    answer: Floats = rows.copy()
    length = rows.shape[1]
    for segment in answer:
        for stream in signals.STREAMS:
            lost, whole, moment = random.random(3)
            if lost < probability:
                first = 0 if whole < 0.5 else int(moment * length)
                segment[first:, stream.channels] = _FILL[list(stream.channels)]
    return answer


def _epoch_steps(recordings: Sequence[Recording], split: Split, config: TrainConfig) -> int:
    """Batches that show a fold's rows about once.

    Counted from all recordings and the share of subjects that train, so that the folds of a leave-one-out run agree
    and can train as one group.
    """
    rows = Segments(recordings, config.outputs, config.sides).rows_in_all
    share = len(split.train) / len({r.subject for r in recordings})
    return max(1, round(rows * share / (SPARSE_STRIDE * config.outputs * config.batch)))
