"""Weights to start from: a bundle's, or the best of another run."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from jetson_runtime.inference import bundle
from models.network import lineage, tcn
from models.training import runs


def networks(source: Path, fold_folder: Path) -> tcn.TcnSet:
    """Weights and normalisation of a bundle, or of the same fold (else the only one) of the run `source`.

    Raises ValueError where these, or what they come from, were trained on a subject that this fold withholds: its test
    would be void.
    """
    _, ours = runs.read_config(fold_folder)
    of_a_bundle = (source / bundle.MANIFEST).exists()
    other = source if of_a_bundle else _fold_of(source, fold_folder)
    if seen := sorted({*ours.test} & trained_on(source, fold_folder)):
        raise ValueError(
            f"{other}: was trained on {', '.join(seen)}, whom {fold_folder} withholds; start from other weights"
        )
    return of_bundle(bundle.load(source)) if of_a_bundle else runs.best_networks(other)


def trained_on(source: Path, fold_folder: Path) -> set[str]:
    """Everybody whom the weights that `networks` takes from `source` have seen, as far as it is told."""
    if (source / bundle.MANIFEST).exists():
        return lineage.trained_on(bundle.load(source).manifest.card)
    return runs.trained_on(_fold_of(source, fold_folder))


def weights_hash(source: Path, fold_folder: Path) -> str:
    """sha256 of what `networks` takes from `source`: of a bundle's file of weights, of a run's best weights."""
    if (source / bundle.MANIFEST).exists():
        return bundle.file_sha256(source / bundle.WEIGHTS)
    digest = hashlib.sha256()
    for name, value in runs.best_networks(_fold_of(source, fold_folder)).state_dict().items():
        digest.update(name.encode())
        digest.update(value.numpy().tobytes())
    return digest.hexdigest()


def of_bundle(loaded: bundle.Bundle) -> tcn.TcnSet:
    """A bundle's networks, weight norm unfolded: each filter's direction is its weight, its length the weight's."""
    tensors = {name: torch.from_numpy(np.array(value)) for name, value in loaded.tensors.items()}
    found = tcn.TcnSet()
    for g, network in enumerate(found.members()):
        network.load_state_dict(_state(tensors, g))
    return found.eval()


def _fold_of(source: Path, fold_folder: Path) -> Path:
    same = source / fold_folder.name
    return same if (same / runs.CONFIG).exists() else runs.only_fold(source)


def _state(tensors: dict[str, Tensor], g: int) -> dict[str, Tensor]:
    state = {
        "input_mean": tensors["input_mean"],
        "input_sd": 1.0 / tensors["input_scale"],
        "output_mean": tensors["output_mean"][g],
        "output_sd": tensors["output_sd"][g],
        "head.weight": tensors["head.weight"][g].T,
        "head.bias": tensors["head.bias"][g, 0],
        "blocks.0.match.weight": tensors["match.weight"][g].T[..., None],
        "blocks.0.match.bias": tensors["match.bias"][g, 0],
    }
    for b in range(len(tcn.DILATIONS)):
        for part in ("first", "second"):
            factor = tensors[f"block{b}.{part}.weight"][g]
            weight = factor.reshape(tcn.KERNEL, -1, tcn.FILTERS).permute(2, 1, 0).contiguous()
            name = f"blocks.{b}.{part}"
            state[f"{name}.bias"] = tensors[f"block{b}.{part}.bias"][g, 0]
            state[f"{name}.parametrizations.weight.original0"] = weight.norm(dim=(1, 2), keepdim=True)
            state[f"{name}.parametrizations.weight.original1"] = weight
    return state
