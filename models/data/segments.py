"""Stretches of recordings as a training draws them and a validation goes through them; sensors put on anew."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from scipy.spatial.transform import Rotation

from jetson_runtime.suit import signals
from models.data.dataset import LABELS_OF, Floats, Recording, mirrored
from models.network.tcn import HISTORY, SPARSE_STRIDE


class Segments:
    """Random stretches of recordings for training, and all of them in order for validation."""

    def __init__(
        self, recordings: Sequence[Recording], outputs: int, sides: Sequence[str] = signals.SIDES
    ) -> None:
        """`outputs`: scored rows of one segment, eight rows apart; `sides`: the legs that are drawn."""
        self._sides = tuple(sides)
        self.length = HISTORY + 1 + SPARSE_STRIDE * (outputs - 1)
        self._scored = slice(HISTORY, None, SPARSE_STRIDE)
        self._sources = [_extended(recording, self.length) for recording in recordings]
        counts = np.array([len(rows) - self.length + 1 for rows, _ in self._sources], np.float64)
        self._share = (counts + self.length - HISTORY) / np.sum(counts + self.length - HISTORY)

    @property
    def rows_in_all(self) -> int:
        """Rows that can be scored, of all legs."""
        return len(self._sides) * sum(len(rows) - HISTORY for rows, _ in self._sources)

    def draw(self, random: np.random.Generator, batch: int) -> tuple[Floats, Floats]:
        """rows (batch, length, 54) and their outcomes (batch, outputs, 8), legs and places at random."""
        picks = random.choice(len(self._sources), batch, p=self._share)
        cuts = []
        for pick in picks:
            rows, labels = self._sources[pick]
            start = int(random.integers(len(rows) - self.length + 1))
            cuts.append(self._cut(rows, labels, start, self._sides[int(random.integers(len(self._sides)))]))
        return np.stack([rows for rows, _ in cuts]), np.stack([outcomes for _, outcomes in cuts])

    def all(self, batch: int) -> Iterator[tuple[Floats, Floats]]:
        """Every stretch once, each leg, in batches."""
        step = self.length - HISTORY
        cuts = [
            self._cut(rows, labels, start, side)
            for rows, labels in self._sources
            for start in range(0, len(rows) - self.length + 1, step)
            for side in self._sides
        ]
        for first in range(0, len(cuts), batch):
            part = cuts[first : first + batch]
            yield np.stack([rows for rows, _ in part]), np.stack([outcomes for _, outcomes in part])

    def _cut(self, rows: Floats, labels: Floats, start: int, side: str) -> tuple[Floats, Floats]:
        stretch = rows[start : start + self.length]
        outcomes = labels[start : start + self.length][self._scored][:, LABELS_OF[side]]
        return (stretch if side == "r" else mirrored(stretch)), outcomes


def _extended(recording: Recording, length: int) -> tuple[Floats, Floats]:
    """Rows and labels, a trial that is too short led in by its first row held, with labels unknown there."""
    lead = max(0, length - len(recording.rows))
    rows, labels = recording.rows, recording.labels
    return (
        np.concatenate([np.repeat(rows[:1], lead, axis=0), rows]) if lead else rows,
        np.concatenate([np.full((lead, labels.shape[1]), np.nan, np.float32), labels]) if lead else labels,
    )


def donning_matrices(random: np.random.Generator, count: int, degrees: float) -> Floats:
    """(count, 54, 54) for `rows @ matrix`: each IMU turned as a whole, about each axis by `degrees` (one SD).

    Each insole's force is scaled by one hundredth (one SD) for each degree; centres of pressure stay.
    """
    turns = Rotation.from_rotvec(random.normal(0.0, np.radians(degrees), (count * len(signals.PARTS), 3)))
    turned = turns.as_matrix().reshape(count, len(signals.PARTS), 3, 3).transpose(0, 1, 3, 2)
    matrices = np.tile(np.eye(len(signals.CHANNELS), dtype=np.float32), (count, 1, 1))
    for p, part in enumerate(signals.PARTS):
        for quantity in ("accel", "gyro"):
            first = signals.CHANNEL_INDEX[f"{part}_{quantity}_x"]
            matrices[:, first : first + 3, first : first + 3] = turned[:, p]
    for side in signals.SIDES:
        force = signals.CHANNEL_INDEX[f"insole_{side}_vgrf"]
        matrices[:, force, force] = 1.0 + random.normal(0.0, 0.01 * degrees, count)
    return matrices
