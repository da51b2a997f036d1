"""Segment masses, lengths, centres of mass and inertia of one body.

Mass fractions, centres and radii of gyration of thigh, shank, foot, lower trunk and arms: de Leva 1996, J Biomech 29,
1223-1230. Leg lengths: Winter 2009, Biomechanics and Motor Control of Human Movement, 4th ed., fig. 4.1. Places of
the hip and lumbar joints and of the trunk's centre: Rajagopal et al. 2016, IEEE TBME 63, 2068-2079, by height.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.virtual_wearer.frames import Array

SEGMENTS = ("back", "pelvis", "thigh_r", "thigh_l", "shank_r", "shank_l", "foot_r", "foot_l")
BACK, PELVIS, THIGH, SHANK, FOOT = 0, 1, 2, 4, 6
ANKLE_FROM_HEEL = 0.25  # of the foot's length
BALL_FROM_HEEL = 0.72
HEEL_CONTACT = 0.06

# female, male
_MASS = {
    "thigh": (0.1478, 0.1416),
    "shank": (0.0481, 0.0433),
    "foot": (0.0129, 0.0137),
    "pelvis": (0.1247, 0.1117),
    "arms": (0.0898, 0.0988),
}
_CENTRE = {"thigh": (0.3612, 0.4095), "shank": (0.4416, 0.4459), "foot": (0.4014, 0.4415)}
# about the segment's x (forward), y (along) and z (to the right), of its length
_GYRATION = {
    "thigh": ((0.364, 0.162, 0.369), (0.329, 0.149, 0.329)),
    "shank": ((0.267, 0.093, 0.271), (0.249, 0.103, 0.255)),
    "foot": ((0.139, 0.279, 0.299), (0.124, 0.245, 0.257)),
}


@dataclass(frozen=True)
class Body:
    """Lengths in m, masses in kg. Vectors lie in their segment's axes, from its joint nearest to the hip centre.

    A thigh starts at the hip, a shank at the knee, a foot at the ankle, the pelvis midway between the hips, the back
    at the lumbar joint. `masses`, `centres` and `inertias` are in the order of SEGMENTS.
    """

    mass_kg: float
    height_m: float
    thigh: float
    shank: float
    ankle_height: float
    foot_length: float
    foot_width: float
    hip: Array  # (2, 3) right, left hip in the pelvis
    lumbar: Array  # (3,) lumbar joint in the pelvis
    shoulder: Array  # (3,) middle of the shoulders in the back
    arm_centre: float  # from the shoulder to the arms' centre of mass
    arm_reach: float  # from the shoulder to the hands
    arms_kg: float
    masses: Array  # (8,)
    centres: Array  # (8, 3)
    inertias: Array  # (8, 3) principal, about the centre of mass


def make_body(mass_kg: float, height_m: float, male: bool, vary: Array | None = None) -> Body:
    """A body scaled from the tables; `vary`: (10,) relative deviations (about +-0.05) of single proportions."""
    v = 1.0 + (np.zeros(10) if vary is None else vary)
    sex, h = int(male), height_m
    thigh, shank = 0.245 * h * v[0], 0.246 * h * v[1]
    foot, ankle = 0.155 * h * v[2], 0.042 * h * v[3]
    share = {name: both[sex] * mass_kg for name, both in _MASS.items()}
    share["thigh"], share["shank"] = share["thigh"] * v[4], share["shank"] * v[5]
    limb = 2 * (share["thigh"] + share["shank"] + share["foot"])
    trunk = mass_kg - limb - share["pelvis"] - share["arms"]
    leg = [share[name] for name in ("thigh", "shank", "foot") for _ in range(2)]
    return Body(
        mass_kg=mass_kg,
        height_m=h,
        thigh=thigh,
        shank=shank,
        ankle_height=ankle,
        foot_length=foot,
        foot_width=0.37 * foot * v[6],
        hip=np.array([[0.0, 0.0, side * 0.0453 * h * v[7]] for side in (1.0, -1.0)]),
        lumbar=np.array([-0.020 * h, 0.094 * h, 0.0]),
        shoulder=np.array([-0.005 * h, 0.205 * h, 0.0]),
        arm_centre=0.17 * h,
        arm_reach=0.38 * h,
        arms_kg=share["arms"],
        masses=np.array([trunk, share["pelvis"], *leg]),
        centres=_centres(h, thigh, shank, foot, ankle, sex, v),
        inertias=_inertias(h, thigh, shank, foot, sex, np.array([trunk, share["pelvis"], *leg])),
    )


def _centres(h: float, thigh: float, shank: float, foot: float, ankle: float, sex: int, v: Array) -> Array:
    thigh_y = -_CENTRE["thigh"][sex] * thigh
    shank_y = -_CENTRE["shank"][sex] * shank
    foot_x = (_CENTRE["foot"][sex] - ANKLE_FROM_HEEL) * foot
    rows = [[-0.005 * h * v[8], 0.175 * h * v[9], 0.0], [-0.008 * h, 0.033 * h, 0.0]]
    rows += [[0.0, thigh_y, 0.0]] * 2 + [[0.0, shank_y, 0.0]] * 2 + [[foot_x, -0.5 * ankle, 0.0]] * 2
    return np.array(rows)


def _inertias(h: float, thigh: float, shank: float, foot: float, sex: int, masses: Array) -> Array:
    gyration = [np.array([0.115, 0.070, 0.110]) * h, np.array([0.0515, 0.049, 0.046]) * h]
    for name, length in (("thigh", thigh), ("shank", shank), ("foot", foot)):
        gyration += [np.array(_GYRATION[name][sex]) * length] * 2
    return np.asarray(masses[:, None] * np.stack(gyration) ** 2)
