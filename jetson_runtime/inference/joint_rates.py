"""`velocity` of a frame: how fast each joint turns in the sagittal plane, from the gyroscopes of its two segments.

    velocity = sign * (gyro_z of the distal segment - gyro_z of the proximal one) * 180 / pi

in deg/s, with the segments and signs of `segment_angles.JOINTS`, so that it is the derivative of the OpenSim coordinate
of that name as long as both z axes are the joint's own (a knee's, of a leg that does not turn inwards). It needs no
model, no tare and no history; a gyroscope's constant error (bias) stays in it.
"""

from __future__ import annotations

import numpy as np

from jetson_runtime.inference.segment_angles import JOINTS
from jetson_runtime.inference.tare import Floats
from jetson_runtime.suit.signals import CHANNEL_INDEX, published_outcomes


class JointRates:
    """Of the legs that are computed; the arrays are made once."""

    def __init__(self, sides: tuple[str, ...]) -> None:
        by_name = {joint.angle: joint for joint in JOINTS}
        told = [item.name for item in published_outcomes(sides) if item.outcome.kind == "angle"]
        joints = [by_name[name] for name in told]
        self._distal = np.array([CHANNEL_INDEX[f"{joint.distal}_gyro_z"] for joint in joints], np.intp)
        self._proximal = np.array([CHANNEL_INDEX[f"{joint.proximal}_gyro_z"] for joint in joints], np.intp)
        self._scale = np.degrees([joint.sign for joint in joints])
        self._rate = np.empty(len(joints))
        self._other = np.empty(len(joints))

    def of(self, row: Floats) -> tuple[float, ...]:
        """Of a row (54,), in the order of the frame's angles; NaN where one of a joint's two sensors is missing."""
        row.take(self._distal, None, self._rate, "clip")
        row.take(self._proximal, None, self._other, "clip")
        np.subtract(self._rate, self._other, out=self._rate)
        np.multiply(self._rate, self._scale, out=self._rate)
        return tuple(self._rate.tolist())
