"""Walking: from footsteps to a plan of feet, loads, knees and trunk. Starts from and ends in standing where asked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import PchipInterpolator

from models.virtual_wearer import foot_path
from models.virtual_wearer.anthropometry import Body
from models.virtual_wearer.dynamics import RATE_HZ
from models.virtual_wearer.footsteps import Contact, Contacts, Walk, footsteps
from models.virtual_wearer.frames import Array, min_jerk, smooth
from models.virtual_wearer.motion import SIDE_SIGN, Plan
from models.virtual_wearer.standing import MARGIN_S
from models.virtual_wearer.subject import Style, Subject, smooth_noise

OUTWARD = np.array([1.0, -1.0])  # rolling to the right everts the right foot


@dataclass
class _Foot:
    """What one foot does over time, the columns of one side of a Plan."""

    ankle: Array  # (n, 3)
    pitch: Array  # (n,)
    heel: Array  # (n, 3) its place with the foot flat
    cop: Array  # (n, 2)
    knee: Array  # (n,) wanted flexion
    weight: Array  # (n,) of that wish
    air: Array  # (n,)


def plan_walk(subject: Subject, walk: Walk, rng: np.random.Generator) -> tuple[Plan, Array]:
    """The plan and its time (n,), which reaches past [0, walk.seconds] on both sides by at least a second."""
    body, style = subject.body, subject.style
    contacts = footsteps(body, style, walk, rng)
    t = np.arange(-int(MARGIN_S * RATE_HZ), int((walk.seconds + MARGIN_S) * RATE_HZ) + 1) / RATE_HZ
    n = len(t)
    feet = [_foot(t, contacts[side], body, style, side) for side in range(2)]
    share = _share(t, contacts, style)
    pelvis, trunk = _torso(style, feet, share, body.height_m, rng)
    yaw = np.tile([_yaw(style, 0), _yaw(style, 1)], (n, 1))
    pitch, air = _pair([foot.pitch for foot in feet]), _pair([foot.air for foot in feet])
    knee_wander = 0.01 * smooth_noise(rng, n, RATE_HZ, 0.3)[:, None]
    plan = Plan(
        ankle=_pair([foot.ankle for foot in feet]),
        foot_pitch=pitch,
        foot_yaw=yaw,
        foot_roll=OUTWARD * (style.foot_roll * pitch - 0.5 * style.foot_roll * air),
        knee_yaw=0.6 * yaw + OUTWARD * (style.knee_turn * (air - 0.4)) + knee_wander,
        heel=_pair([foot.heel for foot in feet]),
        cop=_pair([foot.cop for foot in feet]),
        right_share=share,
        pelvis=pelvis,
        trunk=trunk,
        knee=_pair([foot.knee for foot in feet]),
        arm_angle=np.full(n, rng.normal(0.0, 0.06)) + 0.05 * smooth_noise(rng, n, RATE_HZ, 0.8),
        height_weight=_pair([foot.weight for foot in feet]),
        air=air,
        height_cutoff_hz=2.8 * style.bounce,
        shear=style.shear,
    )
    return plan, t


def _pair(sides: list[Array]) -> Array:
    return np.stack(sides, axis=1)


def _yaw(style: Style, side: int) -> float:
    return -SIDE_SIGN[side] * style.toe_out[side]


def _foot(t: Array, contacts: list[Contact], body: Body, style: Style, side: int) -> _Foot:
    n = len(t)
    foot = _Foot(
        np.zeros((n, 3)), np.zeros(n), np.zeros((n, 3)), np.zeros((n, 2)), *(np.zeros(n) for _ in range(3))
    )
    reach = np.full((n, 2), np.nan)
    for k, contact in enumerate(contacts):
        _stand(foot, t, contact, body, style, side)
        if k + 1 < len(contacts):
            _swing(foot, reach, t, contact, contacts[k + 1], body, style, side)
    sliding = ~np.isnan(reach[:, 0])
    foot.ankle[sliding, 0], foot.ankle[sliding, 2] = reach[sliding].T
    foot.ankle, foot.pitch = smooth(foot.ankle, 0.01, RATE_HZ), smooth(foot.pitch, 0.012, RATE_HZ)
    foot.weight = foot.weight + 1e-3
    return foot


def _stand(foot: _Foot, t: Array, contact: Contact, body: Body, style: Style, side: int) -> None:
    """Fill in one contact."""
    on = (t >= contact.strike) & (t < contact.off)
    foot.pitch[on] = foot_path.stance_pitch(t[on], contact)
    foot.ankle[on] = foot_path.stance_ankle(foot.pitch[on], contact, body, _yaw(style, side))
    foot.heel[t >= contact.strike] = [contact.x, 0.0, contact.z]
    foot.cop[on] = _stance_cop(t[on], contact, style, side)
    foot.knee[on] = _stance_knee(t[on], contact, style, side)
    foot.weight[on] = 1.0 - (min_jerk((t[on] - contact.rise) / 0.15) if contact.off_pitch else 0.0)


def _swing(
    foot: _Foot,
    reach: Array,
    t: Array,
    contact: Contact,
    following: Contact,
    body: Body,
    style: Style,
    side: int,
) -> None:
    """Fill in the swing between two contacts; `reach` (n, 2) gets the way over the ground, a little longer."""
    yaw = _yaw(style, side)
    swing = (t >= contact.off) & (t < following.strike)
    foot.ankle[swing], foot.pitch[swing] = foot_path.swing(
        t[swing], contact, following, body, yaw, style.swing_height[side]
    )
    rest = following.strike + foot_path.SLIDE_S
    foot.air += min_jerk((t - contact.off) / 0.08) * min_jerk((rest - t) / 0.10)
    reaching = (t >= contact.off) & (t < rest)
    reach[reaching] = foot_path.advance(t[reaching], contact, following, body, yaw)
    foot.cop[swing], foot.knee[swing] = [style.cop_off, style.cop_ml[side]], style.knee_strike[side]
    foot.weight[swing] = min_jerk(1.0 - (following.strike - t[swing]) / 0.08)


def _stance_cop(t: Array, contact: Contact, style: Style, side: int) -> Array:
    """(n, 2) in foot lengths from the heel and foot widths from medial."""
    knots, values = _standing_cop(contact, style) if _stands(contact) else _rolling_cop(contact, style)
    u = np.clip(_stance_phase(t, contact), 0.0, 1.0)
    lateral = style.cop_ml[side] + 0.06 * np.sin(np.pi * u)
    return np.stack([PchipInterpolator(knots, values)(t), lateral], axis=1)


def _stands(contact: Contact) -> bool:
    return contact.standing or contact.long


def _standing_cop(contact: Contact, style: Style) -> tuple[list[float], list[float]]:
    rise, off, flat, rest = contact.rise, contact.off, contact.flat, style.cop_stand
    knots = [contact.strike, flat, flat + 0.6, rise - 0.3, rise, off + (0.0 if contact.off_pitch else 0.1)]
    values = [style.cop_strike + 0.05, 0.3, rest, rest, rest, rest]
    if contact.off_pitch:
        values[3:] = [rest - 0.06, style.cop_rise, style.cop_off]
    return knots, values


def _rolling_cop(contact: Contact, style: Style) -> tuple[list[float], list[float]]:
    rise, off, flat = contact.rise, contact.off, contact.flat
    knots = [contact.strike, flat, 0.5 * (flat + rise), rise, 0.6 * off + 0.4 * rise, off]
    middle = 0.5 * (style.cop_strike + style.cop_rise) + 0.12
    ahead = 0.5 * (style.cop_rise + style.cop_off) + 0.04
    return knots, [style.cop_strike, style.cop_strike + 0.18, middle, style.cop_rise, ahead, style.cop_off]


def _stance_knee(t: Array, contact: Contact, style: Style, side: int) -> Array:
    strike, load, mid = style.knee_strike[side], style.knee_load[side], style.knee_mid[side]
    if _stands(contact):
        end = max(contact.off - 0.35, contact.flat + 0.6)
        knots = [contact.strike, contact.flat + 0.05, contact.flat + 0.55, end, max(contact.off, end + 0.1)]
        return np.asarray(PchipInterpolator(knots, [strike, load, mid, mid, mid])(t))
    knots, values = [0.0, 0.24, 0.62, 0.78, 1.0], [strike, load, mid, mid + 0.05, 0.7]
    return np.asarray(PchipInterpolator(knots, values)(_stance_phase(t, contact)))


def _stance_phase(t: Array, contact: Contact) -> Array:
    return (t - contact.strike) / (contact.off - contact.strike)


def _share(t: Array, contacts: Contacts, style: Style) -> Array:
    """Right foot's share of the vertical force: 0 and 1 in single support, smooth between."""
    rest = 0.5 + style.stand_asymmetry
    share = np.full(len(t), rest)
    for lead, begin in _lifts_from_standing(contacts):
        _lift_from_standing(share, t, lead, begin, rest)
    landings = [(c.strike, side, c) for side in range(2) for c in contacts[side][1:]]
    for strike, side, contact in sorted(landings, key=lambda landing: landing[0]):
        other = next(o for o in contacts[1 - side] if o.strike < strike < o.off)
        stays = contact.standing and other.standing
        span = 0.6 if stays else other.off - strike
        goal = abs(rest - (1 - side)) if stays else 0.0
        gain = SIDE_SIGN[side] * (1.0 - goal)
        share += gain * min_jerk(np.clip((t - strike) / span, 0.0, 1.0) ** style.split)
    return np.asarray(np.clip(share, 0.0, 1.0))


def _lifts_from_standing(contacts: Contacts) -> list[tuple[int, float]]:
    """(side, time) of the foot that leaves first, at every start from standing."""
    right, left = ([c.off for c in one if c.standing][:-1] for one in contacts)
    return [(int(two < one), min(one, two)) for one, two in zip(right, left, strict=True)]


def _lift_from_standing(share: Array, t: Array, lead: int, begin: float, rest: float) -> None:
    """Add to `share` how the load leaves the leading foot."""
    away = -SIDE_SIGN[lead]
    share += ((0.5 + 0.5 * away) - rest) * min_jerk((t - begin + 0.55) / 0.55)
    u = np.clip((t - begin + 1.0) / 0.6, 0.0, 1.0)
    share -= away * 0.10 * 64.0 * u**3 * (1.0 - u) ** 3  # the push to the leading foot that starts the fall


def _torso(
    style: Style, feet: list[_Foot], share: Array, height_m: float, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Pelvis and trunk (yaw, pitch, roll), (n, 3): they turn with the leading foot and tilt with the loaded one."""
    n = len(share)
    separation = (feet[0].ankle[:, 0] - feet[1].ankle[:, 0]) / (0.42 * height_m)
    moving = smooth(np.clip(np.abs(separation) * 4.0, 0.0, 1.0), 0.25, RATE_HZ)
    loaded = (2.0 * smooth(share, 0.05, RATE_HZ) - 1.0) * moving
    stride = np.clip(separation, -1.3, 1.3)
    lean = float(rng.normal(0.0, 0.03))
    sway = [0.008 * smooth_noise(rng, n, RATE_HZ, 0.6) for _ in range(6)]
    nod = style.trunk_nod * (stride**2 - 0.4 * moving)
    pelvis_pitch = style.pelvis_pitch + 0.4 * lean - nod + sway[0]
    trunk_pitch = style.trunk_pitch + lean - 0.01 * moving + nod + sway[1]
    pelvis = [style.pelvis_yaw * stride + sway[2], pelvis_pitch, -style.pelvis_list * loaded + sway[3]]
    trunk = [-style.trunk_yaw * stride + sway[4], trunk_pitch, style.trunk_roll * loaded + sway[5]]
    return np.stack(pelvis, axis=1), np.stack(trunk, axis=1)
