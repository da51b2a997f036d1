"""`angle_imu` of a frame: joint angles from gravity alone, by the laboratory's formulas, one instant at a time.

Each sensor's own filter says where up is. Its newest sample lies a few milliseconds beside the frame's grid time: up is
turned on by the angular rate of that sample until then.
"""

from __future__ import annotations

import numpy as np

from jetson_runtime.inference.frame import Frame
from jetson_runtime.inference.segment_angles import ANGLE_NAMES, angles_between, sagittal_angle_deg
from jetson_runtime.inference.tare import Floats, up_in_sensor
from jetson_runtime.suit.config import SuitConfig
from jetson_runtime.suit.mounting import MOUNTINGS
from jetson_runtime.suit.signals import STREAM_INDEX, STREAMS, published_outcomes
from jetson_runtime.suit.state import PartTare

# Both kinds of device tell their orientation in north-east-down.
NED_UP = (0.0, 0.0, -1.0)
# Farther than this from the grid time, up is not turned on but unknown.
_REACH_NS = 50_000_000


class LiveAngles:
    """parts: the tare as it was set. Of one thread, once it tells angles."""

    def __init__(self, config: SuitConfig, sides: tuple[str, ...]) -> None:
        """sides: whose angles are told, by their OpenSim names in the order of a frame's own."""
        self._mountings = mountings(config)
        told = [item.name for item in published_outcomes(sides) if item.outcome.kind == "angle"]
        self._told = [(name, ANGLE_NAMES.index(name)) for name in told]
        self._axes: Floats | None = None
        self.parts: dict[str, PartTare] = {}
        self.nothing = dict.fromkeys(told, float("nan"))

    def set_tare(self, parts: dict[str, PartTare]) -> None:
        """What angles count from; those of other parts are not known."""
        self.parts = parts
        if not parts:
            self._axes = None
            return
        axes = np.full((len(STREAMS), 3, 3), np.nan)
        for i, stream in enumerate(STREAMS):
            if stream.part in parts:
                # v_segment = R v_sensor, so axes A in the segment's nominal ones are R' A in the sensor's.
                axes[i] = self._mountings[i].T @ matrix(parts[stream.part].axes)
        self._axes = axes

    def of(self, frame: Frame) -> dict[str, float]:
        """OpenSim's coordinate -> degrees; NaN without a tare, or where one of its two sensors tells no orientation."""
        axes = self._axes
        if axes is None:
            return self.nothing
        angles = angles_between(sagittal_angle_deg(_up(frame), axes)).tolist()
        return {name: angles[i] for name, i in self._told}


def mountings(config: SuitConfig) -> Floats:
    """(8, 3, 3) in the order of STREAMS: v_segment = R v_sensor."""
    table = np.tile(np.eye(3), (len(STREAMS), 1, 1))
    for name, stream in config.streams.items():
        if name in STREAM_INDEX and STREAMS[STREAM_INDEX[name]].kind == "imu":
            table[STREAM_INDEX[name]] = MOUNTINGS[stream.mounting]
    return table


def matrix(values: tuple[float, ...]) -> Floats:
    """(3, 3) from nine numbers, row by row."""
    return np.asarray(values).reshape(3, 3)


def _up(frame: Frame) -> Floats:
    """(8, 3) up at the frame's time in each sensor's axes; NaN where it is not known."""
    quaternions, rates, since_s = _UNKNOWN_TURN.copy(), _UNKNOWN.copy(), np.zeros((len(STREAMS), 1))
    for i, sensed in enumerate(frame.sensed):
        if sensed is None or STREAMS[i].name in frame.missing:
            continue
        sample_ns, sample = sensed
        if sample.quaternion is None or sample.gyro is None or abs(frame.t_ns - sample_ns) > _REACH_NS:
            continue
        quaternions[i], rates[i], since_s[i] = sample.quaternion, sample.gyro, (frame.t_ns - sample_ns) * 1e-9
    up = up_in_sensor(quaternions, NED_UP)
    # A direction that stands still in the world turns against the body: d(up)/dt = up x rate.
    return np.asarray(up + (up[:, _YZX] * rates[:, _ZXY] - up[:, _ZXY] * rates[:, _YZX]) * since_s)


_UNKNOWN_TURN = np.full((len(STREAMS), 4), np.nan)
_UNKNOWN = np.full((len(STREAMS), 3), np.nan)
_YZX, _ZXY = [1, 2, 0], [2, 0, 1]
