"""What PyTorch answers in float64 with the weights of a bundle: the truth that engines are compared with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn.utils import parametrize

from jetson_runtime.inference.bundle import GOLDEN, Bundle
from models.network import tcn

_MOVEMENT_TICKS = 300


def write(path: Path, model: Bundle) -> None:
    """rows (n, 2, 54) float32 and outcomes (n, 2, 8) float64: the golden noise, then something like walking."""
    rows = np.concatenate([np.load(model.path / GOLDEN)["rows"], _movement(model)])
    np.savez(path, rows=rows, outcomes=outcomes(model, rows))


def outcomes(model: Bundle, rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """(n, legs, 54) -> (n, legs, 8) by the full-sequence networks, zeros before the first row."""
    with torch.no_grad():
        answer = networks(model).double()(torch.from_numpy(rows).double().transpose(0, 1))
    found: npt.NDArray[np.float64] = answer.transpose(0, 1).numpy()
    return found


def networks(model: Bundle) -> tcn.TcnSet:
    """The bundle's networks as PyTorch modules in float32, without weight norm: `export.fused_tensors` undone."""
    found = tcn.TcnSet().eval()
    tensors = {name: torch.from_numpy(np.array(tensor)) for name, tensor in model.tensors.items()}
    for g, network in enumerate(found.members()):
        for b in range(len(tcn.DILATIONS)):
            for part in ("first", "second"):
                layer = network.block(b).convolution(part)
                parametrize.remove_parametrizations(layer, "weight")
                fill(layer, tensors[f"block{b}.{part}.weight"][g], tensors[f"block{b}.{part}.bias"][g])
        fill(network.block(0).convolution("match"), tensors["match.weight"][g], tensors["match.bias"][g])
        network.head.weight.data.copy_(tensors["head.weight"][g].T)
        network.head.bias.data.copy_(tensors["head.bias"][g, 0])
        network.set_normalisation(
            model.tensors["input_mean"],
            1.0 / model.tensors["input_scale"].astype(np.float64),
            float(tensors["output_mean"][g]),
            float(tensors["output_sd"][g]),
        )
    return found


def fill(layer: nn.Conv1d, factor: torch.Tensor, bias: torch.Tensor) -> None:
    """A bundle's factor (kernel * inputs, outputs) and bias (1, outputs) into a convolution."""
    outputs, inputs, kernel = layer.weight.shape
    layer.weight.data.copy_(factor.reshape(kernel, inputs, outputs).permute(2, 1, 0))
    assert layer.bias is not None
    layer.bias.data.copy_(bias[0])


def _movement(model: Bundle) -> npt.NDArray[np.float32]:
    """(ticks, 2, 54): one rhythm and its harmonics in every channel, within the channel's training spread."""
    random = np.random.default_rng(1)
    mean, sd = model.tensors["input_mean"], 1.0 / model.tensors["input_scale"]
    t = np.arange(_MOVEMENT_TICKS)[:, None, None] / model.manifest.rate_hz
    rows = np.broadcast_to(mean, (_MOVEMENT_TICKS, 2, len(mean))).astype(np.float64)
    for harmonic in range(1, 6):
        phase = random.uniform(0.0, 2.0 * np.pi, (2, len(mean)))
        rows += 1.5 * sd / harmonic * np.sin(2.0 * np.pi * 0.95 * harmonic * t + phase)
    return rows.astype(np.float32)
