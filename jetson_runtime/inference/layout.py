"""A bundle's network: which tensors it has, of what shape; and what is wrong with those a manifest names."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping

from pydantic import BaseModel, ConfigDict, Field, PositiveInt

from jetson_runtime.suit import signals

FLOAT_BYTES = 4


class Strict(BaseModel):
    """A table of the manifest: no key but its own."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class TensorSpec(Strict):
    """Where a tensor lies in weights.bin: byte offset and shape, float32, C order."""

    offset: int
    shape: tuple[int, ...]


class Network(Strict):
    """The shape all eight networks share; block b has two convolutions of dilation `dilations[b]`."""

    kernel: PositiveInt
    dilations: tuple[PositiveInt, ...] = Field(min_length=1)
    filters: PositiveInt


def history(network: Network) -> int:
    """How many ticks before its own an output looks at: each block has two convolutions of its dilation."""
    return 2 * (network.kernel - 1) * sum(network.dilations)


def shapes(
    network: Network, inputs: int = len(signals.CHANNELS), groups: int = len(signals.OUTCOMES)
) -> dict[str, tuple[int, ...]]:
    """The shape of each tensor, by name; the weights of the eight networks are stacked on the first axis."""
    filters = network.filters
    found: dict[str, tuple[int, ...]] = {
        "input_mean": (inputs,),
        "input_scale": (inputs,),
        "match.weight": (groups, inputs, filters),
        "match.bias": (groups, 1, filters),
    }
    for name, width, _ in convolutions(network, inputs):
        found[f"{name}.weight"] = (groups, network.kernel * width, filters)
        found[f"{name}.bias"] = (groups, 1, filters)
    found["head.weight"], found["head.bias"] = (groups, filters, 1), (groups, 1, 1)
    found["output_mean"] = found["output_sd"] = (groups,)
    return found


def convolutions(network: Network, inputs: int = len(signals.CHANNELS)) -> Iterator[tuple[str, int, int]]:
    """Name, number of inputs and dilation of each dilated convolution, from the input on."""
    width = inputs
    for b, dilation in enumerate(network.dilations):
        for part in ("first", "second"):
            yield f"block{b}.{part}", width, dilation
            width = network.filters


def faults(network: Network, tensors: Mapping[str, TensorSpec], size: int | None) -> list[str]:
    """What does not fit the network, or the `size` bytes of weights.bin (None: unknown), each with its key."""
    wanted = shapes(network)
    wrong = [f"tensors.{name}: is missing" for name in wanted if name not in tensors]
    wrong += [f"tensors.{name}: is no part of the network" for name in tensors if name not in wanted]
    for name in wanted.keys() & tensors.keys():
        if tensors[name].shape != wanted[name]:
            wrong.append(f"tensors.{name}: shape is {tensors[name].shape}, the network's is {wanted[name]}")
    return wrong + _misplaced(tensors, size)


def _misplaced(tensors: Mapping[str, TensorSpec], size: int | None) -> list[str]:
    wrong = []
    places = sorted(
        (spec.offset, spec.offset + FLOAT_BYTES * math.prod(spec.shape), name)
        for name, spec in tensors.items()
    )
    for first, end, name in places:
        if first < 0 or first % FLOAT_BYTES or (size is not None and end > size):
            wrong.append(f"tensors.{name}: lies outside weights.bin or between its numbers")
    for (_, end, before), (first, _, name) in itertools.pairwise(places):
        if first < end:
            wrong.append(f"tensors.{before}, tensors.{name}: overlap")
    return wrong
