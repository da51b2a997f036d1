"""Networks that were trained elsewhere: PyTorch checkpoints in the layout of locuslab's TCN, as our `Tcn`.

Read are the keys of github.com/locuslab/TCN (`network.N.conv1.weight_g`, `weight_v`, `bias`, conv2, `downsample`), of
newer PyTorch (`parametrizations.weight.original0`, `original1`) or with the norm folded (`weight`), under any prefix,
with the head as `linear`, `decoder`, `head`, `fc` or `output`; as a state_dict, or a dict that holds one. Molinaro et
al. (2024, doi:10.1038/s41586-024-08157-7) keep `center` and `scale` of the inputs with the weights: (x - center) /
scale. Dilations are no weights: 1, 2, 4, ... as in both sources. Nothing in a file is run.
"""

from __future__ import annotations

import pickle
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from jetson_runtime.suit import signals
from jetson_runtime.suit.errors import SuitError
from models.errors import first_line
from models.network import tcn
from models.network.tcn import DILATIONS, FILTERS, KERNEL, Tcn

_LAYER = re.compile(
    r"(?:.*\.)?network\.(?P<level>\d+)\.(?P<layer>conv1|conv2|net\.0|net\.4|downsample)\.(?P<rest>.+)"
)
_HEAD = re.compile(r"(?:.*\.)?(?:linear|decoder|head|fc|output)\.(?P<rest>weight|bias)")
_NORMALISATION = re.compile(r"(?:.*\.)?(?P<name>center|scale)")
# The same module stands in a block twice, by name and in its Sequential.
_SAME = {"net.0": "conv1", "net.4": "conv2"}
_PART = {"conv1": "first", "conv2": "second"}
_PARAMETERS = {
    "weight_g": "g",
    "weight_v": "v",
    "parametrizations.weight.original0": "g",
    "parametrizations.weight.original1": "v",
    "weight": "weight",
    "bias": "bias",
}
# Of a zip archive and of a pickle, torch's newer and older files.
_BEGINNINGS = (b"PK", b"\x80")
_OURS = {"weights", "best", "adam"}
_INSIDE = ("state_dict", "model_state_dict", "model", "net", "weights")


class CheckpointError(SuitError):
    """A checkpoint that is not of this layout or shape, or that cannot be read without running what is in it."""


@dataclass(frozen=True)
class Meaning:
    """What a checkpoint's inputs and outputs are in the suit's terms.

    channels: the suit's channel of each input, in the checkpoint's order. factors: the checkpoint's number for one of
    the suit's, of each input. outcomes: of the head's rows, in their order, with the suit's number for one of theirs.
    """

    channels: tuple[str, ...]
    factors: tuple[float, ...]
    outcomes: Mapping[str, float]


@dataclass(frozen=True)
class Layers:
    """A checkpoint's tensors by our names (`0.conv1.v`, `head.weight`); center and scale, one for each input."""

    path: Path
    tensors: Mapping[str, Tensor]
    center: Tensor
    scale: Tensor

    @property
    def outputs(self) -> int:
        """Rows of the head."""
        return len(self.tensors["head.bias"])


def read(path: Path, inputs: int) -> Layers:
    """The layers of a checkpoint of `inputs` channels.

    Raises CheckpointError that lists all that is not as our network is, FileNotFoundError where there is no file.
    """
    content = _load(path)
    tensors, unknown = _sorted(_state(path, content))
    normal = {name: _vector(content, tensors, name, inputs) for name in ("center", "scale")}
    layers = {name: tensor.double() for name, tensor in tensors.items() if name not in normal}
    wrong = [f"{name}: is no part of this layout" for name in unknown] + _differences(content, layers, inputs)
    for name, vector in normal.items():
        if len(vector) != inputs:
            wrong.append(f"{name}: has {len(vector)} numbers, the inputs are {inputs}")
    if not (torch.isfinite(normal["center"]).all() and (normal["scale"] > 0).all()):
        wrong.append("center and scale: must be finite, the scale above 0")
    wrong += [f"{name}: is not finite" for name, tensor in layers.items() if not torch.isfinite(tensor).all()]
    if wrong:
        shown = [*wrong[:12], *([f"and {len(wrong) - 12} more"] if len(wrong) > 12 else [])]
        raise CheckpointError(
            "\n".join([f"{path}: is not a network of our shape", *(f"  {w}" for w in shown)])
        )
    return Layers(path, layers, normal["center"], normal["scale"])


def networks(layers: Layers, meaning: Meaning) -> dict[str, Tcn]:
    """outcome -> a network of ours with the same answers from the 249th row on, in the suit's units.

    A head of several rows becomes as many networks with the same blocks. A channel that the checkpoint does not have
    gets weights of zero. Raises CheckpointError where the head has another number of rows than outcomes are named.
    """
    if layers.outputs != len(meaning.outcomes):
        raise CheckpointError(
            f"{layers.path}: the head tells {layers.outputs} outcomes, named are"
            f" {', '.join(meaning.outcomes) or 'none'}; name each in [outcomes] of the map, in the head's order"
        )
    return {
        outcome: _network(layers, meaning, row, factor)
        for row, (outcome, factor) in enumerate(meaning.outcomes.items())
    }


def _network(layers: Layers, meaning: Meaning, row: int, factor: float) -> Tcn:
    at = [signals.MODEL_CHANNEL_NAMES.index(channel) for channel in meaning.channels]
    state: dict[str, Tensor] = {}
    for level in range(len(DILATIONS)):
        for layer, part in _PART.items():
            found = {name: layers.tensors[f"{level}.{layer}.{name}"] for name in ("g", "v", "bias")}
            stem = f"blocks.{level}.{part}"
            state[f"{stem}.parametrizations.weight.original0"] = found["g"].reshape(-1, 1, 1)
            state[f"{stem}.parametrizations.weight.original1"] = (
                _spread(found["v"], at) if (level, layer) == (0, "conv1") else found["v"]
            )
            state[f"{stem}.bias"] = found["bias"]
    state["blocks.0.match.weight"] = _spread(layers.tensors["0.downsample.weight"], at)
    state["blocks.0.match.bias"] = layers.tensors["0.downsample.bias"]
    state["head.weight"] = factor * layers.tensors["head.weight"][row : row + 1]
    state["head.bias"] = factor * layers.tensors["head.bias"][row : row + 1]
    factors = torch.tensor(meaning.factors, dtype=torch.float64)
    mean, sd = torch.zeros(tcn.INPUTS).double(), torch.ones(tcn.INPUTS).double()
    mean[at], sd[at] = layers.center / factors, layers.scale / factors
    state |= {"input_mean": mean, "input_sd": sd}
    state |= {"output_mean": torch.zeros(()), "output_sd": torch.ones(())}
    network = Tcn().double()
    network.load_state_dict(state)
    return network.eval()


def _spread(weight: Tensor, at: Sequence[int]) -> Tensor:
    """A weight (outputs, inputs, kernel) on the suit's channels, zero for those it does not know."""
    wide = weight.new_zeros(weight.shape[0], tcn.INPUTS, weight.shape[2])
    wide[:, list(at)] = weight
    return wide


def _load(path: Path) -> Mapping[str, Any]:
    with path.open("rb") as file:
        if not file.read(2).startswith(_BEGINNINGS):
            raise CheckpointError(f"{path}: is no PyTorch checkpoint; give a file that torch.save wrote")
    try:
        # torch warns of what is refused here in our own words.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise _needs_code(path, error) from None
    except (RuntimeError, EOFError, ValueError, KeyError) as error:
        if "TorchScript" in str(error):
            raise _needs_code(path, error) from None
        raise CheckpointError(f"{path}: is no PyTorch checkpoint ({first_line(error)})") from None
    if not isinstance(content, Mapping):
        raise CheckpointError(f"{path}: holds a {type(content).__name__}, not a dict of tensors")
    if content.keys() >= _OURS:
        raise CheckpointError(
            f"{path}: is of a run of `second-skin-lab train`; make a bundle of that with `export`"
        )
    return content


def _needs_code(path: Path, error: Exception) -> CheckpointError:
    return CheckpointError(
        f"{path}: could only be read by running code that is in it, which may do anything; in the program that made"
        " it, save the weights alone, torch.save(model.state_dict(), ...), and import that file"
        f" ({first_line(error)})"
    )


def _state(path: Path, content: Mapping[str, Any]) -> dict[str, Tensor]:
    """The state_dict itself or the one inside, with center and scale from beside it."""
    inside = next((content[key] for key in _INSIDE if isinstance(content.get(key), Mapping)), content)
    state = {str(key): value for key, value in inside.items() if isinstance(value, Tensor)}
    if not state:
        raise CheckpointError(f"{path}: holds no tensors; its keys are {', '.join(map(str, content))[:200]}")
    return state


def _sorted(state: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Tensors by our names, convolutions as direction and length; and the keys that mean nothing here."""
    found: dict[str, Tensor] = {}
    unknown = []
    for key, tensor in state.items():
        name = _name(key)
        if name is None or (name in found and not torch.equal(found[name], tensor)):
            unknown.append(key)
        else:
            found[name] = tensor
    for name in [name for name in found if re.fullmatch(r"\d+\.conv[12]\.weight", name)]:
        stem, weight = name.removesuffix(".weight"), found.pop(name)
        found |= {f"{stem}.v": weight, f"{stem}.g": weight.double().norm(dim=(1, 2))}
    return found, unknown


def _name(key: str) -> str | None:
    if layer := _LAYER.fullmatch(key):
        which, rest = _SAME.get(layer["layer"], layer["layer"]), _PARAMETERS.get(layer["rest"])
        return f"{layer['level']}.{which}.{rest}" if rest else None
    if head := _HEAD.fullmatch(key):
        return f"head.{head['rest']}"
    normalisation = _NORMALISATION.fullmatch(key)
    return normalisation["name"] if normalisation else None


def _vector(content: Mapping[str, Any], tensors: Mapping[str, Tensor], name: str, inputs: int) -> Tensor:
    """`center` or `scale` from among the weights or beside them, as one number for each input."""
    held = tensors.get(name, content.get(name, 0.0 if name == "center" else 1.0))
    vector = torch.as_tensor(held, dtype=torch.float64).flatten()
    return vector.expand(inputs) if len(vector) == 1 else vector


def _differences(content: Mapping[str, Any], layers: Mapping[str, Tensor], inputs: int) -> list[str]:
    """What is not as in our network, each thing once: levels, kernel, filters, inputs, then missing layers."""
    levels = 1 + max((int(name.split(".")[0]) for name in layers if name[0].isdigit()), default=-1)
    wrong = [] if levels == len(DILATIONS) else [f"levels: {levels}, ours has {len(DILATIONS)}"]
    wrong += _told(content)
    sizes: dict[str, set[tuple[int, int]]] = {"kernel": set(), "filters": set(), "inputs": set()}
    for name, tensor in layers.items():
        if name.endswith(".v") and tensor.ndim == 3:
            outputs, width, kernel = tensor.shape
            sizes["kernel"].add((kernel, KERNEL))
            sizes["filters"].add((outputs, FILTERS))
            sizes["inputs" if name == "0.conv1.v" else "filters"].add(
                (width, inputs if name == "0.conv1.v" else FILTERS)
            )
    for what, pairs in sizes.items():
        wrong += [
            f"{what}: {theirs}, {_whose(what)} {ours}" for theirs, ours in sorted(pairs) if theirs != ours
        ]
    if wrong:
        return wrong
    wanted = _shapes(inputs)
    wrong += [f"{name}: is missing" for name in wanted if name not in layers]
    wrong += [f"{name}: is no part of our network" for name in layers if name not in wanted]
    return wrong + [
        f"{name}: has the shape {tuple(layers[name].shape)}, ours {shape}"
        for name, shape in wanted.items()
        if name in layers and not _fits(tuple(layers[name].shape), shape)
    ]


def _whose(what: str) -> str:
    return "the map names" if what == "inputs" else "ours has"


def _told(content: Mapping[str, Any]) -> list[str]:
    """What the file says of itself that no weight shows."""
    facts = {"activation": "ReLU", "norm": "weight_norm", "eff_hist": tcn.HISTORY}
    return [
        f"{key}: {content[key]}, ours {ours}"
        for key, ours in facts.items()
        if isinstance(content.get(key), str | int) and content[key] != ours
    ]


def _shapes(inputs: int) -> dict[str, tuple[int, ...]]:
    """The shape of each tensor; -1: any number, a length of weight norm in any arrangement."""
    shapes: dict[str, tuple[int, ...]] = {}
    for level in range(len(DILATIONS)):
        for layer in _PART:
            width = inputs if (level, layer) == (0, "conv1") else FILTERS
            shapes[f"{level}.{layer}.g"] = (FILTERS,)
            shapes[f"{level}.{layer}.v"] = (FILTERS, width, KERNEL)
            shapes[f"{level}.{layer}.bias"] = (FILTERS,)
    shapes |= {"0.downsample.weight": (FILTERS, inputs, 1), "0.downsample.bias": (FILTERS,)}
    return {**shapes, "head.weight": (-1, FILTERS), "head.bias": (-1,)}


def _fits(found: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    if len(wanted) == 1 and len(found) == 3:
        return found == (*wanted, 1, 1)
    return len(found) == len(wanted) and all(w in (-1, f) for f, w in zip(found, wanted, strict=True))
