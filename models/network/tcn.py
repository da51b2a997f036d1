"""The temporal convolutional network of Bai et al. (2018, arXiv:1803.01271) in the shape the paper trained.

One network tells one outcome. Five residual blocks of two weight-normalised causal convolutions; an output looks at
its own row and the 248 before it. `forward` answers every row, as the suit does while it is worn; `sparse` answers
every eighth row at a third of the cost, which is what training uses.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import weight_norm

from jetson_runtime.suit import signals

KERNEL = 5
DILATIONS = (1, 2, 4, 8, 16)
FILTERS = 80
DROPOUT = 0.15
INPUTS = len(signals.CHANNELS)
HISTORY = 2 * (KERNEL - 1) * sum(DILATIONS)
SPARSE_STRIDE = 8


class Block(nn.Module):
    """Two causal convolutions of one dilation and the residual around them: (b, inputs, t) -> (b, outputs, t)."""

    def __init__(self, inputs: int, outputs: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.dilation = dilation
        self.dropout = dropout
        self.first = weight_norm(nn.Conv1d(inputs, outputs, KERNEL))
        self.second = weight_norm(nn.Conv1d(outputs, outputs, KERNEL))
        self.match = None if inputs == outputs else nn.Conv1d(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Every row, history before the first row taken as zeros."""
        padding = ((KERNEL - 1) * self.dilation, 0)
        hidden = self._activate(self.first, functional.pad(x, padding), 1, self.dilation)
        hidden = self._activate(self.second, functional.pad(hidden, padding), 1, self.dilation)
        return torch.relu(hidden + self._residual(x))

    def decimated(self, x: Tensor, dilation: int, stride: int) -> Tensor:
        """Rows that have their whole history in `x`, every `stride`-th of them."""
        hidden = self._activate(self.first, x, 1, dilation)
        hidden = self._activate(self.second, hidden, stride, dilation)
        lead = 2 * (KERNEL - 1) * dilation
        return torch.relu(hidden + self._residual(x[:, :, lead::stride]))

    def convolution(self, part: str) -> nn.Conv1d:
        """`first`, `second` or, where the widths differ, `match`; its `weight` is the folded one."""
        layer = getattr(self, part)
        assert isinstance(layer, nn.Conv1d)
        return layer

    def _activate(self, layer: nn.Module, x: Tensor, stride: int, dilation: int) -> Tensor:
        assert isinstance(layer, nn.Conv1d)
        hidden = functional.conv1d(x, layer.weight, layer.bias, stride=stride, dilation=dilation)
        return functional.dropout(torch.relu(hidden), self.dropout, self.training)

    def _residual(self, x: Tensor) -> Tensor:
        if self.match is None:
            return x
        matched: Tensor = self.match(x)
        return matched


class Tcn(nn.Module):
    """One outcome from the row of 54 channels; the normalisation of input and output is part of the network."""

    input_mean: Tensor
    input_sd: Tensor
    output_mean: Tensor
    output_sd: Tensor

    def __init__(self, dropout: float = DROPOUT) -> None:
        super().__init__()
        widths = (INPUTS, *([FILTERS] * len(DILATIONS)))
        self.blocks = nn.ModuleList(
            Block(widths[i], widths[i + 1], dilation, dropout) for i, dilation in enumerate(DILATIONS)
        )
        self.head = nn.Linear(FILTERS, 1)
        self.register_buffer("input_mean", torch.zeros(INPUTS))
        self.register_buffer("input_sd", torch.ones(INPUTS))
        self.register_buffer("output_mean", torch.zeros(()))
        self.register_buffer("output_sd", torch.ones(()))

    def set_normalisation(
        self, input_mean: npt.ArrayLike, input_sd: npt.ArrayLike, output_mean: float, output_sd: float
    ) -> None:
        """What one standard deviation of each channel and of the outcome is, in their own units."""
        self.input_mean.copy_(torch.as_tensor(np.array(input_mean)))
        self.input_sd.copy_(torch.as_tensor(np.array(input_sd)))
        self.output_mean.fill_(output_mean)
        self.output_sd.fill_(output_sd)

    def forward(self, rows: Tensor) -> Tensor:
        """Rows (b, t, 54) in SI units -> the outcome (b, t) in its unit; zeros before the first normalised row."""
        x = self._normalise(rows)
        for block in self.blocks:
            x = block(x)
        return self.output_mean + self.output_sd * self._read(x)

    def sparse(self, rows: Tensor) -> Tensor:
        """Rows (b, 249 + 8 (m - 1), 54) -> (b, m): the outcome of rows 248, 256, ... in standard deviations.

        The same numbers as `forward`. An output eight rows apart needs the inner layers only at every second,
        fourth, eighth row, so each dilated convolution becomes a plain one on thinned rows.
        """
        x = self._normalise(rows)
        thinned = 1
        for b, dilation in enumerate(DILATIONS):
            stride = 2 if thinned < SPARSE_STRIDE else 1
            x = self.block(b).decimated(x, dilation // thinned, stride)
            thinned *= stride
        return self._read(x)

    def block(self, index: int) -> Block:
        """Block `index` of the five, from the input on."""
        block = self.blocks[index]
        assert isinstance(block, Block)
        return block

    def _normalise(self, rows: Tensor) -> Tensor:
        return ((rows - self.input_mean) / self.input_sd).transpose(1, 2)

    def _read(self, x: Tensor) -> Tensor:
        answer: Tensor = self.head(x.transpose(1, 2))
        return answer.squeeze(-1)


class TcnSet(nn.ModuleDict):
    """The eight networks of a suit by outcome name: rows (b, t, 54) -> (b, t, 8) in the order of signals.OUTCOMES."""

    def __init__(self, dropout: float = DROPOUT) -> None:
        super().__init__({name: Tcn(dropout) for name in signals.OUTCOME_NAMES})

    def members(self) -> list[Tcn]:
        """The networks in the order of signals.OUTCOMES."""
        return [network for network in self.values() if isinstance(network, Tcn)]

    def forward(self, rows: Tensor) -> Tensor:
        return torch.stack([network(rows) for network in self.members()], dim=-1)
