"""A model bundle: the one thing that crosses from training to the device.

A folder of `manifest.json`, `weights.bin` (the weights of all engines, stored once, float32 little endian),
`stream.onnx`, `stream_fp16.onnx` and `window.onnx` (graphs that refer to it), `golden.npz` (input and output for a
self-test) and `baselines.npz` (what a constant and a ridge regression would answer, for the demo's skill). One that was
calibrated on people holds `confidence.npz` (see confidence.py) too.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from jetson_runtime.inference import confidence, layout
from jetson_runtime.inference.layout import Network, Strict, TensorSpec
from jetson_runtime.suit import signals
from jetson_runtime.suit.errors import BundleError

if TYPE_CHECKING:
    from jetson_runtime.inference.engines.base import Engine

# The model that comes with the program.
SHIPPED = Path(__file__).resolve().parents[2] / "models" / "bundles" / "demo"
FORMAT = 2
MANIFEST = "manifest.json"
WEIGHTS = "weights.bin"
STREAM_GRAPH = "stream.onnx"
STREAM_HALF_GRAPH = "stream_fp16.onnx"
WINDOW_GRAPH = "window.onnx"
GOLDEN = "golden.npz"
BASELINES = "baselines.npz"
GRAPHS = (STREAM_GRAPH, STREAM_HALF_GRAPH, WINDOW_GRAPH)
FILES = (WEIGHTS, *GRAPHS, GOLDEN, BASELINES)
CONFIDENCE = "confidence.npz"
# A bundle may lack these; where its manifest names one, it must be there.
OPTIONAL_FILES = (CONFIDENCE,)
# Far above rounding on any processor, far below what a wrong weight does; in standard deviations of the outcome.
SELF_TEST_TOLERANCE: Mapping[str, float] = {"fp32": 5e-5, "fp16": 5e-3}

_CALIBRATE = "make it anew with `second-skin-lab calibrate`"

Array = npt.NDArray[np.float32]


class Manifest(Strict):
    """What a bundle says of itself. `fill` is given to the network where a channel has no value."""

    format: int
    name: str
    created: str
    channels: tuple[str, ...]
    rate_hz: int
    history: int
    outcomes: tuple[str, ...]
    outcome_sd: tuple[float, ...]
    fill: tuple[float, ...]
    network: Network
    tensors: dict[str, TensorSpec]
    files: dict[str, str]
    card: dict[str, Any]
    sha256: str

    def digest(self) -> str:
        """The hash `sha256` must have: over everything else here, the files' hashes among it."""
        content = self.model_dump(mode="json", exclude={"sha256"})
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Bundle:
    """A bundle whose every file has been checked. `tensors` are read-only views of the mapped weights."""

    path: Path
    manifest: Manifest
    tensors: Mapping[str, Array]

    def self_test(self, engine: Engine) -> float:
        """Plays the golden input through `engine`; returns the worst error in outcome SDs, leaves it reset.

        Raises BundleError where the error is above SELF_TEST_TOLERANCE of the engine's precision.
        """
        limit = SELF_TEST_TOLERANCE[engine.precision]
        rows, expected = (array[:, : engine.batch] for array in self.golden())
        got = np.empty_like(expected)
        engine.reset()
        for i in range(len(rows)):
            engine.step(rows[i], got[i])
        engine.reset()
        worst = float(np.max(np.abs(got - expected) / np.asarray(self.manifest.outcome_sd)))
        if not worst <= limit:
            raise BundleError(
                f"{self.path / GOLDEN}: engine {engine.name} misses the golden outcomes by {worst:.2g} standard"
                f" deviations (limit {limit:g}); choose another engine under [model] engine"
            )
        return worst

    def golden(self) -> tuple[Array, Array]:
        """Rows (ticks, 2, 54) of each channel's own mean and spread, and what the networks answer (ticks, 2, 8)."""
        with np.load(self.path / GOLDEN) as table:
            return table["rows"], table["outcomes"]

    def baselines(self) -> Baselines:
        """The constant and the ridge regression fitted on the same training rows."""
        with np.load(self.path / BASELINES) as table:
            return Baselines(**{key: table[key] for key in ("mean", "lags", "coefficients", "intercept")})

    def confidence(self) -> confidence.Fitted | None:
        """What its intervals and warnings rest on; None where it was not calibrated. BundleError: not for this suit."""
        if CONFIDENCE not in self.manifest.files:
            return None
        path = self.path / CONFIDENCE
        try:
            with np.load(path) as table:
                fitted = confidence.Fitted(
                    **{name: table[name].astype(np.float64) for name in confidence.NAMES}
                )
        except KeyError as error:
            raise BundleError(f"{path}: has no {error}; {_CALIBRATE}") from None
        if wrong := fitted.faults():
            raise BundleError(f"{path}: {'; '.join(wrong)}; {_CALIBRATE}")
        return fitted


@dataclass(frozen=True)
class Baselines:
    """mean (8,); ridge: lags (k,) in ticks, coefficients (k * 54, 8) lag by lag, intercept (8,)."""

    mean: npt.NDArray[np.float64]
    lags: npt.NDArray[np.int64]
    coefficients: npt.NDArray[np.float64]
    intercept: npt.NDArray[np.float64]

    def ridge(self, rows: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """Rows (n, 54) of one unbroken stretch -> (n, 8); the first row stands in for what came before it."""
        count, channels = len(rows), len(signals.CHANNELS)
        answer = np.tile(self.intercept, (count, 1))
        for k, lag in enumerate(self.lags):
            earlier = rows[np.maximum(np.arange(count) - lag, 0)]
            answer += earlier @ self.coefficients[k * channels : (k + 1) * channels]
        return answer


def load(path: Path) -> Bundle:
    """The bundle in folder `path`; raises BundleError that lists all that disagrees: file, key and remedy."""
    manifest = _read_manifest(path / MANIFEST)
    present = (*FILES, *(name for name in OPTIONAL_FILES if name in manifest.files))
    damaged = {
        name: fault for name in present if (fault := _file_fault(path / name, manifest.files.get(name)))
    }
    size = None if WEIGHTS in damaged else (path / WEIGHTS).stat().st_size
    wrong = _manifest_faults(manifest) + layout.faults(manifest.network, manifest.tensors, size)
    tensors = {} if wrong or size is None else _map_tensors(path / WEIGHTS, manifest)
    if tensors and not np.array_equal(tensors["output_sd"], np.asarray(manifest.outcome_sd, np.float32)):
        wrong.append(f"outcome_sd: is not what the tensor output_sd in {WEIGHTS} says")
    told = [f"{path / MANIFEST}: {'; '.join(wrong)}; export a bundle for this suit"] if wrong else []
    if not all(np.isfinite(tensor).all() for tensor in tensors.values()):
        told.append(f"{path / WEIGHTS}: weights are not all finite; train and export again")
    told += damaged.values()
    if told:
        raise BundleError("\n".join(told))
    return Bundle(path, manifest, tensors)


def file_sha256(path: Path) -> str:
    """The hash of a file's bytes as the manifest records it."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _read_manifest(path: Path) -> Manifest:
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise BundleError(
            f"{path}: no such file; a bundle is a folder made by `second-skin-lab export`"
        ) from None
    except (OSError, ValueError) as error:
        raise BundleError(f"{path}: cannot be read ({error}); export the bundle again") from None
    found = content.get("format") if isinstance(content, dict) else None
    if found != FORMAT:
        raise BundleError(
            f"{path}: format: is {found!r}, this program reads {FORMAT}; {_remedy(found, path.parent)}"
        )
    try:
        return Manifest.model_validate_json(json.dumps(content))
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise BundleError(f"{path}: {wrong}; export the bundle again") from None


def _remedy(found: object, folder: Path) -> str:
    if found == 1:
        return f"give it the newer graphs with `second-skin-lab renew {folder}`: the weights stay"
    return "export the bundle again"


def _manifest_faults(manifest: Manifest) -> list[str]:
    """What does not agree with signals.py or with itself."""
    wrong = [
        *_differences("channels", manifest.channels, signals.MODEL_CHANNEL_NAMES),
        *_differences("outcomes", manifest.outcomes, signals.OUTCOME_NAMES),
        *_differences("fill", manifest.fill, signals.CHANNEL_FILL),
    ]
    if manifest.rate_hz != signals.RATE_HZ:
        wrong.append(f"rate_hz: is {manifest.rate_hz}, the suit runs at {signals.RATE_HZ}")
    if manifest.history != (looked_at := layout.history(manifest.network)):
        wrong.append(f"history: is {manifest.history}, the network looks at {looked_at} ticks before its own")
    if len(manifest.outcome_sd) != len(signals.OUTCOMES) or not min(manifest.outcome_sd, default=0.0) > 0.0:
        wrong.append(f"outcome_sd: must be {len(signals.OUTCOMES)} positive numbers")
    if manifest.sha256 != manifest.digest():
        wrong.append("sha256: the manifest was changed after the export")
    return wrong


def _differences(key: str, got: tuple[Any, ...], wanted: tuple[Any, ...]) -> list[str]:
    if len(got) != len(wanted):
        return [f"{key}: has {len(got)} entries, the suit has {len(wanted)}"]
    pairs = enumerate(zip(got, wanted, strict=True))
    return [f"{key}[{i}]: is {g!r}, the suit has {w!r}" for i, (g, w) in pairs if g != w][:3]


def _file_fault(path: Path, wanted: str | None) -> str:
    """What is wrong with the file at `path`, empty where its hash is the wanted one."""
    if wanted is None:
        return f"{path.parent / MANIFEST}: files: has no hash of {path.name}; export the bundle again"
    try:
        found = file_sha256(path)
    except OSError as error:
        return f"{path}: cannot be read ({error.strerror}); copy the bundle again"
    if found != wanted:
        return (
            f"{path}: sha256 is {found[:12]}..., the manifest says {wanted[:12]}...: the file is"
            " damaged; copy the bundle again"
        )
    return ""


def _map_tensors(path: Path, manifest: Manifest) -> dict[str, Array]:
    """Views of the weights, which `layout.faults` found to hold every tensor."""
    content = np.asarray(np.memmap(path, np.uint8, mode="r"))
    end_of = {
        name: spec.offset + layout.FLOAT_BYTES * math.prod(spec.shape)
        for name, spec in manifest.tensors.items()
    }
    return {
        name: content[spec.offset : end_of[name]].view(np.float32).reshape(spec.shape)
        for name, spec in manifest.tensors.items()
    }
