"""A bundle's weights -> networks that can be trained on: what export.py folds and stacks, taken apart again."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from jetson_runtime.inference.bundle import Bundle
from jetson_runtime.suit import signals
from jetson_runtime.suit.errors import BundleError
from models import tcn
from models.tcn import DILATIONS, FILTERS, KERNEL


def networks(bundle: Bundle) -> tcn.TcnSet:
    """The eight networks, in evaluation mode: each filter's direction is its folded weight, its length that one's norm.

    Raises BundleError where the bundle's network has another shape than ours.
    """
    shape = bundle.manifest.network
    if (shape.kernel, shape.dilations, shape.filters) != (KERNEL, DILATIONS, FILTERS):
        raise BundleError(
            f"{bundle.path}: its network has kernel {shape.kernel}, dilations {shape.dilations}, {shape.filters}"
            f" filters; ours {KERNEL}, {DILATIONS}, {FILTERS}"
        )
    made = tcn.TcnSet()
    tensors = {name: torch.from_numpy(np.array(values)) for name, values in bundle.tensors.items()}
    for i, network in enumerate(made.members()):
        network.load_state_dict(_state(tensors, i))
    assert list(made) == list(signals.OUTCOME_NAMES)
    return made.eval()


def _state(tensors: Mapping[str, Tensor], member: int) -> dict[str, Tensor]:
    """A member's `Tcn.state_dict()`."""
    part = {name: tensor if name.startswith("input") else tensor[member] for name, tensor in tensors.items()}
    state = {
        "input_mean": part["input_mean"],
        "input_sd": 1.0 / part["input_scale"],
        "output_mean": part["output_mean"],
        "output_sd": part["output_sd"],
        "blocks.0.match.weight": part["match.weight"].T[:, :, None],
        "blocks.0.match.bias": part["match.bias"][0],
        "head.weight": part["head.weight"].T,
        "head.bias": part["head.bias"][0],
    }
    for b in range(len(DILATIONS)):
        for name in ("first", "second"):
            weight = part[f"block{b}.{name}.weight"]
            unfolded = weight.reshape(KERNEL, -1, FILTERS).permute(2, 1, 0)
            stem = f"blocks.{b}.{name}"
            state[f"{stem}.parametrizations.weight.original0"] = (
                unfolded.double().norm(dim=(1, 2), keepdim=True).float()
            )
            state[f"{stem}.parametrizations.weight.original1"] = unfolded
            state[f"{stem}.bias"] = part[f"block{b}.{name}.bias"][0]
    return state
