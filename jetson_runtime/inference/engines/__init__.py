"""Engines that compute a tick of the network; each is imported only when the config asks for it."""

from __future__ import annotations

from jetson_runtime.inference.bundle import Bundle
from jetson_runtime.inference.engines.base import Engine
from jetson_runtime.suit.errors import BundleError

NAMES = ("onnxruntime", "numpy")


def create(name: str, bundle: Bundle, batch: int) -> Engine:
    """The engine `name` for `batch` legs (1 or 2), reset and ready; raises BundleError for an unknown name."""
    if name == "numpy":
        from jetson_runtime.inference.engines.numpy_engine import NumpyEngine

        return NumpyEngine(bundle, batch)
    if name == "onnxruntime":
        from jetson_runtime.inference.engines.onnx_engine import OnnxEngine

        return OnnxEngine(bundle, batch)
    raise BundleError(f"engine {name!r}: is not one of {', '.join(NAMES)}; change [model] engine")
