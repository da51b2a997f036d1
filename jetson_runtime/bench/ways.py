"""Which ways to compute a tick `bench engines` measures, and the process each of them is measured in."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

# The module that other libraries' ways live in; it is started, never imported: it may import torch.
PEERS = "models.peers"
_OURS = "jetson_runtime.bench.worker"
FLOORS = {"fp32": "floor_fp32", "fp16": "floor_fp16"}
BOTH = "_both"


class WayToRun(NamedTuple):
    """name as in the JSON; precision: of the weights it reads; needs: packages without which it is not here."""

    name: str
    module: str
    words: tuple[str, ...]
    precision: str = "fp32"
    needs: tuple[str, ...] = ()

    def missing(self) -> str:
        """The first package that is not installed, or ''."""
        return next((package for package in (self.module, *self.needs) if not _there(package)), "")

    def command(self, bundle: Path) -> list[str]:
        return [sys.executable, "-m", self.module, *self.words, "--bundle", str(bundle)]


def one_thread() -> dict[str, str]:
    """The environment of every way: BLAS and OpenMP keep to the thread that calls them."""
    return {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def _there(name: str) -> bool:
    """Whether a module can be found, without importing it (its parents are imported)."""
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def _engine(name: str, engine: str, precision: str = "fp32", needs: tuple[str, ...] = ()) -> list[WayToRun]:
    """An engine of ours for one leg and for both."""
    words = (engine, "--precision", precision)
    return [
        WayToRun(name, _OURS, (*words, "--legs", "1"), precision, needs),
        WayToRun(name + BOTH, _OURS, (*words, "--legs", "2"), precision, needs),
    ]


def _peer(name: str, *needs: str) -> WayToRun:
    return WayToRun(name, PEERS, (name,), needs=needs)


FLOOR_WAYS = tuple(
    WayToRun(name, _OURS, ("floor", "--precision", precision), precision)
    for precision, name in FLOORS.items()
)
WAYS = (
    *_engine("native_fp32", "native"),
    *_engine("native_fp16", "native", "fp16"),
    *_engine("tensorrt_fp32", "tensorrt", needs=("tensorrt",)),
    *_engine("tensorrt_fp16", "tensorrt", "fp16", needs=("tensorrt",)),
    *_engine("onnxruntime", "onnxruntime"),
    *_engine("numpy", "numpy"),
    _peer("openvino", "openvino"),
    _peer("pytorch_tcn", "torch", "pytorch_tcn"),
    _peer("openvino_window", "openvino"),
    _peer("onnxruntime_window", "onnxruntime"),
    _peer("onnxruntime_windows", "onnxruntime", "onnx"),
    _peer("torch_windows", "torch"),
)
# The one that can also tell what float64 gives.
REFERENCE = WAYS[-1]
