"""Orientation of segments and of the sensors on them, as quaternions w, x, y, z that turn body axes into the world's.

Two worlds: the trial's (x forward, y up, z to the right) and the sensors' (north, east, down).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from jetson_runtime.suit.signals import RATE_HZ, STANDARD_GRAVITY

Floats = npt.NDArray[np.float64]

_TILT_GAIN_HZ = 0.5  # of the complementary filter: how fast the accelerometer pulls the estimate upright
_HALF_STEP_S = 0.5 / RATE_HZ
_UP = np.asarray([0.0, 1.0, 0.0])
# Forward is north, up is -down, right is east: a quarter turn back about x.
_WORLD_IN_NED = np.asarray([math.sqrt(0.5), -math.sqrt(0.5), 0.0, 0.0])


def of_sensor(segment: Floats, mounting: Floats, heading: float) -> Floats:
    """(n, 4): the sensor in north-east-down, continuous in sign.

    segment: (n, 4) the segment in the trial's world. mounting: 3 x 3 with v_segment = R v_sensor. heading: the
    yaw that the sensor (which has no magnetometer) takes for north, rad.
    """
    yaw = np.asarray([math.cos(heading / 2), 0.0, 0.0, math.sin(heading / 2)])
    world = multiply(yaw, _WORLD_IN_NED)
    turned = multiply(multiply(world, segment), from_matrix(mounting))
    flips = np.where((turned[1:] * turned[:-1]).sum(axis=1) < 0, -1.0, 1.0)
    turned[1:] *= np.cumprod(flips)[:, None]
    return turned


def of_segment(sensor: Floats, mounting: Floats) -> Floats:
    """(n, 4): the segment in the trial's world, but for its heading, from the sensor in north-east-down; see above."""
    return multiply(multiply(_conjugate(_WORLD_IN_NED), sensor), _conjugate(from_matrix(mounting)))


def estimate(accel: Floats, gyro: Floats) -> Floats:
    """(n, 4): a segment in the trial's world from its specific force (n, 3) and angular rate (n, 3), at 200 Hz.

    A complementary filter: the angular rate is integrated, and the up it implies is pulled towards the measured one
    (Mahony et al. 2008, proportional term alone). Yaw starts at zero.
    """
    w, x, y, z = _upright(accel[0]).tolist()
    track = np.empty((len(accel), 4))
    # Plain floats: small arrays would take ten times as long.
    for i, (force, rate) in enumerate(zip(accel.tolist(), gyro.tolist(), strict=True)):
        track[i] = w, x, y, z
        up = (2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x))
        p, q, r = _pulled_upright(rate, force, up)
        w, x, y, z = (
            w - (x * p + y * q + z * r) * _HALF_STEP_S,
            x + (w * p + y * r - z * q) * _HALF_STEP_S,
            y + (w * q + z * p - x * r) * _HALF_STEP_S,
            z + (w * r + x * q - y * p) * _HALF_STEP_S,
        )
        scale = 1 / math.sqrt(w * w + x * x + y * y + z * z)
        w, x, y, z = w * scale, x * scale, y * scale, z * scale
    return track


def multiply(a: Floats, b: Floats) -> Floats:
    """Hamilton product over the last axis, broadcasting: first turn by b, then by a."""
    aw, ax, ay, az = np.moveaxis(a, -1, 0)
    bw, bx, by, bz = np.moveaxis(b, -1, 0)
    return np.stack(
        [
            aw * bw - ax * bx - ay * by - az * bz,
            aw * bx + ax * bw + ay * bz - az * by,
            aw * by - ax * bz + ay * bw + az * bx,
            aw * bz + ax * by - ay * bx + az * bw,
        ],
        axis=-1,
    )


def from_matrix(rotation: Floats) -> Floats:
    """(4,): the quaternion of a 3 x 3 rotation, as the eigenvector of Bar-Itzhack's matrix (2000)."""
    r = rotation
    k = np.asarray(
        [
            [r[0, 0] + r[1, 1] + r[2, 2], r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1]],
            [r[2, 1] - r[1, 2], r[0, 0] - r[1, 1] - r[2, 2], r[0, 1] + r[1, 0], r[0, 2] + r[2, 0]],
            [r[0, 2] - r[2, 0], r[0, 1] + r[1, 0], r[1, 1] - r[0, 0] - r[2, 2], r[1, 2] + r[2, 1]],
            [r[1, 0] - r[0, 1], r[0, 2] + r[2, 0], r[1, 2] + r[2, 1], r[2, 2] - r[0, 0] - r[1, 1]],
        ]
    )
    vector = np.linalg.eigh(k)[1][:, -1]
    return np.asarray(vector if vector[0] >= 0 else -vector)


def _conjugate(quaternion: Floats) -> Floats:
    return quaternion * [1.0, -1.0, -1.0, -1.0]


def _upright(force: Floats) -> Floats:
    """The shortest turn that brings a measured force onto the world's up."""
    norm = np.linalg.norm(force)
    if norm == 0:
        return np.asarray([1.0, 0.0, 0.0, 0.0])
    up = force / norm
    quaternion = np.concatenate([[1.0 + up @ _UP], np.cross(up, _UP)])
    if quaternion[0] < 1e-9:
        return np.asarray([0.0, 1.0, 0.0, 0.0])
    return np.asarray(quaternion / np.linalg.norm(quaternion))


def _pulled_upright(
    rate: list[float], force: list[float], up: tuple[float, ...]
) -> tuple[float, float, float]:
    """The angular rate, plus one that turns the estimated `up` (in body axes) towards the measured force."""
    norm = math.sqrt(force[0] ** 2 + force[1] ** 2 + force[2] ** 2)
    # A strong movement hides gravity: trust the accelerometer only near 1 g.
    trust = max(0.0, 1.0 - abs(norm / STANDARD_GRAVITY - 1.0) / 0.2)
    gain = trust * _TILT_GAIN_HZ / max(norm, 1e-9)
    return (
        rate[0] + gain * (force[1] * up[2] - force[2] * up[1]),
        rate[1] + gain * (force[2] * up[0] - force[0] * up[2]),
        rate[2] + gain * (force[0] * up[1] - force[1] * up[0]),
    )
