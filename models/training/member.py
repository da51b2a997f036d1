"""Where the training of one outcome in one fold stands: weights, Adam's moments, best weights, curve."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from jetson_runtime.suit import signals
from models.network import tcn
from models.training import runs
from models.training.recipe import TrainConfig, seed_of

Floats = npt.NDArray[np.float64]
State = dict[str, Tensor]
Curve = list[tuple[float, float, float]]


class Member:
    """One network of a grouped training; resumes from its checkpoint in the fold's folder.

    adam: Adam's `step` (), `exp_avg` (p,) and `exp_avg_sq` (p,); empty before the first step.
    """

    def __init__(
        self, fold_folder: Path, outcome: str, config: TrainConfig, start: tcn.Tcn, *, fresh: bool = False
    ) -> None:
        """`start`: weights and normalisation of the first step; `fresh`: whatever the folder holds."""
        self.fold, self.outcome = fold_folder.name, outcome
        self.column = signals.OUTCOME_NAMES.index(outcome)
        self._folder, self._config = fold_folder, config
        self.weights: State = {name: value.clone() for name, value in start.state_dict().items()}
        self.best, self.adam = self.weights, dict[str, Tensor]()
        self.curve: Curve = []
        self.elapsed_s, self.best_epoch, self.best_loss = 0.0, 0, float("inf")
        if not fresh and (fold_folder / f"{outcome}.pt").exists():
            self._resume()

    @property
    def epoch(self) -> int:
        """How many have ended."""
        return len(self.curve)

    @property
    def finished(self) -> bool:
        """Nothing is left to train (see `runs.has_ended`)."""
        return runs.has_ended(self._config, self.epoch, self.best_epoch, self.elapsed_s)

    def seed(self, step: int) -> int:
        """Of what is dropped in a step: of seed, fold, outcome and step alone."""
        return seed_of(self._config.seed, self.fold, self.column, 1 + step)

    def end_epoch(
        self, weights: State, adam: State, train_loss: float, validation_loss: float, elapsed_s: float
    ) -> None:
        """Takes over the weights, keeps them if they are the best so far, and writes checkpoint and curve."""
        self.weights, self.adam, self.elapsed_s = weights, adam, elapsed_s
        self.curve.append((elapsed_s, train_loss, validation_loss))
        if validation_loss < self.best_loss:
            self.best, self.best_epoch, self.best_loss = weights, self.epoch, validation_loss
        state = {
            "weights": weights,
            "best": self.best,
            "adam": adam,
            "curve": self.curve,
            "epoch": self.epoch,
            "elapsed_s": elapsed_s,
            "best_epoch": self.best_epoch,
            "best_loss": self.best_loss,
        }
        content = io.BytesIO()
        torch.save(state, content)
        runs.write(self._folder / f"{self.outcome}.pt", content.getvalue())
        self._write_curve()

    def _resume(self) -> None:
        state = runs.read_state(self._folder, self.outcome)
        self.weights, self.best, self.adam = state["weights"], state["best"], state["adam"]
        self.curve = [tuple(row) for row in state["curve"]]
        self.elapsed_s, self.best_epoch, self.best_loss = (
            state[key] for key in ("elapsed_s", "best_epoch", "best_loss")
        )
        self._write_curve()

    def _write_curve(self) -> None:
        lines = [
            f"{epoch},{elapsed_s:.3f},{train_loss!r},{validation_loss!r}\n"
            for epoch, (elapsed_s, train_loss, validation_loss) in enumerate(self.curve, 1)
        ]
        text = "epoch,elapsed_s,train_loss,validation_loss\n" + "".join(lines)
        runs.write(self._folder / f"{self.outcome}.csv", text.encode())


def random_network(fold: str, outcome: str, config: TrainConfig, statistics: Mapping[str, Floats]) -> tcn.Tcn:
    """The network a fold's outcome starts from: weights of seed, fold and outcome alone."""
    column = signals.OUTCOME_NAMES.index(outcome)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_of(config.seed, fold, column, 0))
        network = tcn.Tcn(config.dropout)
    network.set_normalisation(
        statistics["input_mean"],
        statistics["input_sd"],
        float(statistics["outcome_mean"][column]),
        float(statistics["outcome_sd"][column]),
    )
    return network
