"""Training: one network for each outcome, each with its own optimiser and its own best moment.

A run is a folder: `config.json`, `statistics.npz`, and for each outcome `<outcome>.pt` (where it stands and its best
weights so far) and `<outcome>.csv` (its curve). Started again, a run goes on where it stood, and without a time limit
it then ends with the same weights as if it had never stopped: batches depend on seed and step alone.
"""

from __future__ import annotations

import json
import multiprocessing
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from jetson_runtime.suit import signals
from models import dataset, tcn
from models.dataset import Recording, Segments
from models.folds import Split, refuse_reserved

CONFIG = "config.json"
STATISTICS = "statistics.npz"


@dataclass(frozen=True)
class TrainConfig:
    """The paper's recipe by default.

    schedule: `constant`, or `one_cycle` (warm-up to `learning_rate`, cosine down to a hundredth of it at the end).
    outputs: scored rows of a segment, eight rows apart. epoch_steps: batches in an epoch; None: all rows once.
    time_limit_s: an epoch that would begin later is not begun, and the one-cycle ends there. clip_norm: None is off.
    donning_deg: by how much each sensor is turned anew for each segment (one SD about each axis).
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
    donning_deg: float = 0.0
    seed: int = 0


class OutcomeRun:
    """The training of one outcome: network, optimiser, curve, best weights."""

    def __init__(self, folder: Path, outcome: str, config: TrainConfig) -> None:
        self.outcome, self.config = outcome, config
        self.column = signals.OUTCOME_NAMES.index(outcome)
        self._seed = (config.seed * 100 + self.column) * 10_000_000
        torch.manual_seed(self._seed)
        self.network = tcn.Tcn(config.dropout)
        self._optimiser = torch.optim.Adam(self.network.parameters(), lr=config.learning_rate)
        self._path, self._curve = folder / f"{outcome}.pt", folder / f"{outcome}.csv"
        self.epoch, self.elapsed_s, self.best_epoch, self.best_loss = 0, 0.0, 0, float("inf")
        self._best = self._weights()
        self._normalise(folder)
        if self._path.exists():
            self._resume()

    @property
    def finished(self) -> bool:
        """All epochs done, or no better for `patience` of them after the least number."""
        config = self.config
        stalled = self.epoch >= config.min_epochs and self.epoch - self.best_epoch >= config.patience
        return self.epoch >= config.max_epochs or stalled

    def learn(self, rows: Tensor, outcomes: Tensor, step: int, progress: float) -> float:
        """Step `step` of the run, on rows (b, length, 54) and outcomes (b, m, 8); returns the loss.

        `progress`: 0 to 1 of the run. Dropout depends on seed, outcome and step alone.
        """
        self.network.train()
        torch.manual_seed(self._seed + step)
        for group in self._optimiser.param_groups:
            group["lr"] = learning_rate(self.config, progress)
        loss = self._loss(rows, outcomes)
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        if self.config.clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.config.clip_norm)
        self._optimiser.step()
        return float(loss.detach())

    def validate(self, segments: Segments) -> float:
        """The mean squared error on every stretch of `segments`, in variances of the outcome."""
        self.network.eval()
        total, count = 0.0, 0
        with torch.no_grad():
            for rows, outcomes in segments.all(self.config.batch):
                known = int(np.isfinite(outcomes[:, :, self.column]).sum())
                if known:
                    total += known * float(self._loss(torch.from_numpy(rows), torch.from_numpy(outcomes)))
                    count += known
        return total / max(count, 1)

    def end_epoch(self, train_loss: float, validation_loss: float, elapsed_s: float) -> None:
        """Writes the curve and the checkpoint; keeps the weights if they are the best so far."""
        self.epoch, self.elapsed_s = self.epoch + 1, elapsed_s
        if validation_loss < self.best_loss:
            self.best_epoch, self.best_loss, self._best = self.epoch, validation_loss, self._weights()
        new = not self._curve.exists()
        with self._curve.open("a", encoding="utf-8") as curve:
            if new:
                curve.write("epoch,elapsed_s,train_loss,validation_loss\n")
            curve.write(f"{self.epoch},{elapsed_s:.0f},{train_loss:.5f},{validation_loss:.5f}\n")
        state = {
            "weights": self._weights(),
            "best": self._best,
            "optimiser": self._optimiser.state_dict(),
            "epoch": self.epoch,
            "elapsed_s": self.elapsed_s,
            "best_epoch": self.best_epoch,
            "best_loss": self.best_loss,
        }
        fresh = self._path.with_suffix(".new")
        torch.save(state, fresh)
        fresh.replace(self._path)

    def _loss(self, rows: Tensor, outcomes: Tensor) -> Tensor:
        wanted = (outcomes[:, :, self.column] - self.network.output_mean) / self.network.output_sd
        known = torch.isfinite(wanted)
        error = torch.where(known, self.network.sparse(rows) - torch.nan_to_num(wanted), 0.0)
        return error.square().sum() / known.sum().clamp(min=1)

    def _weights(self) -> dict[str, Tensor]:
        return {key: value.clone() for key, value in self.network.state_dict().items()}

    def _normalise(self, folder: Path) -> None:
        with np.load(folder / STATISTICS) as table:
            mean, sd = float(table["outcome_mean"][self.column]), float(table["outcome_sd"][self.column])
            self.network.set_normalisation(table["input_mean"], table["input_sd"], mean, sd)

    def _resume(self) -> None:
        state = torch.load(self._path, weights_only=True)
        self.network.load_state_dict(state["weights"])
        self._optimiser.load_state_dict(state["optimiser"])
        self._best = state["best"]
        self.epoch, self.elapsed_s = state["epoch"], state["elapsed_s"]
        self.best_epoch, self.best_loss = state["best_epoch"], state["best_loss"]


def train(
    folder: Path,
    recordings: Sequence[Recording],
    split: Split,
    config: TrainConfig,
    *,
    processes: int = 1,
    say: Callable[[str], None] = print,
) -> None:
    """Trains all eight outcomes in run `folder`, spread over `processes` of one thread each; resumes a begun run.

    Raises ValueError as `open_run` does.
    """
    open_run(folder, recordings, split, config)
    chosen = [[r for r in recordings if r.subject in names] for names in (split.train, split.validation)]
    shares = [signals.OUTCOME_NAMES[i::processes] for i in range(processes)]
    workers = [
        multiprocessing.get_context("fork").Process(
            target=train_outcomes, args=(folder, chosen[0], chosen[1], config, share, say)
        )
        for share in shares[1:]
    ]
    for worker in workers:
        worker.start()
    train_outcomes(folder, chosen[0], chosen[1], config, shares[0], say)
    for worker in workers:
        worker.join()
        if worker.exitcode:
            raise RuntimeError(f"a training process ended with status {worker.exitcode}; run again to resume")


def train_outcomes(
    folder: Path,
    training: Sequence[Recording],
    validation: Sequence[Recording],
    config: TrainConfig,
    outcomes: Sequence[str],
    say: Callable[[str], None],
) -> None:
    """Trains `outcomes` side by side on the same batches, in one thread."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    runs = [OutcomeRun(folder, outcome, config) for outcome in outcomes]
    train_on, validate_on = Segments(training, config.outputs), Segments(validation, config.outputs)
    steps = config.epoch_steps or max(
        1, train_on.rows_in_all // (tcn.SPARSE_STRIDE * config.outputs * config.batch)
    )
    started_s = time.monotonic() - max(run.elapsed_s for run in runs)
    while unfinished := [run for run in runs if not run.finished]:
        behind = min(run.epoch for run in unfinished)
        active = [run for run in unfinished if run.epoch == behind]
        elapsed_s = time.monotonic() - started_s
        if config.time_limit_s is not None and elapsed_s >= config.time_limit_s:
            return
        losses = _epoch(active, train_on, steps, config, started_s)
        for run, loss in zip(active, losses, strict=True):
            run.end_epoch(loss, run.validate(validate_on), time.monotonic() - started_s)
            say(
                f"{run.elapsed_s:6.0f} s  epoch {run.epoch:3d}  {run.outcome:24s} train {loss:.4f}"
                f"  validation best {run.best_loss:.4f} (epoch {run.best_epoch})"
            )


def open_run(folder: Path, recordings: Sequence[Recording], split: Split, config: TrainConfig) -> None:
    """Makes or checks the run folder.

    Raises ValueError where it holds a run of another config or split, or a wearer kept for evaluation would train.
    """
    refuse_reserved(split)
    folder.mkdir(parents=True, exist_ok=True)
    content: dict[str, Any] = json.loads(json.dumps({"config": asdict(config), "split": asdict(split)}))
    path = folder / CONFIG
    if path.exists() and json.loads(path.read_text(encoding="utf-8")) != content:
        raise ValueError(f"{folder}: holds a run of another recipe or split; choose another folder")
    training = [r for r in recordings if r.subject in split.train]
    input_mean, input_sd = dataset.input_statistics(training)
    outcome_mean, outcome_sd = dataset.outcome_statistics(training)
    np.savez(
        folder / STATISTICS,
        input_mean=input_mean,
        input_sd=input_sd,
        outcome_mean=outcome_mean,
        outcome_sd=outcome_sd,
    )
    path.write_text(json.dumps(content, indent=1), encoding="utf-8")


def learning_rate(config: TrainConfig, progress: float) -> float:
    """The rate at `progress` (0 to 1) of the whole run."""
    if config.schedule == "constant":
        return config.learning_rate
    warm_up = 0.05
    if progress < warm_up:
        return config.learning_rate * (0.1 + 0.9 * progress / warm_up)
    done = min(1.0, (progress - warm_up) / (1.0 - warm_up))
    return config.learning_rate * (0.01 + 0.99 * 0.5 * (1.0 + float(np.cos(np.pi * done))))


def best_networks(folder: Path) -> tcn.TcnSet:
    """The best weights so far of all eight outcomes; raises FileNotFoundError before the first epoch of each."""
    networks = tcn.TcnSet()
    for outcome, network in zip(signals.OUTCOME_NAMES, networks.members(), strict=True):
        network.load_state_dict(torch.load(folder / f"{outcome}.pt", weights_only=True)["best"])
    return networks.eval()


def read_config(folder: Path) -> tuple[TrainConfig, Split]:
    """The recipe and the split of a run."""
    content = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    split = {role: tuple(names) for role, names in content["split"].items()}
    return TrainConfig(**content["config"]), Split(**split)


def _epoch(
    runs: Sequence[OutcomeRun], segments: Segments, steps: int, config: TrainConfig, started_s: float
) -> list[float]:
    losses = np.zeros(len(runs))
    first = runs[0].epoch * steps
    for step in range(first, first + steps):
        rows, outcomes = segments.draw_donned(
            np.random.default_rng([config.seed, step]), config.batch, config.donning_deg
        )
        progress = _progress(step / (config.max_epochs * steps), time.monotonic() - started_s, config)
        batch = torch.from_numpy(rows), torch.from_numpy(outcomes)
        losses += [run.learn(*batch, step, progress) for run in runs]
    return [float(loss) / steps for loss in losses]


def _progress(of_steps: float, elapsed_s: float, config: TrainConfig) -> float:
    return of_steps if config.time_limit_s is None else max(of_steps, elapsed_s / config.time_limit_s)
