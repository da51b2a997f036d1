"""ONNX Runtime on the window: eight plain graphs as an exporter would write them, and the bundle's own fused one."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import onnxruntime

from jetson_runtime.inference.bundle import WINDOW_GRAPH, Bundle

Array = npt.NDArray[np.float32]


class FusedWindow:
    """The bundle's `window.onnx`: all outcomes at once, and of each layer only what the last row needs."""

    batch = 1

    def __init__(self, model: Bundle) -> None:
        self.window = model.manifest.history + 1
        self._session = _session(str(model.path / WINDOW_GRAPH))

    def step(self, rows: Array, out: Array) -> None:
        """rows (1, 249, 54) -> out (1, 8)."""
        out[...] = self._session.run(None, {"rows": rows})[0]


class Windows:
    """Eight sessions one after the other, each with every layer computed at each of the 249 rows."""

    batch = 1

    def __init__(self, model: Bundle) -> None:
        from models.peers.window_graphs import graph_of_outcome

        self.window = model.manifest.history + 1
        self._sessions = [_session(graph_of_outcome(model, g)) for g in range(len(model.manifest.outcomes))]

    def step(self, rows: Array, out: Array) -> None:
        """rows (1, 249, 54) -> out (1, 8)."""
        for i, session in enumerate(self._sessions):
            out[0, i] = session.run(None, {"rows": rows})[0][0, 0, -1]


def _session(graph: str | bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
