"""A bundle of networks that were trained elsewhere (checkpoint.py), some outcomes perhaps from another bundle.

What the inputs and outputs of a checkpoint are is told by a map in TOML; without one its inputs are the suit's 54
channels in the suit's order and units, and the file is called like its one outcome, or given as OUTCOME=FILE.

    channels = ["foot_ipsi_gyro_x", ...]   # of its inputs, in its order
    [factors]                              # its number for one of the suit's, by quantity or by channel
    gyro = 57.29577951308232               # it takes degrees, the suit gives radians
    [outcomes]                             # of its head's rows, in their order: the suit's number for one of its
    hip_flexion_moment = 1.0
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from torch import Tensor

from jetson_runtime.inference import bundle, engines
from jetson_runtime.inference.bundle import Baselines, Manifest
from jetson_runtime.suit import signals
from models.data import dataset
from models.evaluation import baselines
from models.network import checkpoint, export, tcn
from models.network.checkpoint import CheckpointError, Meaning
from models.network.tcn import Tcn
from models.training import initial

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_QUANTITIES = tuple(dict.fromkeys(channel.quantity for channel in signals.CHANNELS))
_QUANTITY_OF = {
    name: channel.quantity
    for name, channel in zip(signals.MODEL_CHANNEL_NAMES, signals.CHANNELS, strict=True)
}
_NOISE_ROWS = tcn.HISTORY + 512


class _Map(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    channels: tuple[str, ...] = signals.MODEL_CHANNEL_NAMES
    factors: dict[str, float] = {}
    outcomes: dict[str, float] = {}


def adopt(
    files: Sequence[str],
    out: Path,
    *,
    map_file: Path | None = None,
    rest: Path | None = None,
    data: Path | None = None,
    name: str = "adopted",
) -> Manifest:
    """Writes the bundle of the checkpoints `files` (FILE or OUTCOME=FILE) to `out`, whole or not at all.

    rest: a bundle for the outcomes that no file tells. data: trials on which the constant and the ridge are fitted;
    without them the bundle says that these are not known. Raises CheckpointError where an outcome stays without a
    network or gets two, and as `checkpoint.read`.
    """
    export.refuse_other_folder(out)
    mapped = _read_map(map_file)
    found: dict[str, Tcn] = {}
    sources: dict[str, dict[str, str]] = {}
    paths = []
    for given in files:
        path, outcomes = _outcomes(given, mapped)
        layers = checkpoint.read(path, len(mapped.channels))
        made = checkpoint.networks(layers, _meaning(mapped, outcomes))
        if twice := sorted(made.keys() & found.keys()):
            raise CheckpointError(f"{path}: {', '.join(twice)}: another file has told it already")
        found |= made
        sources |= {outcome: {"file": path.name, "sha256": _sha256(path)} for outcome in made}
        paths.append(path)
    networks = _completed(found, rest)
    card = {"imported": sources, "rest": str(rest.name) if rest else "", "note": _NOTE}
    fitted = _baselines(data)
    with export.whole(out) as fresh:
        manifest = export.export(fresh, networks, fitted, name=name, created=export.date_of(paths), card=card)
        whole = bundle.load(fresh)
        whole.self_test(engines.create("numpy", whole, len(signals.SIDES)))
    return manifest


_NOTE = "Weights that were trained elsewhere: evaluate them on people of your own before you rely on them."


def rebased(network: Tcn, mean: Tensor, sd: Tensor) -> Tcn:
    """The same answers from the 249th row on with the inputs normalised by `mean` and `sd`, in double precision.

    Of the rows before, the zeros that stand for the past differ: there they mean the new mean.
    """
    state = {name: value.double() for name, value in network.state_dict().items()}
    stretch = (sd.double() / state["input_sd"])[:, None]
    shift = ((mean.double() - state["input_mean"]) / state["input_sd"])[:, None]
    stem = "blocks.0.first.parametrizations.weight"
    direction = state[f"{stem}.original1"]
    weight = direction * (state[f"{stem}.original0"] / direction.norm(dim=(1, 2), keepdim=True))
    state["blocks.0.first.bias"] += (weight * shift).sum(dim=(1, 2))
    state["blocks.0.match.bias"] += (state["blocks.0.match.weight"] * shift).sum(dim=(1, 2))
    state[f"{stem}.original1"] = weight * stretch
    state[f"{stem}.original0"] = (weight * stretch).norm(dim=(1, 2), keepdim=True)
    state["blocks.0.match.weight"] = state["blocks.0.match.weight"] * stretch
    state |= {"input_mean": mean.double(), "input_sd": sd.double()}
    made = Tcn().double()
    made.load_state_dict(state)
    return made.eval()


def _completed(found: dict[str, Tcn], rest: Path | None) -> tcn.TcnSet:
    """All eight with one normalisation: that of `rest`, else of the first file."""
    others = dict(zip(signals.OUTCOME_NAMES, _of_bundle(rest).members(), strict=True)) if rest else {}
    missing = [outcome for outcome in signals.OUTCOME_NAMES if outcome not in {**others, **found}]
    if missing:
        raise CheckpointError(
            f"no file tells {', '.join(missing)}; a bundle tells all eight: give those files too, or --rest BUNDLE to"
            " take them from there"
        )
    first = next(iter((others or found).values()))
    mean, sd = first.input_mean, first.input_sd
    networks = tcn.TcnSet().double()
    for outcome, network in zip(signals.OUTCOME_NAMES, networks.members(), strict=True):
        theirs = found.get(outcome)
        member = _with_spread(rebased(theirs, mean, sd)) if theirs is not None else others[outcome]
        network.load_state_dict(member.state_dict())
    return networks.float().eval()


def _with_spread(network: Tcn) -> Tcn:
    """The same answers, told in the mean and spread that they have on noise like the inputs."""
    noise = np.random.default_rng(0).standard_normal((1, _NOISE_ROWS, tcn.INPUTS))
    with torch.no_grad():
        rows = network.input_mean + network.input_sd * torch.from_numpy(noise)
        said = network(rows)[0, tcn.HISTORY :]
        mean, sd = said.mean(), said.std()
        if sd > 0:
            network.head.weight /= sd
            network.head.bias.copy_((network.head.bias - mean) / sd)
            network.output_mean.copy_(mean)
            network.output_sd.copy_(sd)
    return network


def _of_bundle(folder: Path) -> tcn.TcnSet:
    return initial.of_bundle(bundle.load(folder))


def _read_map(path: Path | None) -> _Map:
    if path is None:
        return _Map()
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        mapped = _Map.model_validate_json(json.dumps(table))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{path}: is not valid TOML: {error}") from None
    except ValidationError as error:
        told = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise CheckpointError(f"{path}: {told}") from None
    if wrong := _map_defects(mapped):
        raise CheckpointError("\n".join([f"{path}: {len(wrong)} mistakes", *(f"  {line}" for line in wrong)]))
    return mapped


def _map_defects(mapped: _Map) -> list[str]:
    known = {*signals.MODEL_CHANNEL_NAMES}
    wrong = [
        f"channels: {name!r} is none of the suit's, which are called like {signals.MODEL_CHANNEL_NAMES[12]}"
        for name in mapped.channels
        if name not in known
    ]
    wrong += [
        f"channels: {name} stands there twice" for name in known if list(mapped.channels).count(name) > 1
    ]
    wrong += [
        f"factors.{key}: is neither a quantity ({', '.join(_QUANTITIES)}) nor a channel"
        for key in mapped.factors
        if key not in {*_QUANTITIES, *known}
    ]
    wrong += [
        f"factors.{key}: must not be 0"
        for key, factor in {**mapped.factors, **mapped.outcomes}.items()
        if not factor
    ]
    return wrong + [
        f"outcomes.{name}: is none of {', '.join(signals.OUTCOME_NAMES)}"
        for name in mapped.outcomes
        if name not in signals.OUTCOME_NAMES
    ]


def _meaning(mapped: _Map, outcomes: Mapping[str, float]) -> Meaning:
    factors = tuple(
        mapped.factors.get(name, mapped.factors.get(_QUANTITY_OF[name], 1.0)) for name in mapped.channels
    )
    return Meaning(mapped.channels, factors, outcomes)


def _outcomes(given: str, mapped: _Map) -> tuple[Path, Mapping[str, float]]:
    """The file, and which outcomes it tells with their factors."""
    outcome, equals, path = given.partition("=")
    if equals and outcome in signals.OUTCOME_NAMES:
        return Path(path), {outcome: mapped.outcomes.get(outcome, 1.0)}
    file = Path(given)
    if file.stem in signals.OUTCOME_NAMES:
        return file, {file.stem: mapped.outcomes.get(file.stem, 1.0)}
    if mapped.outcomes:
        return file, mapped.outcomes
    raise CheckpointError(
        f"{file}: which outcome does it tell? Give it as OUTCOME={file}, call the file like the outcome, or list"
        f" [outcomes] in a --map; there are {', '.join(signals.OUTCOME_NAMES)}"
    )


def _baselines(data: Path | None) -> Baselines:
    """Fitted on all trials of `data`; not known, and therefore NaN, without."""
    if data is not None:
        recordings = dataset.load(data)
        return baselines.fit(recordings, recordings)
    inputs, outcomes = len(signals.CHANNELS), len(signals.OUTCOMES)
    return Baselines(
        mean=np.full(outcomes, np.nan),
        lags=np.zeros(1, np.int64),
        coefficients=np.full((inputs, outcomes), np.nan),
        intercept=np.full(outcomes, np.nan),
    )


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
