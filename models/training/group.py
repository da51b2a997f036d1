"""Some members learning together: one grouped network, one Adam, one loss for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from models.training.batches import FoldBatches
from models.training.grouped import GroupedTcn, Layers
from models.training.member import Member, State
from models.training.recipe import TrainConfig, learning_rate


class Group:
    """Members of the same epoch. A member's numbers do not depend on who else is in the group (but for rounding)."""

    def __init__(self, members: Sequence[Member], config: TrainConfig, device: torch.device) -> None:
        self.members = list(members)
        self._config, self._device = config, device
        self.network = GroupedTcn([m.weights for m in members], device, config.dropout)
        self._columns = torch.tensor([m.column for m in members], device=device)
        self._all = torch.arange(len(members), device=device)
        self._adam = torch.optim.Adam([self.network.parameters], lr=config.learning_rate, fused=True)
        if members[0].adam:
            self._restore()

    def learn(
        self, rows: Mapping[str, Tensor], outcomes: Mapping[str, Tensor], step: int, progress: float
    ) -> Tensor:
        """One step on each fold's rows (b, length, 54) and outcomes (b, m, 8), on the device; the losses (g,).

        `progress`: 0 to 1 of the run.
        """
        folds = [m.fold for m in self.members]
        seeds = [m.seed(step) for m in self.members]
        losses, _ = self.network.losses(
            _of_each(rows, folds),
            self._wanted(outcomes, self.members),
            self.network.layers(training=True),
            self._all,
            seeds,
        )
        self._adam.param_groups[0]["lr"] = learning_rate(self._config, progress)
        self._adam.zero_grad(set_to_none=True)
        losses.sum().backward()  # type: ignore[no-untyped-call]
        self._clip()
        self._adam.step()
        return losses.detach()

    def validate(self, batches: Mapping[str, FoldBatches]) -> list[float]:
        """The mean squared error of each member on its fold's whole validation set, in variances of the outcome."""
        answer = [0.0] * len(self.members)
        with torch.no_grad():
            layers = self.network.layers()
            for fold in dict.fromkeys(m.fold for m in self.members):
                chosen = [i for i, m in enumerate(self.members) if m.fold == fold]
                for i, loss in zip(chosen, self._validate_fold(chosen, batches[fold], layers), strict=True):
                    answer[i] = loss
        return answer

    def state(self, member: int) -> tuple[State, State]:
        """Weights and Adam's moments of one member, on the CPU."""
        adam = self._adam.state[self.network.parameters]
        moments = {key: adam[key][member].cpu().clone() for key in ("exp_avg", "exp_avg_sq")}
        return self.network.state(member), {"step": adam["step"].cpu().clone(), **moments}

    def _validate_fold(self, chosen: list[int], batches: FoldBatches, layers: Layers) -> list[float]:
        index = torch.tensor(chosen, device=self._device)
        some = layers.of(index)
        members = [self.members[i] for i in chosen]
        fold = members[0].fold
        total = torch.zeros(len(chosen), dtype=torch.float64, device=self._device)
        counts = torch.zeros_like(total)
        for rows, outcomes in batches.validation.all(self._config.batch):
            seen = _of_each({fold: on_device(rows, self._device)}, [fold] * len(chosen))
            wanted = self._wanted({fold: on_device(outcomes, self._device)}, members)
            losses, count = self.network.losses(seen, wanted, some, index)
            total += losses.double() * count
            counts += count
        found: list[float] = (total / counts.clamp(min=1)).tolist()
        return found

    def _wanted(self, outcomes: Mapping[str, Tensor], members: Sequence[Member]) -> Tensor:
        return torch.stack([outcomes[m.fold][..., m.column] for m in members])

    def _clip(self) -> None:
        gradient = self.network.parameters.grad
        if self._config.clip_norm is not None and gradient is not None:
            norm = torch.linalg.vector_norm(gradient, dim=1, keepdim=True)
            gradient.mul_((self._config.clip_norm / (norm + 1e-6)).clamp(max=1.0))

    def _restore(self) -> None:
        stacked = {
            key: torch.stack([m.adam[key] for m in self.members]).to(self._device)
            for key in ("exp_avg", "exp_avg_sq")
        }
        step = self.members[0].adam["step"].to(self._device)
        self._adam.state[self.network.parameters] = {"step": step, **stacked}


def on_device(values: np.ndarray[tuple[int, ...], np.dtype[np.float32]], device: torch.device) -> Tensor:
    """An array of the CPU as a tensor of the device."""
    return torch.from_numpy(values).to(device, non_blocking=True)


def _of_each(rows: Mapping[str, Tensor], folds: Sequence[str]) -> Tensor:
    """Rows (g, b, length, 54): those of each member's fold; a view where all are of one fold."""
    if len(set(folds)) == 1:
        return rows[folds[0]].expand(len(folds), *rows[folds[0]].shape)
    return torch.stack([rows[fold] for fold in folds])
