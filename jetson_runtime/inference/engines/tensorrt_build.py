"""ONNX -> a TensorRT plan, with what the builder does and what the parser refuses in the log.

One code for TensorRT 10.3 (JetPack 6), 10.16 (JetPack 7) and 11: a strongly typed network, whose precision is that of
the graph's own tensors; no builder flag of precision is used but TF32, which is off: it keeps 10 bits of a float32.
"""

from __future__ import annotations

import importlib
import logging
import time
from pathlib import Path
from typing import Any

from jetson_runtime.inference.engines.errors import EngineError
from jetson_runtime.suit.errors import BundleError

WORKSPACE_BYTES = 256 << 20
_log = logging.getLogger("second-skin")


def library() -> Any:
    """The module `tensorrt`; BundleError where it or the libraries it needs are not installed."""
    try:
        return importlib.import_module("tensorrt")
    except (ImportError, OSError) as error:
        raise BundleError(
            f"engine tensorrt: the module tensorrt cannot be imported ({error}); it comes with JetPack"
            ' (python3-libnvinfer) or as tensorrt-cu12; or choose engine = "auto" under [model]'
        ) from None


def make_logger(trt: Any) -> Any:
    """TensorRT's messages in the program's log, its chatter at level DEBUG. Must outlive all that it is given to."""
    levels = {
        trt.ILogger.Severity.INTERNAL_ERROR: logging.ERROR,
        trt.ILogger.Severity.ERROR: logging.ERROR,
        trt.ILogger.Severity.WARNING: logging.WARNING,
    }

    class Logger(trt.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)

        def log(self, severity: Any, msg: str) -> None:
            _log.log(levels.get(severity, logging.DEBUG), "TensorRT: %s", msg)

    return Logger()


def make(kind: Any, logger: Any) -> Any:
    """A Builder or a Runtime; EngineError where TensorRT cannot make one on this GPU and driver."""
    try:
        return kind(logger)
    except TypeError as error:  # What the binding raises for the null pointer that the library answers.
        raise EngineError(
            f"engine tensorrt: no {kind.__name__} can be made here ({error}); see the log above"
        ) from None


def build(trt: Any, logger: Any, graph: Path, batch: int) -> bytes:
    """The plan of `graph` for exactly `batch` legs; takes minutes. BundleError with all that TensorRT refuses."""
    start = time.monotonic()
    _log.info("TensorRT %s builds an engine of %s; minutes, once for this machine", trt.__version__, graph)
    builder = make(trt.Builder, logger)
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, logger)  # Owns the weights: it must live until the engine is built.
    _parse(parser, graph)
    config = builder.create_builder_config()
    config.clear_flag(trt.BuilderFlag.TF32)
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, WORKSPACE_BYTES)
    config.add_optimization_profile(_profile(builder, network, batch))
    monitor = _monitor(trt)
    config.progress_monitor = monitor
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise BundleError(
            f"{graph}: TensorRT {trt.__version__} cannot build it; its reasons are in the log above;"
            ' choose engine = "auto" under [model]'
        )
    content = bytes(plan)
    _log.info("the engine is built: %.0f s, %.1f MB", time.monotonic() - start, len(content) / 1e6)
    return content


def _parse(parser: Any, graph: Path) -> None:
    if parser.parse_from_file(str(graph)):
        return
    errors = [parser.get_error(i) for i in range(parser.num_errors)]
    told = [f"node {e.node()} {e.node_name()} ({e.node_operator()}): {e.desc()}" for e in errors]
    raise BundleError(
        "\n".join(
            [
                f"{graph}: TensorRT's parser refuses it; export the bundle again, or change [model] engine",
                *told,
            ]
        )
    )


def _profile(builder: Any, network: Any, batch: int) -> Any:
    """The graph's open dimension is the number of legs: it is fixed, so that the builder sees a static network."""
    profile = builder.create_optimization_profile()
    for i in range(network.num_inputs):
        tensor = network.get_input(i)
        shape = tuple(batch if size < 0 else size for size in tensor.shape)
        profile.set_shape(tensor.name, shape, shape, shape)
    return profile


def _monitor(trt: Any) -> Any:
    """A line in the log for each phase of the build and at each quarter of it. Called from TensorRT's threads."""

    class Monitor(trt.IProgressMonitor):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)
            self._steps: dict[str, int] = {}

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            self._steps[phase_name] = num_steps
            if not parent_phase:
                _log.info("engine: %s, %d steps", phase_name, num_steps)

        def step_complete(self, phase_name: str, step: int) -> bool:
            steps = self._steps.get(phase_name, 0)
            if steps >= 8 and (step + 1) * 4 // steps > step * 4 // steps:
                _log.info("engine: %s, %d of %d", phase_name, step + 1, steps)
            return True

        def phase_finish(self, phase_name: str) -> None:
            self._steps.pop(phase_name, None)

    return Monitor()
