"""Engines that compute a tick of the network; each is imported only when the config asks for it."""

from __future__ import annotations

from typing import get_args

from jetson_runtime.inference.bundle import Bundle
from jetson_runtime.inference.engines.base import Engine, EngineOptions
from jetson_runtime.suit.config import EngineName
from jetson_runtime.suit.errors import BundleError

AUTO = "auto"
# What the config takes beside `auto`; `create` must know each.
NAMES: tuple[str, ...] = tuple(name for name in get_args(EngineName) if name != AUTO)


def create(name: str, bundle: Bundle, batch: int, options: EngineOptions | None = None) -> Engine:
    """The engine `name` for `batch` legs (1 or 2), reset and ready; BundleError: unknown, or not usable here."""
    options = options or EngineOptions()
    if name == AUTO:
        from jetson_runtime.inference.engines import choice

        return choice.fastest(bundle, batch, options)
    if name == "native":
        from jetson_runtime.inference.engines.native_engine import NativeEngine

        return NativeEngine(bundle, batch, options.precision)
    if name == "numpy":
        from jetson_runtime.inference.engines.numpy_engine import NumpyEngine

        return NumpyEngine(bundle, batch)
    if name == "onnxruntime":
        from jetson_runtime.inference.engines.onnx_engine import OnnxEngine

        return OnnxEngine(bundle, batch, options)
    if name == "tensorrt":
        from jetson_runtime.inference.engines.tensorrt_engine import TensorRtEngine

        return TensorRtEngine(bundle, batch, options)
    raise BundleError(f"engine {name!r}: is not one of {', '.join((AUTO, *NAMES))}; change [model] engine")
