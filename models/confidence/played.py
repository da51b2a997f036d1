"""Recordings as the runtime meets them: what it looks at to judge them, and how far its outcomes were off."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from jetson_runtime.inference.bundle import Bundle
from jetson_runtime.inference.confidence import WIDTH_INPUTS, WidthInputs
from jetson_runtime.inference.engines.base import Engine
from jetson_runtime.inference.window import BLOCK_TICKS, BLOCKS, STATISTICS, Doubles, Window
from jetson_runtime.suit import signals
from models.data.dataset import LABELS_OF, Recording
from models.evaluation.device import reference_engine
from models.network.tcn import HISTORY, SPARSE_STRIDE
from models.processes import spread

# The row of the first look, and how many rows to the next.
FIRST_LOOK = BLOCKS * BLOCK_TICKS - 1
LOOK_ROWS = BLOCK_TICKS

# (n, 2, 8): the network's outcomes of n ticks for the right leg and the left.
Answers = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Prediction:
    """Each channel from those of the other devices: matrix (54, 54) and offset (54,) of a Window."""

    matrix: Doubles
    offset: Doubles


@dataclass(frozen=True)
class Errors:
    """Of one recording, every eighth row from the 249th: inputs (n, 2, WIDTH_INPUTS), error (n, 2, 8), both legs.

    error: outcome minus truth, NaN where there is none; of_mean (n, 8): of the mean of both legs' passes.
    """

    subject: str
    task: str
    inputs: Doubles
    error: Doubles
    of_mean: Doubles


def looks(recordings: Iterable[Recording], prediction: Prediction, processes: int = 1) -> dict[str, Doubles]:
    """Each recording's name -> (looks, 6, 54): the Window's statistics each tenth of a second."""
    unique = list({recording.name: recording for recording in recordings}.values())
    told = spread(
        partial(looks_of, prediction=prediction), [recording.rows for recording in unique], processes
    )
    return {recording.name: each for recording, each in zip(unique, told, strict=True)}


def looks_of(rows: npt.NDArray[np.floating], prediction: Prediction) -> Doubles:
    """Rows (n, 54) of one recording -> (looks, 6, 54), as in `looks`."""
    window = Window(prediction.matrix, prediction.offset, signals.CHANNEL_FILL)
    told = []
    for row in rows.astype(np.float64):
        if window.update(row):
            window.summarise()
            told.append(window.statistics.copy())
    return np.stack(told) if told else np.zeros((0, STATISTICS, len(signals.CHANNELS)))


def answers(bundle: Bundle, recordings: Sequence[Recording], processes: int = 1) -> list[Answers]:
    """Each recording through the bundle's reference engine, as the runtime does it."""
    shares = [recordings[i::processes] for i in range(processes)]
    told = spread(partial(_answers, bundle), shares, processes)
    return [told[i % processes][i // processes] for i in range(len(recordings))]


def errors(
    recordings: Sequence[Recording], told: Sequence[Answers], prediction: Prediction, processes: int = 1
) -> list[Errors]:
    """Of what the network `told` of each recording."""
    return spread(partial(_errors, prediction), list(zip(recordings, told, strict=True)), processes)


def _answers(bundle: Bundle, recordings: Sequence[Recording]) -> list[Answers]:
    engine = reference_engine(bundle)
    return [_told(recording, engine) for recording in recordings]


def _told(recording: Recording, engine: Engine) -> Answers:
    legs = np.stack([recording.leg(side)[0] for side in signals.SIDES], axis=1)
    told = np.empty((len(legs), len(signals.SIDES), len(signals.OUTCOMES)), np.float32)
    engine.reset()
    for rows, answer in zip(np.ascontiguousarray(legs), told, strict=True):
        engine.step(rows, answer)
    return told


def _errors(prediction: Prediction, of: tuple[Recording, Answers]) -> Errors:
    recording, told = of
    truth = np.stack([recording.labels[:, LABELS_OF[side]] for side in signals.SIDES], axis=1)
    at = slice(HISTORY, None, SPARSE_STRIDE)
    inputs = _inputs(recording.rows, told, prediction)[at]
    error = (told - truth)[at].astype(np.float64)
    of_mean = (told.mean(axis=1) - truth[:, 0])[at].astype(np.float64)
    return Errors(recording.subject, recording.task, inputs, error, of_mean)


def _inputs(rows: npt.NDArray[np.float32], told: Answers, prediction: Prediction) -> Doubles:
    """(n, 2, WIDTH_INPUTS)."""
    window = Window(prediction.matrix, prediction.offset, signals.CHANNEL_FILL)
    source = WidthInputs(signals.SIDES)
    made = np.empty((len(rows), len(signals.SIDES), WIDTH_INPUTS))
    for i, row in enumerate(rows.astype(np.float64)):
        if window.update(row):
            window.summarise()
            source.turning(window.statistics)
        made[i] = source.of(row, told[i])
    return made
