"""What an emulated device feels: the contract between a device and whoever moves it, and the sensor's own noise."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from drivers.units import STANDARD_GRAVITY

Floats = npt.NDArray[np.float64]
Nanoseconds = npt.NDArray[np.int64]


class Motion(NamedTuple):
    """n instants of an inertial sensor, in its own axes.

    accel: (n, 3) specific force, m/s². gyro: (n, 3) rad/s. quaternion: (n, 4) w, x, y, z, turning the sensor's
    axes into north-east-down.
    """

    accel: Floats
    gyro: Floats
    quaternion: Floats


class FootLoad(NamedTuple):
    """n instants of an insole.

    force_n: (n,) N. cop_ap_m, cop_ml_m: (n,) where the force acts, m from the centre of the grid, positive to the
    toes and to the lateral edge; NaN: anywhere. cop_known: (n,) whether the device reports that centre itself.
    imu: the foot's motion, None where the device has no valid one.
    """

    force_n: Floats
    cop_ap_m: Floats
    cop_ml_m: Floats
    cop_known: npt.NDArray[np.bool_]
    imu: Motion | None


# Both take host times in ns, ascending.
ImuContent = Callable[[Nanoseconds], Motion]
InsoleContent = Callable[[Nanoseconds], FootLoad]


class SensorNoise:
    """White noise of an inertial sensor, by its densities, in the bandwidth of its output rate.

    The defaults are of the class of the 3DM-GX5-25's data sheet: 25 µg/√Hz and 0.005 °/s/√Hz;
    `factor` multiplies both.
    """

    def __init__(
        self,
        seed: int,
        *,
        accel_g_per_root_hz: float = 25e-6,
        gyro_deg_per_s_per_root_hz: float = 0.005,
        factor: float = 1.0,
    ) -> None:
        self._rng = np.random.default_rng([seed, 5])
        densities = [accel_g_per_root_hz * STANDARD_GRAVITY, math.radians(gyro_deg_per_s_per_root_hz)]
        self._density = factor * np.repeat(densities, 3)

    def add(self, motion: Motion, rate_hz: float) -> Motion:
        """`motion` with noise on accel and gyro as seen at `rate_hz` (bandwidth half of it)."""
        scale = self._density * math.sqrt(rate_hz / 2)
        noise = self._rng.standard_normal((len(motion.accel), 6)) * scale
        return motion._replace(accel=motion.accel + noise[:, :3], gyro=motion.gyro + noise[:, 3:])


def at_rest(host_ns: Nanoseconds) -> Motion:
    """The content of a sensor lying level on its base plate: z reads -1 g."""
    n = len(host_ns)
    return Motion(
        np.tile([0.0, 0.0, -STANDARD_GRAVITY], (n, 1)),
        np.zeros((n, 3)),
        np.tile([1.0, 0.0, 0.0, 0.0], (n, 1)),
    )


def standing(force_n: float = 350.0) -> InsoleContent:
    """The content of an insole under a person who stands still with `force_n` on this foot."""

    def content(host_ns: Nanoseconds) -> FootLoad:
        n = len(host_ns)
        upright = Motion(
            np.tile([0.0, STANDARD_GRAVITY, 0.0], (n, 1)),
            np.zeros((n, 3)),
            np.tile([math.sqrt(0.5), -math.sqrt(0.5), 0.0, 0.0], (n, 1)),
        )
        return FootLoad(np.full(n, force_n), np.zeros(n), np.zeros(n), np.ones(n, bool), upright)

    return content
