"""What the suit measures of a motion: eight IMUs where they sit and move, and two insoles with their errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.signal import lfilter
from scipy.spatial.transform import Rotation

from jetson_runtime.suit.signals import CHANNEL_INDEX, SIDES
from models.virtual_wearer import insoles, skin
from models.virtual_wearer.anthropometry import BACK, FOOT, PELVIS, SEGMENTS, SHANK, THIGH, Body
from models.virtual_wearer.donning import Donning
from models.virtual_wearer.dynamics import GRAVITY, RATE_HZ, Ground
from models.virtual_wearer.frames import Array, angular_velocity, derivative
from models.virtual_wearer.motion import SIDE_SIGN, Motion


def nominal_places(body: Body) -> Array:
    """(8, 3) where each sensor is meant to sit, in its segment from its origin: upper back, sacrum, outer thighs and
    shanks, under the midfoot."""
    h = body.height_m
    places = np.zeros((8, 3))
    places[BACK], places[PELVIS] = [-0.07 * h, 0.15 * h, 0.0], [-0.06 * h, 0.06 * h, 0.0]
    for side in range(2):
        out = SIDE_SIGN[side]
        places[THIGH + side] = [0.01 * h, -0.55 * body.thigh, out * 0.045 * h]
        places[SHANK + side] = [0.0, -0.5 * body.shank, out * 0.03 * h]
        places[FOOT + side] = [0.20 * body.foot_length, -0.9 * body.ankle_height, 0.0]
    return places


@dataclass(frozen=True)
class SensorPoses:
    """Rotations (n, 8, 3, 3) and places (n, 8, 3) of the sensors of SEGMENTS in the ground's axes; up as of Motion."""

    rotation: Array
    place: Array
    up: Array


def sensor_poses(motion: Motion, body: Body, donning: Donning) -> SensorPoses:
    """Where the sensors are, as put on and as skin and straps let them move; all that they measure is of these."""
    places = nominal_places(body) + donning.offset
    if donning.skin.still:
        turn, way = donning.rotation, places
    else:
        turned, slid = skin.moved(motion, places, donning.skin)
        turn, way = turned @ donning.rotation, places + slid
    place = motion.origin + (motion.rotation @ way[..., None])[..., 0]
    return SensorPoses(motion.rotation @ turn, place, motion.up)


def imu_channels(poses: SensorPoses, donning: Donning, rng: np.random.Generator) -> Array:
    """(n, 48): specific force and angular rate of each sensor of SEGMENTS in its own axes."""
    out = []
    for k in range(len(SEGMENTS)):
        sensor = poses.rotation[:, k]
        force = derivative(derivative(poses.place[:, k], RATE_HZ), RATE_HZ) + poses.up
        rate = angular_velocity(sensor, RATE_HZ)
        accel = np.einsum("nji,nj->ni", sensor, force) + donning.accel_bias[k]
        gyro = np.einsum("nji,nj->ni", sensor, rate) + donning.gyro_bias[k]
        out.append(accel + donning.accel_noise * rng.normal(size=accel.shape))
        out.append(gyro + donning.gyro_noise * rng.normal(size=gyro.shape))
    return np.concatenate(out, axis=1)


def add_shock(channels: Array, ground: Ground, body: Body, donning: Donning) -> None:
    """Add to the foot and shank accelerometers the ringing of shoe and skin that a landing sets off.

    Not part of the rigid-body truth: a damped 16 Hz resonance driven by the rate at which the foot is loaded.
    """
    if donning.shock == 0.0:
        return
    natural, damping = 2.0 * np.pi * 16.0, 0.25
    radius = np.exp(-damping * natural / RATE_HZ)
    a = [1.0, -2.0 * radius * np.cos(natural / RATE_HZ), radius**2]
    for side, name in enumerate(SIDES):
        loading = derivative(ground.force[:, side, 1], RATE_HZ) / (body.mass_kg * GRAVITY)
        ring = (
            derivative(lfilter([sum(a)], a, np.maximum(loading - 4.0, 0.0)), RATE_HZ) * 0.006 * donning.shock
        )
        for part, axes in (("foot", (("y", 1.0), ("x", -0.5))), ("shank", (("y", 0.5), ("x", -0.3)))):
            for axis, share in axes:
                channels[:, CHANNEL_INDEX[f"{part}_{name}_accel_{axis}"]] += share * ring


def insole_channels(
    ground: Ground, cop: Array, body: Body, donning: Donning, rng: np.random.Generator
) -> Array:
    """(n, 6): vgrf, cop_ap, cop_ml, right then left. `cop` (n, 2, 2): true, in foot lengths and widths."""
    loads = ground.force[:, :, 1] / (body.mass_kg * GRAVITY)
    return np.concatenate(
        [insoles.read(loads[:, side], cop[:, side], donning.insoles[side], rng) for side in range(2)], axis=1
    )


def quaternions(poses: SensorPoses) -> dict[str, Array]:
    """part -> (n, 4) w x y z of the sensor's axes in the world: x forward, y up (on a slope too), z right."""
    level = Rotation.from_rotvec([0.0, 0.0, np.arctan2(poses.up[0], poses.up[1])]).as_matrix()
    out = {}
    for k, part in enumerate(SEGMENTS):
        xyzw = Rotation.from_matrix(level @ poses.rotation[:, k]).as_quat()
        out[part] = xyzw[:, [3, 0, 1, 2]]
    return out
