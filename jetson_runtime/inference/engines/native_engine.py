"""The compiled kernel of `native/`: one thread, no allocation in a tick, other Python threads run meanwhile.

A tick is 2.5 million multiply-adds and 10 MB of weights, more than a core's own cache holds: it takes as long as
reading the weights takes. Everything here follows from that.

- All eight networks are one stream of weights, packed at the start in the order in which a tick reads them: layer by
  layer, in it panel by panel (80 output columns, or 48 and 32 where two legs share the registers), in it row by row.
  A panel's sums stay in registers from the first row to the last.
- Both legs are computed from one reading of the weights.
- What is not read costs nothing: more than half of what ReLU gives is exactly 0, so a history keeps of each column
  only what is not, and the rows of weights that would meet a 0 are passed over. The result is the same number.
- Stored as float16 the weights are half as many bytes; the arithmetic is float32 all the same. The 1x1 convolution of
  the input stays float32: it is 1 % of the bytes, and what it rounds off every later block hands on (measured on the
  shipped network's trial: worst error 1.2e-4 of the outcome's SD instead of 3.4e-4).
- The memory is asked for in huge pages.

The instruction set is chosen when the engine is made: AVX-512, AVX2 or plain SSE2 on x86, NEON on aarch64.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from jetson_runtime.inference import layout
from jetson_runtime.inference.bundle import WEIGHTS, Bundle
from jetson_runtime.suit.config import Precision
from jetson_runtime.suit.errors import BundleError

try:
    from jetson_runtime.inference.engines import _native
except ImportError as error:
    raise BundleError(
        f'engine "native": its compiled module is not here ({error}); install a C++ compiler (g++) and the package'
        ' anew, or choose engine = "auto" under [model]'
    ) from error

Array = npt.NDArray[np.float32]
Weights = npt.NDArray[np.float16] | npt.NDArray[np.float32]

# What this processor can run, the fastest first.
VARIANTS: tuple[str, ...] = _native.VARIANTS


class NativeEngine:
    """Computes one tick in compiled code; raises BundleError where a weight is beyond what float16 can hold."""

    name = "native"

    def __init__(
        self,
        bundle: Bundle,
        batch: int,
        precision: Precision = "fp32",
        variant: str = VARIANTS[0],
    ) -> None:
        network, tensors = bundle.manifest.network, bundle.tensors
        self.batch = batch
        self.precision: Precision = precision
        self.variant = variant

        def stored(name: str) -> Weights:
            weight = tensors[f"{name}.weight"]
            return _halved(weight, name, bundle) if precision == "fp16" else weight

        self._tcn = _native.Tcn(
            variant=variant,
            legs=batch,
            half=precision == "fp16",
            kernel=network.kernel,
            input_mean=tensors["input_mean"],
            input_scale=tensors["input_scale"],
            match=(tensors["match.weight"], tensors["match.bias"]),
            convolutions=[
                (stored(name), tensors[f"{name}.bias"], dilation)
                for name, _, dilation in layout.convolutions(network)
            ],
            head=(tensors["head.weight"], tensors["head.bias"]),
            output_mean=tensors["output_mean"],
            output_sd=tensors["output_sd"],
        )

    def step(self, rows: Array, out: Array) -> None:
        """rows (batch, 54) -> out (batch, 8); both float32 and contiguous, else TypeError."""
        self._tcn.step(rows, out)

    def reset(self) -> None:
        """Forgets the history."""
        self._tcn.reset()

    def read_once(self) -> None:
        """Reads the packed weights once, as fast as this processor can: the floor of a tick that skips nothing."""
        self._tcn.read_once()


def _halved(weight: Array, name: str, bundle: Bundle) -> npt.NDArray[np.float16]:
    limit = float(np.finfo(np.float16).max)
    largest = float(np.abs(weight).max())
    if largest > limit:
        raise BundleError(
            f"{bundle.path / WEIGHTS}: tensors.{name}.weight reaches {largest:.3g}, float16 ends at {limit:g};"
            ' choose precision = "fp32" under [model]'
        )
    return weight.astype(np.float16)
