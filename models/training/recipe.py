"""What a training is asked to do: the paper's recipe by default, a quick one for a machine without a GPU."""

from __future__ import annotations

import zlib
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np

from jetson_runtime.suit import signals
from models.data.dataset import WAYS, Way
from models.network import tcn

SCHEDULES = ("constant", "one_cycle")
LEGS = ("both", "right")
_ENDLESS = float("inf")


@dataclass(frozen=True)
class TrainConfig:
    """The paper's recipe by default, but for what `beside_paper` tells.

    schedule: `constant`, or `one_cycle` (warm-up to `learning_rate`, cosine down to a hundredth of it at the end).
    outputs: scored rows of a segment, eight rows apart. epoch_steps: batches in an epoch; None: all rows once.
    patience: stop after so many consecutive epochs, counted after `min_epochs`, that were no better than the best.
    time_limit_s: an epoch of a fold that would begin later is not begun, and the one-cycle ends there.
    clip_norm: of one network's gradient; None is off. legs: `both` (the left one mirrored) or `right`.
    donning_deg: by how much each sensor is turned anew for each segment (one SD about each axis).
    sensor_dropout: probability that a segment loses a device, for all of it or from a random moment on.
    init: bundle or run whose weights and normalisation the networks start from; empty: at random.
    way: of putting trials on the grid, in training and test: `device` as on the body, `offline` by a spline.
    paper_literal: the withheld subject also decides when to stop, as the paper appears to do.
    """

    learning_rate: float = 5e-5
    schedule: str = "constant"
    dropout: float = tcn.DROPOUT
    batch: int = 8
    outputs: int = 128
    min_epochs: int = 75
    max_epochs: int = 150
    patience: int = 20
    epoch_steps: int | None = None
    time_limit_s: float | None = None
    clip_norm: float | None = None
    legs: str = "both"
    donning_deg: float = 0.0
    sensor_dropout: float = 0.0
    init: str = ""
    way: Way = "device"
    paper_literal: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        """Raises ValueError that lists every value no training can have."""
        wrong = [
            f"{name} is {getattr(self, name)!r}, {wanted}"
            for name, wanted, right in (
                ("learning_rate", "a number above 0 wanted", 0 < self.learning_rate < _ENDLESS),
                ("schedule", f"one of {', '.join(SCHEDULES)} wanted", self.schedule in SCHEDULES),
                ("way", f"one of {', '.join(WAYS)} wanted", self.way in WAYS),
                ("legs", f"one of {', '.join(LEGS)} wanted", self.legs in LEGS),
                ("dropout", "0 to below 1 wanted", 0 <= self.dropout < 1),
                ("sensor_dropout", "0 to below 1 wanted", 0 <= self.sensor_dropout < 1),
                ("batch", "at least 1 wanted", self.batch >= 1),
                ("outputs", "at least 1 wanted", self.outputs >= 1),
                ("min_epochs", "at least 0 wanted", self.min_epochs >= 0),
                ("max_epochs", "at least 1 wanted", self.max_epochs >= 1),
                ("patience", "at least 1 wanted", self.patience >= 1),
                ("epoch_steps", "at least 1 wanted", self.epoch_steps is None or self.epoch_steps >= 1),
                (
                    "time_limit_s",
                    "a number above 0 wanted",
                    self.time_limit_s is None or 0 < self.time_limit_s < _ENDLESS,
                ),
                (
                    "clip_norm",
                    "a number above 0 wanted",
                    self.clip_norm is None or 0 < self.clip_norm < _ENDLESS,
                ),
                ("donning_deg", "0 or a number above it wanted", 0 <= self.donning_deg < _ENDLESS),
                ("seed", "at least 0 wanted", self.seed >= 0),
            )
            if not right
        ]
        if wrong:
            raise ValueError("recipe: " + "; ".join(wrong))

    @property
    def sides(self) -> tuple[str, ...]:
        """The legs that are trained and validated on."""
        return signals.SIDES_OF_CHOICE[self.legs]


RECIPES = {
    "paper": TrainConfig(),
    # Ten folds of an hour's data in about 40 minutes on two cores.
    "quick": TrainConfig(
        learning_rate=2e-3,
        schedule="one_cycle",
        batch=4,
        outputs=96,
        min_epochs=8,
        max_epochs=8,
        epoch_steps=100,
        clip_norm=1.0,
        donning_deg=4.0,
    ),
}


# What the paper tells of its training (section II C, figure 2), None where it is silent.
PAPER: dict[str, Any] = {
    "learning_rate": 5e-5,
    "schedule": "constant",
    "dropout": 0.15,
    "batch": None,
    "outputs": None,
    "min_epochs": 75,
    "max_epochs": 150,
    "patience": 20,
    "epoch_steps": None,
    "time_limit_s": None,
    "clip_norm": None,
    "legs": None,
    "donning_deg": None,
    "sensor_dropout": None,
    "init": "",
    "way": "offline",
    "paper_literal": True,
    "stopped when": "the validation loss increased for so many consecutive epochs",
    "scored rows": None,
    "loss in": None,
}
# Choices that no key of the recipe changes.
_FIXED = {
    "stopped when": "the validation loss was no better than the best for so many epochs",
    "scored rows": "every eighth",
    "loss in": "SDs of the outcome",
}
# Of what the paper is silent about: what would be nothing to tell.
_NOTHING = (None, 0.0)


class Compared(NamedTuple):
    """A recipe beside the paper's. differs: {key: {"paper": ..., "here": ...}}; ours: what the paper does not tell."""

    differs: dict[str, dict[str, Any]]
    ours: dict[str, Any]


def beside_paper(config: TrainConfig) -> Compared:
    """What of `config` is not as in the paper, and what was chosen where the paper is silent."""
    here = {**asdict(config), **_FIXED}
    differs = {
        key: {"paper": told, "here": here[key]}
        for key, told in PAPER.items()
        if told is not None and told != here[key]
    }
    ours = {key: here[key] for key, told in PAPER.items() if told is None and here[key] not in _NOTHING}
    return Compared(differs, ours)


def learning_rate(config: TrainConfig, progress: float) -> float:
    """The rate at `progress` (0 to 1) of the whole run."""
    if config.schedule == "constant":
        return config.learning_rate
    warm_up = 0.05
    if progress < warm_up:
        return config.learning_rate * (0.1 + 0.9 * progress / warm_up)
    done = min(1.0, (progress - warm_up) / (1.0 - warm_up))
    return config.learning_rate * (0.01 + 0.99 * 0.5 * (1.0 + float(np.cos(np.pi * done))))


def seed_of(*parts: int | str) -> int:
    """A seed below 2**64 that depends on each of `parts` alone: the same on every machine, for every grouping."""
    numbers = [zlib.crc32(part.encode()) if isinstance(part, str) else part for part in parts]
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0])
