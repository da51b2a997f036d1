"""PyTorch: what most would write, and the streaming mode of the package pytorch-tcn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn.utils import parametrize

from jetson_runtime.inference.bundle import Bundle
from models.peers import reference

if TYPE_CHECKING:
    from pytorch_tcn import TCN

Array = npt.NDArray[np.float32]


class Windows:
    """Eight PyTorch models one after the other on the whole window of 249 rows; the last answer counts."""

    batch = 1

    def __init__(self, model: Bundle) -> None:
        torch.set_num_threads(1)
        self.window = model.manifest.history + 1
        self._networks = reference.networks(model).members()

    @torch.inference_mode()
    def step(self, rows: Array, out: Array) -> None:
        """rows (1, 249, 54) -> out (1, 8)."""
        given = torch.from_numpy(rows)
        for i, network in enumerate(self._networks):
            out[0, i] = network(given)[0, -1]


class PytorchTcn:
    """Eight models of pytorch-tcn with its own buffers (`inference=True`), a row at a time."""

    batch = 1
    window = 1

    def __init__(self, model: Bundle) -> None:
        torch.set_num_threads(1)
        self._mean = torch.from_numpy(np.array(model.tensors["input_mean"]))
        self._scale = torch.from_numpy(np.array(model.tensors["input_scale"]))
        self._networks = [_network(model, g) for g in range(len(model.manifest.outcomes))]
        self._output = list(zip(model.tensors["output_mean"], model.tensors["output_sd"], strict=True))

    @torch.inference_mode()
    def step(self, rows: Array, out: Array) -> None:
        """rows (1, 54) -> out (1, 8)."""
        column = ((torch.from_numpy(rows) - self._mean) * self._scale)[:, :, None]
        for i, (network, (mean, sd)) in enumerate(zip(self._networks, self._output, strict=True)):
            out[0, i] = mean + sd * float(network(column, inference=True))


def _network(model: Bundle, g: int) -> TCN:
    """Outcome `g` of the bundle; pytorch-tcn's residual block is ours, its output projection our head."""
    from pytorch_tcn import TCN

    shape, tensors = (
        model.manifest.network,
        {n: torch.from_numpy(np.array(t)) for n, t in model.tensors.items()},
    )
    network = TCN(
        num_inputs=len(model.manifest.channels),
        num_channels=[shape.filters] * len(shape.dilations),
        kernel_size=shape.kernel,
        dilations=list(shape.dilations),
        dropout=0.0,
        causal=True,
        use_norm="weight_norm",
        activation="relu",
        output_projection=1,
    )
    for b, block in enumerate(network.network):
        for part, layer in (("first", block.conv1), ("second", block.conv2)):
            parametrize.remove_parametrizations(layer, "weight")
            reference.fill(layer, tensors[f"block{b}.{part}.weight"][g], tensors[f"block{b}.{part}.bias"][g])
    reference.fill(network.network[0].downsample, tensors["match.weight"][g], tensors["match.bias"][g])
    reference.fill(network.projection_out, tensors["head.weight"][g], tensors["head.bias"][g])
    evaluated: nn.Module = network.eval()
    return evaluated
