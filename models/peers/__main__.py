"""`python -m models.peers NAME --bundle B`: one way as a process that `jetson_runtime.bench.worker.serve` obeys."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from jetson_runtime.bench.worker import Way, serve
from jetson_runtime.inference import bundle
from jetson_runtime.inference.bundle import Bundle


def main() -> None:
    """Serves the way NAME until its orders end."""
    parser = argparse.ArgumentParser(prog="python -m models.peers", description=__doc__)
    parser.add_argument("name", choices=tuple(WAYS))
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument(
        "--reference", type=Path, help="first write there what PyTorch answers in float64 (npz)"
    )
    options = parser.parse_args()

    def make() -> Way:
        model = bundle.load(options.bundle)
        if options.reference is not None:
            from models.peers import reference

            reference.write(options.reference, model)
        return WAYS[options.name](model)

    serve(make)


def _torch_windows(model: Bundle) -> Way:
    from models.peers.torch_ways import Windows

    return Windows(model)


def _pytorch_tcn(model: Bundle) -> Way:
    from models.peers.torch_ways import PytorchTcn

    return PytorchTcn(model)


def _onnxruntime_windows(model: Bundle) -> Way:
    from models.peers.onnx_ways import Windows

    return Windows(model)


def _onnxruntime_window(model: Bundle) -> Way:
    from models.peers.onnx_ways import FusedWindow

    return FusedWindow(model)


def _openvino(model: Bundle) -> Way:
    from models.peers.openvino_ways import Stream

    return Stream(model)


def _openvino_window(model: Bundle) -> Way:
    from models.peers.openvino_ways import FusedWindow

    return FusedWindow(model)


WAYS: dict[str, Callable[[Bundle], Way]] = {
    "openvino": _openvino,
    "openvino_window": _openvino_window,
    "onnxruntime_window": _onnxruntime_window,
    "onnxruntime_windows": _onnxruntime_windows,
    "pytorch_tcn": _pytorch_tcn,
    "torch_windows": _torch_windows,
}


if __name__ == "__main__":
    main()
