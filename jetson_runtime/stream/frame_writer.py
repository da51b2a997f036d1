"""From the pipeline's frame to the bytes of a `frame` message: the publisher's way, and a replay's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from jetson_runtime.inference.divergence import FRAMES, Divergence
from jetson_runtime.stream.frame_encoder import FrameEncoder

if TYPE_CHECKING:
    from jetson_runtime.inference.frame import Frame
    from jetson_runtime.inference.live_angles import LiveAngles

# What the bytes of a frame depend on of those before it: so many.
MEMORY_FRAMES = FRAMES


class FrameWriter:
    """`write` takes each frame that is sent, in order. angles: makes `angle_imu`; None leaves it empty."""

    def __init__(self, session: str, sides: tuple[str, ...], angles: LiveAngles | None = None) -> None:
        self.angles = angles
        self.diverging: tuple[str, ...] = ()
        self._encoder = FrameEncoder(session, sides)
        self._divergence = Divergence()

    @property
    def non_finite(self) -> int:
        """Frames that claimed to be valid with a NaN or infinite value, and were written as not valid."""
        return self._encoder.non_finite

    def write(self, frame: Frame, publish_ns: int) -> bytes:
        """The payload."""
        imu: Mapping[str, float] = self.angles.of(frame) if self.angles is not None else {}
        self.diverging = self._divergence.update(self._encoder.angles(frame), imu)
        return self._encoder.encode(frame, publish_ns, imu, self.diverging)
