"""The very graphs that TensorRT parses, run by ONNX Runtime: the shipped networks from the first tick on.

Where ONNX Runtime has no float16 product the casts in the graph say what is computed: float16 factors, float32 sums.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
import pytest

import models
from jetson_runtime.inference import bundle as bundles
from jetson_runtime.inference import layout
from jetson_runtime.inference.bundle import Bundle
from jetson_runtime.suit import signals
from models.data import dataset
from models.peers import reference
from models.virtual_wearer.subject import Subject
from models.virtual_wearer.wearer import generate

DEMO = Path(models.__file__).parent / "bundles" / "demo"
TICKS = 360
LIMIT = {bundles.STREAM_GRAPH: 5e-6, bundles.STREAM_HALF_GRAPH: 5e-4}
TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16}


@pytest.fixture(scope="module")
def demo() -> Bundle:
    return bundles.load(DEMO)


@pytest.fixture(scope="module")
def legs(demo: Bundle) -> npt.NDArray[np.float32]:
    """A walking wearer; the second half with noise of each channel's own spread: (ticks, 2, 54)."""
    recording = dataset.record("vw-5_W_0", generate(Subject.random(5), "W", TICKS / signals.RATE_HZ, seed=1))
    rows = np.stack([recording.leg(side)[0] for side in signals.SIDES], axis=1)
    half = rows[TICKS // 2 :]
    half += (
        np.random.default_rng(2).standard_normal(half.shape).astype(np.float32) / demo.tensors["input_scale"]
    )
    return rows


def _stream(bundle: Bundle, file: str, rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """What the graph answers tick by tick, the older columns given back to it from a list."""
    session = onnxruntime.InferenceSession(str(bundle.path / file))
    given = [value.name for value in session.get_outputs()]
    past: dict[str, list[Any]] = {}
    for tap in session.get_inputs():
        if tap.name != "rows":
            shape = [rows.shape[1] if size == "batch" else size for size in tap.shape]
            past[tap.name.rpartition(".")[0]] = [np.zeros(shape, TYPES[tap.type])]
    kernel, answers = bundle.manifest.network.kernel, []
    dilations = {name: dilation for name, _, dilation in layout.convolutions(bundle.manifest.network)}
    for name, dilation in dilations.items():
        past[name] *= (kernel - 1) * dilation
    for row in rows:
        taps = {f"{n}.tap{age}": past[n][-age * d] for n, d in dilations.items() for age in range(1, kernel)}
        found = dict(zip(given, session.run(None, {"rows": row, **taps}), strict=True))
        for name in dilations:
            past[name] = [*past[name][1:], found[f"{name}.column"]]
        answers.append(found["outcomes"])
    return np.array(answers)


@pytest.mark.parametrize("file", LIMIT)
@pytest.mark.parametrize("batch", [1, 2])
def test_the_graph_is_the_network(demo: Bundle, legs: npt.NDArray[np.float32], file: str, batch: int) -> None:
    rows = np.ascontiguousarray(legs[:, :batch])
    error = np.abs(_stream(demo, file, rows) - reference.outcomes(demo, rows)) / demo.tensors["output_sd"]
    assert error.shape == (TICKS, batch, 8)
    assert error.max() <= LIMIT[file]
