"""Many networks of `tcn.Tcn`'s shape as one: weights stacked on a first axis, each member on its own.

The convolutions are batched matrix products over windows of rows, channels last, so that groups of eighty fill a GPU
and groups of one run near a CPU core's peak. All parameters of a member are one row of one matrix: Adam is
elementwise, so one optimiser over that matrix is an optimiser for each member.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from models.network import tcn
from models.network.tcn import DILATIONS, FILTERS, KERNEL, SPARSE_STRIDE, Tcn

_SHAPES = {name: tuple(parameter.shape) for name, parameter in Tcn().named_parameters()}
_SIZES = [int(np.prod(shape)) for shape in _SHAPES.values()]
_BUFFERS = ("input_mean", "input_sd", "output_mean", "output_sd")
# What is dropped is drawn in 16 bits: the probability is met within 1 / 65536.
_LEVELS = 65536


class Layers(NamedTuple):
    """The folded weights of g members: each convolution (g, 5, inputs, 80) and (g, 1, 80), the match, the head."""

    convolutions: tuple[tuple[Tensor, Tensor], ...]
    match: tuple[Tensor, Tensor]
    head: tuple[Tensor, Tensor]

    def of(self, members: Tensor) -> Layers:
        """Those of some members, by index."""
        return Layers(
            tuple((w[members], b[members]) for w, b in self.convolutions),
            (self.match[0][members], self.match[1][members]),
            (self.head[0][members], self.head[1][members]),
        )


class GroupedTcn:
    """Networks given by `Tcn.state_dict()`s; `parameters` (g, p) is the leaf that an optimiser turns."""

    def __init__(
        self, states: Sequence[Mapping[str, Tensor]], device: torch.device, dropout: float = tcn.DROPOUT
    ) -> None:
        stacked = torch.stack([torch.cat([state[name].reshape(-1) for name in _SHAPES]) for state in states])
        self.parameters = stacked.to(device).requires_grad_()
        self.dropout = dropout
        buffers = {name: torch.stack([state[name] for state in states]).to(device) for name in _BUFFERS}
        self.input_mean, self.input_sd = buffers["input_mean"], buffers["input_sd"]
        self.output_mean, self.output_sd = buffers["output_mean"], buffers["output_sd"]

    def __len__(self) -> int:
        return len(self.parameters)

    def state(self, member: int) -> dict[str, Tensor]:
        """The `Tcn.state_dict()` of one member, a copy on the CPU."""
        row = self.parameters.detach()[member].cpu()
        found = {
            name: part.reshape(shape).clone()
            for (name, shape), part in zip(_SHAPES.items(), torch.split(row, _SIZES), strict=True)
        }
        return {**found, **{name: getattr(self, name)[member].cpu().clone() for name in _BUFFERS}}

    def layers(self, training: bool = False) -> Layers:
        """The weights with weight norm folded; in training those of the convolutions make up for what is dropped."""
        scale = 1.0 / (1.0 - self.dropout) if training else 1.0
        parts = dict(zip(_SHAPES, torch.split(self.parameters, _SIZES, dim=1), strict=True))
        part = {name: parts[name].reshape(len(self), *shape) for name, shape in _SHAPES.items()}
        convolutions = tuple(
            _folded(part, f"blocks.{b}.{name}", scale)
            for b in range(len(DILATIONS))
            for name in ("first", "second")
        )
        match = part["blocks.0.match.weight"][..., 0].transpose(1, 2), part["blocks.0.match.bias"][:, None]
        return Layers(convolutions, match, (part["head.weight"].transpose(1, 2), part["head.bias"][:, None]))

    def sparse(
        self, rows: Tensor, layers: Layers, members: Tensor, seeds: Sequence[int] | None = None
    ) -> Tensor:
        """Rows (g, b, 249 + 8 (m - 1), 54) of each of `members` -> (g, b, m) in standard deviations: `Tcn.sparse`.

        seeds: one for each member, from which what is dropped is drawn; None: nothing is.
        """
        mean, sd = self.input_mean[members], self.input_sd[members]
        x = (rows - mean[:, None, None]) / sd[:, None, None]
        plan = _plan(rows.shape[2])
        drop = _Drop(seeds, x, sum(layer.outputs for layer in plan), self.dropout)
        for b in range(len(DILATIONS)):
            hidden = x
            for layer, weights in zip(
                plan[2 * b : 2 * b + 2], layers.convolutions[2 * b : 2 * b + 2], strict=True
            ):
                hidden = _convolve(hidden, *weights, layer, drop)
            inner = plan[2 * b + 1]
            rest = x[:, :, 2 * (KERNEL - 1) * inner.dilation :: inner.stride]
            x = torch.relu(hidden + (_matched(rest, *layers.match) if b == 0 else rest))
        weight, bias = layers.head
        return (x @ weight[:, None] + bias[:, None]).squeeze(-1)

    def losses(
        self,
        rows: Tensor,
        outcomes: Tensor,
        layers: Layers,
        members: Tensor,
        seeds: Sequence[int] | None = None,
    ) -> tuple[Tensor, Tensor]:
        """The mean squared error (g,) where `outcomes` (g, b, m) are known, in variances, and how many are."""
        mean, sd = self.output_mean[members], self.output_sd[members]
        wanted = (outcomes - mean[:, None, None]) / sd[:, None, None]
        known = torch.isfinite(wanted)
        error = torch.where(known, self.sparse(rows, layers, members, seeds) - torch.nan_to_num(wanted), 0.0)
        count = known.sum(dim=(1, 2))
        return error.square().sum(dim=(1, 2)) / count.clamp(min=1), count


class _Layer(NamedTuple):
    outputs: int
    stride: int
    dilation: int


def _plan(rows: int) -> list[_Layer]:
    """How each of the ten convolutions runs on thinned rows (see `Tcn.sparse`)."""
    found, thinned = [], 1
    for dilation in DILATIONS:
        last = 2 if thinned < SPARSE_STRIDE else 1
        for stride in (1, last):
            rows = (rows - (KERNEL - 1) * (dilation // thinned) - 1) // stride + 1
            found.append(_Layer(rows, stride, dilation // thinned))
        thinned *= last
    return found


class _Drop:
    """What dropout keeps: 16 random bits for each hidden number, drawn for all layers at once, member by member."""

    def __init__(self, seeds: Sequence[int] | None, x: Tensor, rows: int, probability: float) -> None:
        self.threshold = round(probability * _LEVELS) - _LEVELS // 2 - 1
        self._used = 0
        self._bits: Tensor | None = None
        if seeds is not None and probability > 0:
            count = x.shape[1] * rows * FILTERS
            self._bits = torch.stack([_random_bits(seed, count, x.device) for seed in seeds])

    def next(self, shape: tuple[int, int, int, int]) -> Tensor | None:
        """Bits (g, b, rows, 80) for the next layer; None: keep all."""
        if self._bits is None:
            return None
        count = shape[1] * shape[2] * shape[3]
        part = self._bits[:, self._used : self._used + count]
        self._used += count
        return part.reshape(shape)


def _random_bits(seed: int, count: int, device: torch.device) -> Tensor:
    """Evenly distributed int16 (count,); a CPU and a GPU have streams of their own."""
    quarter = -(-count // 4)
    if device.type == "cpu":
        raw = np.random.SFC64(seed).random_raw(quarter)
        return torch.from_numpy(raw.view(np.int16))[:count]
    generator = torch.Generator(device).manual_seed(seed % 2**63)
    raw_bits = torch.empty(quarter, dtype=torch.int64, device=device).random_(
        -(2**63), None, generator=generator
    )
    return raw_bits.view(torch.int16)[:count]


def _folded(part: Mapping[str, Tensor], layer: str, scale: float) -> tuple[Tensor, Tensor]:
    """Weight norm: each filter's direction v at length g; scaling weight and bias scales what ReLU lets through."""
    length = part[f"{layer}.parametrizations.weight.original0"]
    direction = part[f"{layer}.parametrizations.weight.original1"]
    weight = direction * (scale * length / direction.norm(dim=(2, 3), keepdim=True))
    return weight.permute(0, 3, 2, 1).contiguous(), scale * part[f"{layer}.bias"][:, None]


def _matched(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return x @ weight[:, None] + bias[:, None]


def _convolve(x: Tensor, weight: Tensor, bias: Tensor, layer: _Layer, drop: _Drop) -> Tensor:
    bits = drop.next((x.shape[0], x.shape[1], layer.outputs, weight.shape[-1]))
    answer: Tensor = _Convolution.apply(x, weight, bias, layer, bits, drop.threshold)  # type: ignore[no-untyped-call]
    return answer


class _Convolution(torch.autograd.Function):
    """x (g, b, t, inputs) -> (g, b, outputs, 80): convolution, ReLU, dropout, without a pass over memory too many.

    A convolution is five matrix products, one for each tap, added up; nothing is copied for them.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, layer: _Layer, bits: Tensor | None, threshold: int
    ) -> Tensor:
        g, b, _, _ = x.shape
        hidden = _for_each(bias, b)
        for k in range(KERNEL):
            seen, tap = _seen(x, k, layer), _for_each(weight[:, k], b)
            hidden = torch.baddbmm(hidden, seen, tap) if k == 0 else hidden.baddbmm_(seen, tap)
        hidden = hidden.relu_().view(g, b, layer.outputs, -1)
        if bits is not None:
            # torch's fastest "this where that is above": ReLU's derivative.
            hidden = torch.ops.aten.threshold_backward(hidden, bits.to(hidden.dtype), threshold)
        ctx.save_for_backward(x, weight, hidden)
        ctx.layer = layer
        return hidden

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, hidden = ctx.saved_tensors
        g, b, _, inputs = x.shape
        inner = torch.ops.aten.threshold_backward(gradient.contiguous(), hidden, 0)
        flat = inner.view(g * b, ctx.layer.outputs, -1)
        taps = [_seen(x, k, ctx.layer).transpose(1, 2) @ flat for k in range(KERNEL)]
        of_weight = torch.stack([tap.view(g, b, inputs, -1).sum(1) for tap in taps], 1)
        of_bias = inner.sum((1, 2))[:, None]
        if not ctx.needs_input_grad[0]:
            return None, of_weight, of_bias, None, None, None
        of_x = x.new_zeros(x.shape)
        for k in range(KERNEL):
            _seen(of_x, k, ctx.layer).baddbmm_(flat, _for_each(weight[:, k].transpose(1, 2), b))
        return of_x, of_weight, of_bias, None, None, None


def _seen(x: Tensor, tap: int, layer: _Layer) -> Tensor:
    """The rows (g * b, outputs, inputs) of x (g, b, t, inputs) that a tap looks at: a view."""
    first = tap * layer.dilation
    reach = layer.stride * (layer.outputs - 1) + 1
    return x.reshape(-1, *x.shape[2:])[:, first : first + reach : layer.stride]


def _for_each(weight: Tensor, segments: int) -> Tensor:
    """(g, ...) -> (g * segments, ...); a view where g is 1."""
    return weight[:, None].expand(-1, segments, *weight.shape[1:]).reshape(-1, *weight.shape[1:])
