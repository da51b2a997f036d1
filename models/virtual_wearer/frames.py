"""Rotations and time derivatives of sampled motion. Rotation matrices carry segment axes to the world.

World axes: x where the person walks to, y up, z to the person's right.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter1d

Array = npt.NDArray[np.float64]


def rot_x(angle: Array) -> Array:
    """(n,) rad -> (n, 3, 3)."""
    return _rot(angle, 1, 2)


def rot_y(angle: Array) -> Array:
    """(n,) rad -> (n, 3, 3)."""
    return _rot(angle, 2, 0)


def rot_z(angle: Array) -> Array:
    """(n,) rad -> (n, 3, 3)."""
    return _rot(angle, 0, 1)


def rot_yzx(yaw: Array, pitch: Array, roll: Array) -> Array:
    """Heading about y, then pitch about the new z (nose up positive), then roll about the new x (to the right)."""
    return np.asarray(rot_y(yaw) @ rot_z(pitch) @ rot_x(roll))


def first_angle_zxy(rotation: Array) -> Array:
    """(n, 3, 3) -> (n,) the z angle of the body-fixed z-x-y sequence: OpenSim's flexion of a joint."""
    return np.asarray(np.arctan2(-rotation[:, 0, 1], rotation[:, 1, 1]))


def apply(rotation: Array, vector: Array) -> Array:
    """(n, 3, 3) times (3,) or (n, 3) -> (n, 3)."""
    return np.asarray(np.einsum("nij,nj->ni", rotation, np.broadcast_to(vector, (len(rotation), 3))))


def derivative(x: Array, rate_hz: float) -> Array:
    """d/dt along the first axis: five-point central difference, lower order on the two rows at each end."""
    out = np.empty_like(x)
    out[2:-2] = (8.0 * (x[3:-1] - x[1:-3]) - (x[4:] - x[:-4])) * (rate_hz / 12.0)
    out[[0, 1]] = np.gradient(x[:4], axis=0)[:2] * rate_hz
    out[[-2, -1]] = np.gradient(x[-4:], axis=0)[-2:] * rate_hz
    return out


def angular_velocity(rotation: Array, rate_hz: float) -> Array:
    """(n, 3, 3) -> (n, 3) rad/s in the world, from d(R)/dt R^T."""
    skew = derivative(rotation, rate_hz) @ np.swapaxes(rotation, -1, -2)
    out = np.empty(rotation.shape[:2])
    for axis, (first, second) in enumerate(((2, 1), (0, 2), (1, 0))):
        out[:, axis] = 0.5 * (skew[:, first, second] - skew[:, second, first])
    return out


def smooth(x: Array, seconds: float, rate_hz: float) -> Array:
    """Gaussian low-pass along time; `seconds` is its standard deviation (0: unchanged)."""
    if seconds <= 0.0:
        return x
    return np.asarray(gaussian_filter1d(x, seconds * rate_hz, axis=0, mode="nearest"))


def quintic(t: Array, t0: float, t1: float, start: Array, end: Array) -> Array:
    """The fifth-order polynomial over [t0, t1] whose (position, velocity, acceleration) are `start` and `end`.

    `start` and `end`: (3,) or (3, k). Returns (len(t),) or (len(t), k).
    """
    span = t1 - t0
    scale = np.array([1.0, span, span**2]).reshape(3, *([1] * (np.ndim(start) - 1)))
    p0, v0, a0 = np.asarray(start) * scale
    p1, v1, a1 = np.asarray(end) * scale
    u = ((t - t0) / span).reshape(-1, *([1] * (np.ndim(start) - 1)))
    c3 = 10 * (p1 - p0) - 6 * v0 - 4 * v1 - 1.5 * a0 + 0.5 * a1
    c4 = -15 * (p1 - p0) + 8 * v0 + 7 * v1 + 1.5 * a0 - a1
    c5 = 6 * (p1 - p0) - 3 * (v0 + v1) - 0.5 * (a0 - a1)
    return np.asarray(p0 + u * (v0 + u * (0.5 * a0 + u * (c3 + u * (c4 + u * c5)))))


def min_jerk(u: Array) -> Array:
    """0 to 1 over u in [0, 1], constant outside, with no velocity or acceleration at the ends."""
    u = np.clip(u, 0.0, 1.0)
    return u**3 * (10.0 - 15.0 * u + 6.0 * u**2)


def _rot(angle: Array, first: int, second: int) -> Array:
    out = np.zeros((len(angle), 3, 3))
    out[:, [0, 1, 2], [0, 1, 2]] = 1.0
    cos, sin = np.cos(angle), np.sin(angle)
    out[:, first, first] = out[:, second, second] = cos
    out[:, second, first], out[:, first, second] = sin, -sin
    return out
