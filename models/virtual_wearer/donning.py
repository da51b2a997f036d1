"""One putting-on of the suit: where each sensor ends up, how it errs, how each insole distorts. Drawn from a seed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from scipy.spatial.transform import Rotation

from models.virtual_wearer.anthropometry import SEGMENTS
from models.virtual_wearer.frames import Array
from models.virtual_wearer.insoles import InsoleError, random_error
from models.virtual_wearer.skin import SkinMotion

MOUNTING_SD = np.radians(6.0)  # of the turn about each axis: 15 degrees in all is about the 95th percentile
MOUNTING_MAX = np.radians(15.0)
PLACE_MAX_M = 0.03


@dataclass(frozen=True)
class Donning:
    """Sensor k of SEGMENTS sits turned by `rotation[k]` (3 x 3, its axes in the segment) and moved by `offset[k]` m.

    Biases and white noise in m/s^2 and rad/s; `shock`: how much of a landing's ringing the foot sensors show; `skin`:
    how the sensors move on their segments.
    """

    rotation: Array  # (8, 3, 3)
    offset: Array  # (8, 3)
    accel_bias: Array  # (8, 3)
    gyro_bias: Array  # (8, 3)
    accel_noise: float
    gyro_noise: float
    insoles: tuple[InsoleError, InsoleError]
    shock: float
    skin: SkinMotion = field(default_factory=SkinMotion.none)

    @staticmethod
    def random(seed: int) -> Donning:
        """The putting-on of this seed, always the same."""
        rng = np.random.default_rng([seed, 2])
        n = len(SEGMENTS)
        turn = rng.normal(0.0, MOUNTING_SD, (n, 3))
        turn *= np.minimum(1.0, MOUNTING_MAX / np.linalg.norm(turn, axis=1))[:, None]
        return Donning(
            rotation=Rotation.from_rotvec(turn).as_matrix(),
            offset=rng.uniform(-PLACE_MAX_M, PLACE_MAX_M, (n, 3)) / np.sqrt(3.0),
            accel_bias=rng.normal(0.0, 0.06, (n, 3)),
            gyro_bias=rng.normal(0.0, 0.006, (n, 3)),
            accel_noise=float(rng.uniform(0.01, 0.05)),
            gyro_noise=float(rng.uniform(0.001, 0.006)),
            insoles=(random_error(rng), random_error(rng)),
            shock=float(rng.uniform(0.0, 1.0)),
            skin=SkinMotion.random(seed),
        )

    @staticmethod
    def worn(subject_seed: int, session: int) -> Donning:
        """The putting-on of this wearer's session, always the same."""
        return Donning.random(1_000_003 * subject_seed + session)

    def after(self, minutes: float) -> Donning:
        """The same putting-on so long after: the insoles have drifted and the straps crept, the rest sits as it sat."""
        right, left = self.insoles
        return replace(
            self, insoles=(right.after(minutes), left.after(minutes)), skin=self.skin.after(minutes)
        )

    @staticmethod
    def perfect() -> Donning:
        """No error at all: sensors in their segments' axes at their nominal places."""
        n = len(SEGMENTS)
        zero = np.zeros((n, 3))
        return Donning(
            np.tile(np.eye(3), (n, 1, 1)), zero, zero, zero, 0.0, 0.0, (InsoleError(), InsoleError()), 0.0
        )
