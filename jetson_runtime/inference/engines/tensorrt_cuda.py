"""The GPU as the TensorRT engine needs it: one stream, fixed addresses, captured ticks. Every call is checked.

`cuda.bindings.runtime` is NVIDIA's own binding of the CUDA runtime; each of its functions answers a tuple whose first
element is the status.
"""

from __future__ import annotations

import ctypes
import importlib
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from jetson_runtime.inference.engines.errors import EngineError
from jetson_runtime.suit.errors import BundleError

DEVICE = 0

Array = npt.NDArray[np.float32]


def runtime() -> Any:
    """`cuda.bindings.runtime`; BundleError where the package is not installed."""
    try:
        return importlib.import_module("cuda.bindings.runtime")
    except ImportError as error:
        raise BundleError(
            f"engine tensorrt: the CUDA bindings cannot be imported ({error}); install cuda-bindings of the machine's"
            ' CUDA version, or choose engine = "auto" under [model]'
        ) from None


class Gpu:
    """The first GPU: a stream, and all memory and graphs that were asked for. EngineError for any failed call."""

    def __init__(self, cuda: Any) -> None:
        self._cuda = cuda
        self._undo: list[tuple[str, Any]] = []

    def open(self) -> None:
        """Takes the GPU for this process; `identity` and `stream` are there from now on."""
        cuda = self._cuda
        self._call("cudaSetDevice", DEVICE)
        about = self._call("cudaGetDeviceProperties", DEVICE)
        name = bytes(about.name).rstrip(b"\0").decode(errors="replace")
        self.identity = f"{name}, {about.multiProcessorCount} SMs, sm_{about.major}{about.minor}"
        self._stream = self._kept(
            "cudaStreamDestroy", self._call("cudaStreamCreateWithFlags", cuda.cudaStreamNonBlocking)
        )

    @property
    def stream(self) -> int:
        """The stream's handle as a number, as TensorRT wants it."""
        return int(self._stream)

    def device_memory(self, size: int) -> int:
        """The address of `size` bytes on the GPU, aligned to 256 bytes; their content is undefined."""
        address: int = self._kept("cudaFree", self._call("cudaMalloc", size))
        return address

    def pinned(self, shape: tuple[int, ...]) -> tuple[Array, int]:
        """A zeroed float32 array of page-locked host memory, and its address."""
        count = math.prod(shape)
        address = self._kept(
            "cudaFreeHost", self._call("cudaHostAlloc", count * 4, self._cuda.cudaHostAllocDefault)
        )
        array = np.ctypeslib.as_array((ctypes.c_float * count).from_address(address)).reshape(shape)
        array[...] = 0.0
        return array, address

    def clear(self, address: int, size: int) -> None:
        """Sets device memory to zero, in the order of the stream."""
        self._call("cudaMemsetAsync", address, 0, size, self._stream)

    def copy_in(self, device: int, host: int, size: int) -> None:
        """Page-locked host memory to the device, in the order of the stream."""
        kind = self._cuda.cudaMemcpyKind.cudaMemcpyHostToDevice
        self._call("cudaMemcpyAsync", device, host, size, kind, self._stream)

    def copy_out(self, host: int, device: int, size: int) -> None:
        """The device to page-locked host memory, in the order of the stream."""
        kind = self._cuda.cudaMemcpyKind.cudaMemcpyDeviceToHost
        self._call("cudaMemcpyAsync", host, device, size, kind, self._stream)

    def captured(self, enqueue: Callable[[], None]) -> Any:
        """What `enqueue` puts on the stream, as a graph on the device that `launch` runs; nothing runs now."""
        mode = self._cuda.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
        self._call("cudaStreamBeginCapture", self._stream, mode)
        enqueue()
        graph = self._call("cudaStreamEndCapture", self._stream)
        executable = self._kept("cudaGraphExecDestroy", self._call("cudaGraphInstantiate", graph, 0))
        self._call("cudaGraphDestroy", graph)
        self._call("cudaGraphUpload", executable, self._stream)
        return executable

    def launch(self, executable: Any) -> None:
        """Puts a captured graph on the stream."""
        self._call("cudaGraphLaunch", executable, self._stream)

    def wait(self) -> None:
        """Returns when all on the stream is done."""
        self._call("cudaStreamSynchronize", self._stream)

    def release(self) -> None:
        """Gives everything back, last first; what a lost GPU answers to that changes nothing."""
        while self._undo:
            name, handle = self._undo.pop()
            getattr(self._cuda, name)(handle)

    def _kept(self, undo: str, handle: Any) -> Any:
        self._undo.append((undo, handle))
        return handle

    def _call(self, name: str, *arguments: Any) -> Any:
        """The call's one result, None where it has none."""
        status, *results = getattr(self._cuda, name)(*arguments)
        if status != self._cuda.cudaError_t.cudaSuccess:
            _, text = self._cuda.cudaGetErrorString(status)
            told = text.decode(errors="replace") if text else "no such error code"
            raise EngineError(f"engine tensorrt: {name} failed: {told} ({status!r})")
        return results[0] if results else None
