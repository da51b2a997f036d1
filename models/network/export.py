"""Trained networks -> a bundle folder. The same networks give the same bytes."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from jetson_runtime.inference import bundle
from jetson_runtime.inference.bundle import Baselines, Manifest
from jetson_runtime.inference.layout import Network, TensorSpec
from jetson_runtime.suit import signals
from models.files import refuse_taken, whole_folder
from models.network import graphs, tcn

ALIGNMENT = 64
GOLDEN_TICKS = 320
GOLDEN_LEGS = 2

Array = npt.NDArray[np.float32]


def export(
    folder: Path,
    networks: tcn.TcnSet,
    baselines: Baselines,
    *,
    name: str,
    created: str,
    card: Mapping[str, Any],
) -> Manifest:
    """Writes the bundle of `networks` into `folder` (made if absent) and returns its manifest.

    `created` is an ISO date, `card` says how the networks were trained and what their errors are. Raises ValueError
    where the eight networks do not share their input normalisation: the fused graph has only one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    exact = copy.deepcopy(networks).double().eval()
    specs = _write_weights(folder / bundle.WEIGHTS, fused_tensors(exact))
    network = Network(kernel=tcn.KERNEL, dilations=tcn.DILATIONS, filters=tcn.FILTERS)
    write_graphs(folder, network, specs)
    rows, outcomes = _golden(exact)
    np.savez(folder / bundle.GOLDEN, rows=rows, outcomes=outcomes)
    np.savez(
        folder / bundle.BASELINES,
        mean=baselines.mean,
        lags=baselines.lags,
        coefficients=baselines.coefficients,
        intercept=baselines.intercept,
    )
    return sign(folder, _manifest(exact, network, specs, name=name, created=created, card=card))


@contextmanager
def whole(out: Path) -> Iterator[Path]:
    """A new folder to write a bundle into, which takes the place of `out` once the block has ended without an error.

    Raises ValueError where `out` is no bundle and not empty either: what else stands there is not replaced.
    """
    with whole_folder(out, bundle.MANIFEST) as fresh:
        yield fresh
        bundle.load(fresh)


def date_of(files: Iterable[Path]) -> str:
    """When the last of `files`, of which a bundle is made, was written: the same files give the same bundle."""
    last = max(file.stat().st_mtime for file in files)
    return datetime.fromtimestamp(last, timezone.utc).isoformat(timespec="seconds")


def refuse_other_folder(out: Path) -> None:
    """As `whole` does, for who works long before there is a bundle to write."""
    refuse_taken(out, bundle.MANIFEST)


def write_graphs(folder: Path, network: Network, specs: Mapping[str, TensorSpec]) -> None:
    """The ONNX graphs of a bundle, over the weights that `specs` finds in its weights.bin."""
    for file, graph in (
        (bundle.STREAM_GRAPH, graphs.stream_graph(network, specs)),
        (bundle.STREAM_HALF_GRAPH, graphs.stream_graph(network, specs, half=True)),
        (bundle.WINDOW_GRAPH, graphs.window_graph(network, specs)),
    ):
        (folder / file).write_bytes(graph.SerializeToString(deterministic=True))


def sign(folder: Path, manifest: Manifest) -> Manifest:
    """Writes `manifest` with the format and the hashes of the files that are in `folder`, and returns it."""
    optional = [file for file in bundle.OPTIONAL_FILES if (folder / file).exists()]
    files = {file: bundle.file_sha256(folder / file) for file in (*bundle.FILES, *optional)}
    unsigned = manifest.model_copy(update={"format": bundle.FORMAT, "files": files})
    signed = unsigned.model_copy(update={"sha256": unsigned.digest()})
    text = json.dumps(signed.model_dump(mode="json"), indent=1)
    (folder / bundle.MANIFEST).write_text(text + "\n", encoding="utf-8")
    return signed


def fused_tensors(networks: tcn.TcnSet) -> dict[str, Array]:
    """The weights of all networks stacked on a first axis of eight, as factors of `x @ weight`; weight norm folded.

    A convolution's weight is (8, 5 * inputs, outputs), its rows ordered oldest column first.
    """
    members = networks.members()
    first = members[0]
    for other in members[1:]:
        same = [torch.equal(first.input_mean, other.input_mean), torch.equal(first.input_sd, other.input_sd)]
        if not all(same):
            raise ValueError("the networks of one bundle must share their input normalisation")
    tensors = {"input_mean": first.input_mean, "input_scale": 1.0 / first.input_sd}
    tensors["match.weight"] = _stack([_factor(m.block(0).convolution("match")) for m in members])
    tensors["match.bias"] = _stack([_bias(m.block(0).convolution("match")) for m in members])
    for b in range(len(tcn.DILATIONS)):
        for part in ("first", "second"):
            layers = [m.block(b).convolution(part) for m in members]
            tensors[f"block{b}.{part}.weight"] = _stack([_factor(layer) for layer in layers])
            tensors[f"block{b}.{part}.bias"] = _stack([_bias(layer) for layer in layers])
    tensors["head.weight"] = _stack([m.head.weight.T for m in members])
    tensors["head.bias"] = _stack([m.head.bias[None] for m in members])
    tensors["output_mean"] = _stack([m.output_mean for m in members])
    tensors["output_sd"] = _stack([m.output_sd for m in members])
    return {name: tensor.detach().to(torch.float32).numpy() for name, tensor in tensors.items()}


def _bias(layer: nn.Conv1d) -> Tensor:
    assert layer.bias is not None
    return layer.bias[None]


def _factor(layer: nn.Conv1d) -> Tensor:
    """A convolution's weight (outputs, inputs, kernel) as (kernel * inputs, outputs)."""
    return layer.weight.permute(2, 1, 0).reshape(-1, layer.out_channels)


def _stack(parts: list[Tensor]) -> Tensor:
    return torch.stack(parts).contiguous()


def _write_weights(path: Path, tensors: Mapping[str, Array]) -> dict[str, TensorSpec]:
    specs, content = {}, bytearray()
    for name, tensor in tensors.items():
        content.extend(bytes(-len(content) % ALIGNMENT))
        specs[name] = TensorSpec(offset=len(content), shape=tensor.shape)
        content.extend(np.ascontiguousarray(tensor, "<f4").tobytes())
    path.write_bytes(content)
    return specs


def _golden(exact: tcn.TcnSet) -> tuple[Array, Array]:
    """Noise of each channel's own mean and spread for two legs, and what the networks answer in float64."""
    first = exact.members()[0]
    noise = np.random.default_rng(0).standard_normal((GOLDEN_TICKS, GOLDEN_LEGS, tcn.INPUTS))
    rows = (first.input_mean.numpy() + first.input_sd.numpy() * noise).astype(np.float32)
    with torch.no_grad():
        outcomes = exact(torch.from_numpy(rows).double().transpose(0, 1)).transpose(0, 1)
    return rows, outcomes.numpy().astype(np.float32)


def _manifest(
    exact: tcn.TcnSet,
    network: Network,
    specs: dict[str, TensorSpec],
    *,
    name: str,
    created: str,
    card: Mapping[str, Any],
) -> Manifest:
    return Manifest(
        format=bundle.FORMAT,
        name=name,
        created=created,
        channels=signals.MODEL_CHANNEL_NAMES,
        rate_hz=signals.RATE_HZ,
        history=tcn.HISTORY,
        outcomes=signals.OUTCOME_NAMES,
        outcome_sd=tuple(float(network.output_sd) for network in exact.members()),
        fill=signals.CHANNEL_FILL,
        network=network,
        tensors=specs,
        files={},
        card=dict(card),
        sha256="",
    )
