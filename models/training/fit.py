"""Training the folds of a run: eight outcomes for each, all side by side, resumed where they stood.

On a GPU all members of all folds are one grouped network in this process. On a CPU each member is a group of its own,
which keeps its numbers in the core's cache, and the members are dealt out to processes of one thread each. Without a
time limit a run that was killed ends with the same weights as one that was not: batches, masks and first weights
depend on seed, fold, outcome and step alone.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from jetson_runtime.suit import signals
from models.data.dataset import Recording
from models.data.folds import Split
from models.network import tcn
from models.training import initial, opening, runs, workers
from models.training.batches import FoldBatches
from models.training.group import Group, on_device
from models.training.member import Member, random_network
from models.training.recipe import TrainConfig

DEVICES = ("auto", "cpu", "cuda")


@dataclass(frozen=True)
class EpochEnd:
    """One member's epoch: losses in variances of the outcome. `ended`: its last one. `elapsed_s`: of its fold."""

    fold: str
    outcome: str
    epoch: int
    train_loss: float
    validation_loss: float
    best_epoch: int
    best_loss: float
    elapsed_s: float
    ended: bool

    def __str__(self) -> str:
        return (
            f"{self.elapsed_s:6.0f} s  {self.fold}  epoch {self.epoch:3d}  {self.outcome:24s}"
            f" train {self.train_loss:.4f}  validation {self.validation_loss:.4f}"
            f"  best {self.best_loss:.4f} (epoch {self.best_epoch})"
        )


def train_folds(
    run_folder: Path,
    recordings: Sequence[Recording],
    splits: Mapping[str, Split],
    config: TrainConfig,
    *,
    say: Callable[[str], None],
    device: str = "auto",
    processes: int = 1,
    watch: Callable[[EpochEnd], None] | None = None,
    outcomes: Sequence[str] = signals.OUTCOME_NAMES,
) -> None:
    """Trains `outcomes` of each fold of `splits` in `run_folder`; goes on with a run that was stopped.

    `say` gets a line for each epoch of a member, `watch` the same as values; `processes` are of one thread each and
    count on a CPU only. Raises ValueError and RunError as `opening.open_run` does, RunError where another training is
    at work on one of the folds or the disk is full, ValueError where a loss is not finite.
    """
    chosen = device_of(device)
    opening.open_run(run_folder, recordings, splits, config, outcomes)
    tell = _told(say, watch)
    with workers.locked([run_folder / fold for fold in splits]):
        members = [m for fold in splits for m in _members(run_folder / fold, config, outcomes)]
        open_members = [m for m in members if not m.finished]
        batches = {
            fold: FoldBatches(fold, recordings, splits[fold], config)
            for fold in {m.fold for m in open_members}
        }

        def train_share(share: Sequence[Member], report: Callable[[EpochEnd], None]) -> None:
            train_members(share, batches, config, chosen, report)

        count = 1 if chosen.type == "cuda" else min(processes, len(open_members))
        workers.spread(train_share, open_members, count, tell)


def device_of(name: str) -> torch.device:
    """`auto`: a GPU where there is one. Raises ValueError where the one asked for is not there."""
    if name not in DEVICES:
        raise ValueError(f"device {name!r}: one of {', '.join(DEVICES)} wanted")
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError("device cuda: torch finds no GPU here; use --device cpu")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


def train_members(
    members: Sequence[Member],
    batches: Mapping[str, FoldBatches],
    config: TrainConfig,
    device: torch.device,
    report: Callable[[EpochEnd], None],
    largest: int | None = None,
) -> None:
    """Trains `members` to their end, in this process; groups hold `largest` members (None: one on a CPU, else all).

    Folds with the same number of batches in an epoch train together on a GPU; on a CPU they come one after another.
    """
    size = largest or (1 if device.type == "cpu" else max(1, len(members)))
    for fold_names in _together(batches, device):
        some = [m for m in members if m.fold in fold_names]
        if some:
            train_together(some, batches, config, device, report, size)


def train_together(
    members: Sequence[Member],
    batches: Mapping[str, FoldBatches],
    config: TrainConfig,
    device: torch.device,
    report: Callable[[EpochEnd], None],
    size: int,
) -> None:
    started_s = time.monotonic() - max(m.elapsed_s for m in members)
    groups: list[Group] = []
    while unfinished := [m for m in members if not m.finished]:
        behind = min(m.epoch for m in unfinished)
        active = [m for m in unfinished if m.epoch == behind]
        if [m for group in groups for m in group.members] != active:
            groups = [Group(active[i : i + size], config, device) for i in range(0, len(active), size)]
        losses = _epoch(groups, batches, config, device, started_s)
        for group, of_group in zip(groups, losses, strict=True):
            validation = group.validate(batches)
            for i, member in enumerate(group.members):
                _refuse_not_finite(member, of_group[i], validation[i])
                member.end_epoch(*group.state(i), of_group[i], validation[i], time.monotonic() - started_s)
                report(_end(member))


def _epoch(
    groups: Sequence[Group],
    batches: Mapping[str, FoldBatches],
    config: TrainConfig,
    device: torch.device,
    started_s: float,
) -> list[list[float]]:
    """One epoch of all groups on the same batches; each member's mean loss."""
    folds = list(dict.fromkeys(m.fold for group in groups for m in group.members))
    steps = batches[folds[0]].steps
    first = groups[0].members[0].epoch * steps
    totals = [torch.zeros(len(group.members), dtype=torch.float64, device=device) for group in groups]
    for step in range(first, first + steps):
        progress = _progress(step / (config.max_epochs * steps), time.monotonic() - started_s, config)
        drawn = {fold: batches[fold].draw(step) for fold in folds}
        rows = {fold: on_device(pair[0], device) for fold, pair in drawn.items()}
        outcomes = {fold: on_device(pair[1], device) for fold, pair in drawn.items()}
        for group, total in zip(groups, totals, strict=True):
            total.add_(group.learn(rows, outcomes, step, progress))
    return [(total / steps).tolist() for total in totals]


def _members(fold_folder: Path, config: TrainConfig, outcomes: Sequence[str]) -> list[Member]:
    start = _given(fold_folder, Path(config.init)) if config.init else _random(fold_folder, config)
    return [
        Member(fold_folder, outcome, config, network)
        for outcome, network in zip(signals.OUTCOME_NAMES, start.members(), strict=True)
        if outcome in outcomes
    ]


def _given(fold_folder: Path, source: Path) -> tcn.TcnSet:
    start = initial.networks(source, fold_folder)
    sha256, people = initial.weights_hash(source, fold_folder), initial.trained_on(source, fold_folder)
    opening.same_start(fold_folder, source, sha256, people)
    return start


def _random(fold_folder: Path, config: TrainConfig) -> tcn.TcnSet:
    statistics = runs.read_statistics(fold_folder)
    start = tcn.TcnSet(config.dropout)
    for outcome in signals.OUTCOME_NAMES:
        start[outcome] = random_network(fold_folder.name, outcome, config, statistics)
    return start


def _together(batches: Mapping[str, FoldBatches], device: torch.device) -> list[list[str]]:
    if device.type == "cpu":
        return [[fold] for fold in batches]
    by_steps: dict[int, list[str]] = {}
    for fold, of_fold in batches.items():
        by_steps.setdefault(of_fold.steps, []).append(fold)
    return list(by_steps.values())


def _refuse_not_finite(member: Member, train_loss: float, validation_loss: float) -> None:
    if not (math.isfinite(train_loss) and math.isfinite(validation_loss)):
        raise ValueError(
            f"fold {member.fold}, {member.outcome}: the loss of epoch {member.epoch + 1} is not finite;"
            " lower --learning-rate or set --clip-norm, in another run folder"
        )


def _progress(of_steps: float, elapsed_s: float, config: TrainConfig) -> float:
    return of_steps if config.time_limit_s is None else max(of_steps, elapsed_s / config.time_limit_s)


def _end(member: Member) -> EpochEnd:
    elapsed_s, train_loss, validation_loss = member.curve[-1]
    return EpochEnd(
        member.fold,
        member.outcome,
        member.epoch,
        train_loss,
        validation_loss,
        member.best_epoch,
        member.best_loss,
        elapsed_s,
        member.finished,
    )


def _told(say: Callable[[str], None], watch: Callable[[EpochEnd], None] | None) -> Callable[[EpochEnd], None]:
    def tell(end: EpochEnd) -> None:
        say(str(end))
        if watch is not None:
            watch(end)

    return tell
