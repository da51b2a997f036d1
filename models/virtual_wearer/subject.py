"""One person: a body and a personal way of moving, both drawn from one seed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from models.virtual_wearer.anthropometry import Body, make_body
from models.virtual_wearer.frames import Array


@dataclass(frozen=True)
class Style:
    """How a person moves; angles in rad, pairs are right, left. Factors are 1 for the average person."""

    pelvis_pitch: float  # of the pelvis frame in standing, nose up positive
    trunk_pitch: float
    toe_out: tuple[float, float]
    step_width: float  # m between the ankles
    stance_width: float  # m, standing
    walk_ratio: float  # m per step/min
    double_support: float  # factor on its share of the stride
    split: float  # exponent of the load transfer in double support, above 1: late
    shear: float
    step_asymmetry: float  # right step longer, of a step's length
    time_asymmetry: float  # right stance longer, of a step's time
    heel_strike_pitch: tuple[float, float]
    toe_off_pitch: tuple[float, float]
    heel_rise: tuple[float, float]  # of the stance time
    swing_height: tuple[float, float]  # m
    knee_strike: tuple[float, float]
    knee_load: tuple[float, float]
    knee_mid: tuple[float, float]
    bounce: float
    foot_roll: float  # eversion with the foot toes up, of its pitch
    knee_turn: float  # of the knee's heading in swing
    pelvis_yaw: float
    pelvis_list: float
    trunk_yaw: float
    trunk_roll: float
    trunk_nod: float
    cop_strike: float  # foot lengths from the heel
    cop_rise: float
    cop_off: float
    cop_stand: float
    cop_ml: tuple[float, float]  # foot widths from medial
    stand_asymmetry: float  # share of the right minus one half
    squat_lean: float  # trunk pitch at the bottom of a squat
    squat_tilt: float  # of which the pelvis does
    variability: float  # of steps


@dataclass(frozen=True)
class Subject:
    """A virtual person; `name` is `vw-<seed>`."""

    seed: int
    name: str
    body: Body
    style: Style

    @staticmethod
    def random(seed: int) -> Subject:
        """The person of this seed, always the same."""
        rng = np.random.default_rng([seed, 1])
        male = bool(rng.random() < 0.5)
        height = float(np.clip(rng.normal(1.76 if male else 1.64, 0.07), 1.48, 2.0))
        mass = float(np.clip(rng.normal(24.0, 3.0), 18.0, 32.0)) * height**2
        body = make_body(mass, height, male, np.clip(rng.normal(0.0, 0.03, 10), -0.07, 0.07))
        return Subject(seed, f"vw-{seed}", body, _style(rng, height))

    def mirrored(self) -> Subject:
        """The same person seen in a mirror."""
        s = self.style
        pairs: dict[str, Any] = {
            name: pair[::-1] for name, pair in vars(s).items() if isinstance(pair, tuple)
        }
        signs = {name: -getattr(s, name) for name in ("step_asymmetry", "time_asymmetry", "stand_asymmetry")}
        return replace(self, style=replace(s, **pairs, **signs))


def _one(rng: np.random.Generator, mean: float, sd: float) -> float:
    return float(mean + sd * np.clip(rng.normal(), -2.0, 2.0))


def _pair(rng: np.random.Generator, mean: float, sd: float, apart: float) -> tuple[float, float]:
    middle, half = _one(rng, mean, sd), _one(rng, 0.0, apart / 2)
    return (middle + half, middle - half)


def _style(rng: np.random.Generator, height: float) -> Style:
    deg = np.pi / 180.0
    one, pair = partial(_one, rng), partial(_pair, rng)
    return Style(
        pelvis_pitch=one(-3.5, 4.5) * deg,
        trunk_pitch=one(-5.0, 3.5) * deg,
        toe_out=pair(7 * deg, 4 * deg, 3 * deg),
        step_width=abs(one(0.10, 0.025)) + 0.02,
        stance_width=abs(one(0.20, 0.05)) + 0.03,
        walk_ratio=one(0.0062, 0.0005) * height / 1.70,
        double_support=one(1.0, 0.10),
        split=one(0.80, 0.08),
        shear=one(0.85, 0.12),
        step_asymmetry=one(0.0, 0.025),
        time_asymmetry=one(0.0, 0.02),
        heel_strike_pitch=pair(20 * deg, 4 * deg, 2 * deg),
        toe_off_pitch=pair(62 * deg, 5 * deg, 3 * deg),
        heel_rise=pair(0.46, 0.05, 0.03),
        swing_height=pair(0.02, 0.008, 0.006),
        knee_strike=pair(7 * deg, 2.5 * deg, 2 * deg),
        knee_load=pair(19 * deg, 4 * deg, 3 * deg),
        knee_mid=pair(9 * deg, 3 * deg, 3 * deg),
        bounce=one(1.0, 0.12),
        foot_roll=one(0.12, 0.08),
        knee_turn=one(0.0, 5.0) * deg,
        pelvis_yaw=one(5.5, 2.0) * deg,
        pelvis_list=one(4.5, 1.5) * deg,
        trunk_yaw=one(3.5, 2.0) * deg,
        trunk_roll=one(1.8, 1.2) * deg,
        trunk_nod=one(1.8, 1.0) * deg,
        cop_strike=one(0.07, 0.02),
        cop_rise=one(0.68, 0.05),
        cop_off=one(0.88, 0.03),
        cop_stand=one(0.36, 0.07),
        cop_ml=pair(0.48, 0.05, 0.04),
        stand_asymmetry=one(0.0, 0.03),
        squat_lean=one(-45.0, 9.0) * deg,
        squat_tilt=one(0.55, 0.12),
        variability=abs(one(0.02, 0.006)) + 0.004,
    )


def smooth_noise(rng: np.random.Generator, n: int, rate_hz: float, seconds: float) -> Array:
    """(n,) a wandering signal of unit standard deviation and correlation time `seconds`, smooth to all orders."""
    pad = int(4 * seconds * rate_hz)
    sigma = seconds * rate_hz
    coarse = max(int(sigma / 8), 1)
    white = rng.normal(size=(n + 2 * pad) // coarse + 2)
    width = sigma / coarse
    kernel = np.exp(-0.5 * (np.arange(-int(4 * width), int(4 * width) + 1) / width) ** 2)
    slow = np.convolve(white, kernel / np.sqrt((kernel**2).sum()), mode="same")
    t = (np.arange(n) + pad) / coarse
    return _cubic(slow, t)


def _cubic(samples: Array, t: Array) -> Array:
    """Cubic B-spline (not interpolating: smoothing) of evenly spaced samples at fractional indices t; C2."""
    i = np.clip(t.astype(int), 1, len(samples) - 3)
    u = t - i
    weights = ((1 - u) ** 3, 3 * u**3 - 6 * u**2 + 4, -3 * u**3 + 3 * u**2 + 3 * u + 1, u**3)
    total = np.zeros_like(t)
    for k, weight in enumerate(weights):
        total += samples[i + k - 1] * weight
    return total / 6.0
