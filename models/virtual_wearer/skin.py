"""How an IMU moves on its segment: skin, muscle, cloth and strap give way with posture, impact and time.

The labels stay those of the bones; only what is strapped on moves. A sensor's tissue is a damped spring. Its rest turn
follows the joints beside it and saturates; the segment's acceleration shakes it; the strap creeps over the session.

Sizes of thigh and shank are those commonly quoted from the reviews of Leardini et al. 2005 (Gait & Posture 21, 212-225)
and Cereatti et al. 2017 (J Biomech 62, 5-13), rounded and from memory: the thigh turns by 10-15 degrees and slides by
30 mm in deep flexion, 3-6 degrees in gait, the shank about half; it grows with the joint's angle and differs between
people. ESTIMATES are all others: the back's share of a bend (a spine has many joints, the model one), the pelvis
on cloth, the shoe, the shaking, the creep. The means were then set, within what is plausible, so that angles by formula
err in the order of the paper's (benchmarks/analytical_moments.py --angles).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.signal import bilinear, lfilter, lfilter_zi
from scipy.spatial.transform import Rotation

from models.virtual_wearer.anthropometry import BACK, PELVIS, SEGMENTS
from models.virtual_wearer.dynamics import RATE_HZ, coordinates_deg
from models.virtual_wearer.frames import Array, apply, derivative
from models.virtual_wearer.motion import Motion

CREEP_MINUTES = 40.0
OUT_OF_PLANE = 0.25  # rad: a sensor's axis of turning lies off its segment's z by about this much
_N = len(SEGMENTS)

# Turn about the segment's z (nose up, thigh forward, toes up), rad for each rad of flexion: mean, spread.
_FOLLOW = {
    "back": {"trunk": (-0.30, 0.08), "hip": (-0.04, 0.02)},
    "pelvis": {"trunk": (0.0, 0.08), "hip": (0.13, 0.04)},
    "thigh": {"hip": (-0.07, 0.04), "knee": (-0.03, 0.04)},
    "shank": {"knee": (0.04, 0.03), "ankle": (0.05, 0.04)},
    "foot": {"ankle": (-0.15, 0.05)},
}
_JOINTS = ("hip", "knee", "ankle", "trunk")
# Most turn and creep's spread about z, deg; most shake, deg for each m/s^2; slide, m for each rad.
_LIMIT_DEG = {"back": 18.0, "pelvis": 15.0, "thigh": 15.0, "shank": 8.0, "foot": 6.0}
_CREEP_DEG = {"back": 4.0, "pelvis": 5.0, "thigh": 3.0, "shank": 2.0, "foot": 1.0}
_SHAKE_DEG = {"back": 0.08, "pelvis": 0.10, "thigh": 0.10, "shank": 0.06, "foot": 0.015}
_SLIDE_M = {"back": 0.03, "pelvis": 0.06, "thigh": 0.09, "shank": 0.06, "foot": 0.02}
_SHAKE_LIMIT = np.radians(5.0)


@dataclass(frozen=True)
class SkinMotion:
    """Of the eight sensors, in the order of SEGMENTS, in one putting-on; rad and m in their segments' axes.

    follow   turn for each rad of flexion of the own side's hip, knee and ankle, and of the trunk
    limit    where that saturates
    axis     of turning, a unit vector
    slide    way for each rad turned
    shake    turn for each m/s^2 of the segment along its axes
    natural  rad/s, with `damping`: of the tissue as a spring
    creep    rotation vector that the strap comes to in the end, `done` of it so far
    """

    follow: Array  # (8, 4)
    limit: Array  # (8,)
    axis: Array  # (8, 3)
    slide: Array  # (8, 3)
    shake: Array  # (8, 3)
    natural: Array  # (8,)
    damping: Array  # (8,)
    creep: Array  # (8, 3)
    done: float = 0.0

    @staticmethod
    def none() -> SkinMotion:
        """Sensors screwed to the bone."""
        three, ones = np.zeros((_N, 3)), np.ones(_N)
        axis = np.tile([0.0, 0.0, 1.0], (_N, 1))
        return SkinMotion(np.zeros((_N, 4)), ones, axis, three, three, 50.0 * ones, ones, three)

    @staticmethod
    def random(seed: int) -> SkinMotion:
        """The putting-on of this seed, always the same."""
        rng = np.random.default_rng([seed, 3])
        off = rng.normal(0.0, OUT_OF_PLANE, (_N, 2))
        axis = np.concatenate([off, np.ones((_N, 1))], axis=1)
        axis /= np.linalg.norm(axis, axis=1)[:, None]
        creep = np.radians(_each(_CREEP_DEG))[:, None] * rng.normal(0.0, 1.0, (_N, 3)) * [0.4, 0.4, 1.0]
        return SkinMotion(
            follow=_random_follow(rng),
            limit=np.radians(_each(_LIMIT_DEG)),
            axis=axis,
            slide=_each(_SLIDE_M)[:, None] * rng.normal(0.0, 1.0, (_N, 3)) * [0.4, 1.0, 0.4],
            shake=np.radians(_each(_SHAKE_DEG))[:, None] * rng.uniform(-1.0, 1.0, (_N, 3)) * [1.0, 1.0, 0.3],
            natural=2.0 * np.pi * rng.uniform(5.0, 9.0, _N),
            damping=rng.uniform(0.3, 0.6, _N),
            creep=creep,
        )

    def after(self, minutes: float) -> SkinMotion:
        """The same putting-on so long after."""
        return replace(self, done=1.0 - float(np.exp(-minutes / CREEP_MINUTES)))

    @property
    def still(self) -> bool:
        """Nothing gives way."""
        return not any(part.any() for part in (self.follow, self.shake, self.done * self.creep))


def moved(motion: Motion, places: Array, skin: SkinMotion) -> tuple[Array, Array]:
    """Turn (n, 8, 3, 3) and way (n, 8, 3) m of each sensor on its segment, in the segment's axes.

    places (8, 3): where the sensors sit in their segments.
    """
    turn = _turns(motion, places, skin)
    vectors = skin.done * skin.creep + turn[:, :, None] * skin.axis
    rotation = Rotation.from_rotvec(vectors.reshape(-1, 3)).as_matrix().reshape(-1, _N, 3, 3)
    return rotation, turn[:, :, None] * skin.slide


def _turns(motion: Motion, places: Array, skin: SkinMotion) -> Array:
    """(n, 8) rad about each sensor's axis: the tissue's answer to posture and acceleration, at rest before."""
    out, angles = np.empty(motion.origin.shape[:2]), coordinates_deg(motion.rotation)
    for k in range(_N):
        rest = skin.limit[k] * np.tanh(_flexions(angles, k) @ skin.follow[k] / skin.limit[k])
        place = motion.origin[:, k] + apply(motion.rotation[:, k], places[k])
        world = derivative(derivative(place, RATE_HZ), RATE_HZ)
        pushed = np.einsum("nji,nj->ni", motion.rotation[:, k], world) @ skin.shake[k]
        driven = rest + _SHAKE_LIMIT * np.tanh(pushed / _SHAKE_LIMIT)
        out[:, k] = _spring(driven, float(skin.natural[k]), float(skin.damping[k]))
    return out


def _spring(rest: Array, natural: float, damping: float) -> Array:
    """(n,) of a damped spring whose rest is (n,): twice differentiable and never ahead of its cause."""
    b, a = bilinear([natural**2], [1.0, 2.0 * damping * natural, natural**2], RATE_HZ)
    return np.asarray(lfilter(b, a, rest, zi=lfilter_zi(b, a) * rest[0])[0])


def _flexions(angles: dict[str, Array], segment: int) -> Array:
    """(n, 4) rad: hip, knee and ankle of the segment's side, the mean of both for trunk and pelvis; the trunk's."""
    sides = ("r", "l") if segment in (BACK, PELVIS) else ("rl"[segment % 2],)
    names = ("hip_flexion", "knee_angle", "ankle_angle")
    legs = [np.mean([angles[f"{name}_{side}"] for side in sides], axis=0) for name in names]
    return np.asarray(np.radians(np.stack([*legs, -angles["lumbar_extension"]], axis=1)))


def _random_follow(rng: np.random.Generator) -> Array:
    out = np.zeros((_N, len(_JOINTS)))
    for k, segment in enumerate(SEGMENTS):
        for joint, (mean, spread) in _FOLLOW[segment.split("_")[0]].items():
            out[k, _JOINTS.index(joint)] = rng.normal(mean, spread)
    return out


def _each(by_part: dict[str, float]) -> Array:
    """(8,) in the order of SEGMENTS."""
    return np.array([by_part[segment.split("_")[0]] for segment in SEGMENTS])
