"""Walking: from footsteps to a plan. Starts from and ends in standing where asked; every step varies a little.

Timing: step length and cadence from a constant walk ratio (Sekiya & Nagasaki 1998, Gait & Posture 7, 225-227);
double support about 12 % of the stride at 1.3 m/s, more when slower (Perry & Burnfield 2010, Gait Analysis).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import PchipInterpolator

from models.virtual_wearer.anthropometry import ANKLE_FROM_HEEL, BALL_FROM_HEEL, HEEL_CONTACT, Body
from models.virtual_wearer.dynamics import RATE_HZ
from models.virtual_wearer.frames import Array, min_jerk, quintic, smooth
from models.virtual_wearer.motion import SIDE_SIGN, Plan
from models.virtual_wearer.subject import Style, Subject, smooth_noise

SLIDE_S = 0.04  # the heel comes to rest this long after it strikes
BRAKE = 28.0  # 1/s^2: braking of the foot at the end of swing, of the distance swung
TOE_BEND = 0.12  # rad: how gently the toes follow
PITCH_STOP_S = 0.07  # the foot stops pitching down about this long after toe off
PITCH_BRAKE = 25.0  # 1/s^2: braking of the foot's pitch at the end of swing, of the angle turned
LONGEST_STEP = 0.44  # of the body's height
STAND_S = 60.0  # how long a foot that never leaves stands on


@dataclass
class Contact:
    """One foot on the ground from heel strike to toe off, flat between `flat` and `rise`; pitch in rad."""

    strike: float
    flat: float
    rise: float
    off: float
    x: float  # of the heel
    z: float
    strike_pitch: float
    off_pitch: float
    standing: bool = False


@dataclass(frozen=True)
class Walk:
    """What is walked: speed in m/s (it drifts by `drift` of itself), seconds of standing before and after."""

    speed: float
    seconds: float
    stand_before: float
    stand_after: float
    drift: float
    lead_side: int


def random_walk(rng: np.random.Generator, seconds: float) -> Walk:
    """A walk at 0.6 to 1.8 m/s; half start from standing, some stop."""
    starts, stops = rng.random() < 0.5, rng.random() < 0.4
    before = float(rng.uniform(0.8, 2.5)) if starts else 0.0
    after = float(rng.uniform(0.8, 2.5)) if stops else 0.0
    return Walk(
        speed=float(rng.uniform(0.6, 1.75)),
        seconds=seconds,
        stand_before=min(before, seconds / 4),
        stand_after=min(after, seconds / 4),
        drift=float(rng.uniform(0.0, 0.15)),
        lead_side=int(rng.integers(2)),
    )


def plan_walk(subject: Subject, walk: Walk, rng: np.random.Generator) -> tuple[Plan, Array]:
    """The plan and its time (n,), which reaches past [0, walk.seconds] on both sides by at least a second."""
    body, style = subject.body, subject.style
    contacts = _footsteps(body, style, walk, rng)
    margin = 1.5
    t = np.arange(-int(margin * RATE_HZ), int((walk.seconds + margin) * RATE_HZ) + 1) / RATE_HZ
    n = len(t)
    feet = [_foot(t, contacts[side], body, style, side) for side in range(2)]
    share = _share(t, contacts, style)
    separation = (feet[0][0][:, 0] - feet[1][0][:, 0]) / (0.42 * body.height_m)
    moving = smooth(np.clip(np.abs(separation) * 4.0, 0.0, 1.0), 0.25, RATE_HZ)
    pelvis, trunk = _torso(style, separation, smooth(share, 0.05, RATE_HZ), moving, rng)
    yaw = np.tile([-style.toe_out[0], style.toe_out[1]], (n, 1))
    pitch, air = np.stack([foot[1] for foot in feet], axis=1), np.stack([foot[6] for foot in feet], axis=1)
    outward = np.array([1.0, -1.0])  # rolling to the right everts the right foot
    plan = Plan(
        ankle=np.stack([foot[0] for foot in feet], axis=1),
        foot_pitch=pitch,
        foot_yaw=yaw,
        foot_roll=outward * (style.foot_roll * pitch - 0.5 * style.foot_roll * air),
        knee_yaw=0.6 * yaw
        + outward * (style.knee_turn * (air - 0.4))
        + 0.01 * smooth_noise(rng, n, RATE_HZ, 0.3)[:, None],
        heel=np.stack([foot[2] for foot in feet], axis=1),
        cop=np.stack([foot[3] for foot in feet], axis=1),
        right_share=share,
        pelvis=pelvis,
        trunk=trunk,
        knee=np.stack([foot[4] for foot in feet], axis=1),
        arm_angle=np.full(n, rng.normal(0.0, 0.06)) + 0.05 * smooth_noise(rng, n, RATE_HZ, 0.8),
        load_kg=np.zeros(n),
        hand_angle=np.zeros(n),
        hand_reach=np.ones(n),
        height_weight=np.stack([foot[5] for foot in feet], axis=1),
        air=air,
        height_cutoff_hz=2.8 * style.bounce,
        shear=style.shear,
    )
    return plan, t


def _footsteps(
    body: Body, style: Style, walk: Walk, rng: np.random.Generator
) -> tuple[list[Contact], list[Contact]]:
    """Contacts of the right and the left foot, in order of time."""
    begin = walk.stand_before if walk.stand_before else -5.0
    end = walk.seconds - walk.stand_after if walk.stand_after else walk.seconds + 4.0
    contacts: tuple[list[Contact], list[Contact]] = ([], [])
    for side in range(2):
        contacts[side].append(
            Contact(
                begin - STAND_S, begin - STAND_S + 0.5, 0.0, 0.0, 0.0, _lane(style, side, 0.0), 0.0, 0.0, True
            )
        )
    side, first, strike, x = walk.lead_side, True, 0.0, 0.0
    phase = rng.uniform(0.0, 6.28)
    while True:
        speed = walk.speed * (1.0 + walk.drift * np.sin(phase + 0.35 * strike))
        step_s, step_m, double = _step(style, speed, LONGEST_STEP * body.height_m, side, rng)
        other = contacts[1 - side][-1]
        off = begin if first else other.strike + double * 2 * step_s
        strike = begin + step_s if first else other.strike + step_s
        last = bool(walk.stand_after) and strike > end - 0.5 * step_s
        x = x + (0.55 * step_m if first else step_m)
        landing = other.x if last else x
        ratio = (landing - contacts[side][-1].x) / (0.84 * body.height_m)
        effort = 0.75 + 0.25 * float(np.clip(ratio, 0.0, 1.15))
        _lift_off(contacts[side][-1], off, step_s, style.toe_off_pitch[side] * effort, style, side)
        pitch = style.heel_strike_pitch[side] * float(np.clip(ratio, 0.15, 1.15))
        z = _lane(style, side, rng.normal(0.0, 0.012))
        contacts[side].append(Contact(strike, strike + 0.22 * step_s, 0.0, 0.0, landing, z, pitch, 0.0))
        if last or strike > end + 2.0:
            break
        side, first = 1 - side, False
    for one in contacts:
        one[-1].off, one[-1].rise, one[-1].standing = strike + STAND_S, strike + STAND_S, True
    return contacts


def _step(
    style: Style, speed: float, longest: float, side: int, rng: np.random.Generator
) -> tuple[float, float, float]:
    """Seconds and metres of one step, and the share of the stride that each double support takes."""
    cadence = max(np.sqrt(speed * 60.0 / style.walk_ratio), speed * 60.0 / longest)
    sign = SIDE_SIGN[side]
    seconds = 60.0 / cadence * (1.0 + style.variability * rng.normal() - sign * style.time_asymmetry)
    metres = speed * 60.0 / cadence * (1.0 + style.variability * rng.normal() + sign * style.step_asymmetry)
    double = style.double_support * (0.12 + 0.055 * (1.3 - speed))
    return float(seconds), float(metres), float(np.clip(double, 0.08, 0.20))


def _lift_off(contact: Contact, off: float, step_s: float, pitch: float, style: Style, side: int) -> None:
    """Give a contact its heel rise and toe off."""
    stance = off - contact.strike
    contact.off, contact.off_pitch = off, -pitch
    contact.rise = off - min((1.0 - style.heel_rise[side]) * stance, 0.72 * step_s)


def _lane(style: Style, side: int, wander: float) -> float:
    return SIDE_SIGN[side] * style.step_width / 2 + wander


def _foot(t: Array, contacts: list[Contact], body: Body, style: Style, side: int) -> tuple[Array, ...]:
    """Ankle (n, 3), pitch (n,), flat heel place (n, 3), CoP (n, 2), wanted knee flexion (n,), its weight, air (n,)."""
    n = len(t)
    ankle, pitch, heel = np.zeros((n, 3)), np.zeros(n), np.zeros((n, 3))
    cop, knee, weight, air = np.zeros((n, 2)), np.zeros(n), np.zeros(n), np.zeros(n)
    reach = np.full((n, 2), np.nan)
    yaw = -SIDE_SIGN[side] * style.toe_out[side]
    for k, contact in enumerate(contacts):
        on = (t >= contact.strike) & (t < contact.off)
        pitch[on] = _stance_pitch(t[on], contact)
        ankle[on] = _stance_ankle(pitch[on], contact, body, yaw)
        after = t >= contact.strike
        heel[after] = [contact.x, 0.0, contact.z]
        cop[on], knee[on] = (
            _stance_cop(t[on], contact, style, side),
            _stance_knee(t[on], contact, style, side),
        )
        weight[on] = 1.0 - (min_jerk((t[on] - contact.rise) / 0.15) if contact.off_pitch else 0.0)
        if k + 1 < len(contacts):
            following = contacts[k + 1]
            swing = (t >= contact.off) & (t < following.strike)
            ankle[swing], pitch[swing] = _swing(t[swing], contact, following, body, style, side)
            rising, landing = (t - contact.off) / 0.08, (following.strike + SLIDE_S - t) / 0.10
            air += min_jerk(rising) * min_jerk(landing)
            reaching = (t >= contact.off) & (t < following.strike + SLIDE_S)
            reach[reaching] = _advance(t[reaching], contact, following, body, yaw)
            cop[swing], knee[swing] = [style.cop_off, style.cop_ml[side]], style.knee_strike[side]
            weight[swing] = min_jerk(1.0 - (following.strike - t[swing]) / 0.08)
    sliding = ~np.isnan(reach[:, 0])
    ankle[sliding, 0], ankle[sliding, 2] = reach[sliding].T
    return smooth(ankle, 0.01, RATE_HZ), smooth(pitch, 0.012, RATE_HZ), heel, cop, knee, weight + 1e-3, air


def _pitch_ends(contact: Contact) -> tuple[Array, Array]:
    """(pitch, rate, acceleration) of the foot at heel strike and at toe off."""
    strike = [
        contact.strike_pitch,
        -contact.strike_pitch / max(contact.flat - contact.strike, 1e-3) * 0.4,
        0.0,
    ]
    off = [contact.off_pitch, 1.8 * contact.off_pitch / max(contact.off - contact.rise, 1e-3), 0.0]
    return np.array(strike if contact.strike_pitch else [0.0] * 3), np.array(
        off if contact.off_pitch else [0.0] * 3
    )


def _stance_pitch(t: Array, contact: Contact) -> Array:
    """Pitch of the foot on the ground."""
    pitch = np.zeros(len(t))
    strike, off = _pitch_ends(contact)
    landing, rising = t < contact.flat, t > contact.rise
    if landing.any():
        pitch[landing] = quintic(t[landing], contact.strike, contact.flat, strike, np.zeros(3))
    if rising.any():
        pitch[rising] = quintic(t[rising], contact.rise, contact.off, np.zeros(3), off)
    return pitch


def _stance_ankle(pitch: Array, contact: Contact, body: Body, yaw: float) -> Array:
    """Ankle (n, 3) of a foot that turns about its heel (pitch > 0) or ball; steep, the toes lift off too."""
    pivot = np.where(pitch > 0.0, HEEL_CONTACT, BALL_FROM_HEEL) * body.foot_length
    cos, sin = np.cos(pitch), np.sin(pitch)
    back = ANKLE_FROM_HEEL * body.foot_length - pivot
    toes = (1.0 - BALL_FROM_HEEL) * body.foot_length
    lift = TOE_BEND * np.logaddexp(0.0, (-pitch - 0.5) / TOE_BEND)
    along = pivot + back * cos - body.ankle_height * sin + toes * (1.0 - np.cos(lift))
    rise = back * sin + body.ankle_height * cos + toes * np.sin(lift)
    place = np.stack([along * np.cos(yaw), rise, -along * np.sin(yaw)], axis=-1)
    return np.asarray(place + np.array([contact.x, 0.0, contact.z]))


def _state(at: float, contact: Contact, body: Body, yaw: float) -> Array:
    """(3, 3) the ankle's position, velocity and acceleration at an instant of the contact."""
    h = 2e-3
    before, now, after = _stance_ankle(
        _stance_pitch(at + np.array([-h, 0.0, h]), contact), contact, body, yaw
    )
    return np.stack([now, (after - before) / (2 * h), (after - 2 * now + before) / h**2])


def _swing(
    t: Array, contact: Contact, following: Contact, body: Body, style: Style, side: int
) -> tuple[Array, Array]:
    """Ankle and pitch from toe off to the next heel strike, with the toe and the heel clear of the ground."""
    yaw = -SIDE_SIGN[side] * style.toe_out[side]
    ends = (_pitch_ends(contact)[1], _pitch_ends(following)[0])
    stopping = ends[0] * [1.0, 1.0, 0.0] - [0.0, 0.0, ends[0][1] / PITCH_STOP_S]
    late = ends[1] - np.array([0.0, 0.0, PITCH_BRAKE * (ends[1][0] - ends[0][0])])
    pitch = quintic(t, contact.off, following.strike, stopping, late)
    moments = (_state(contact.off, contact, body, yaw), _state(following.strike, following, body, yaw))
    ankle = quintic(t, contact.off, following.strike, *moments)
    u = (t - contact.off) / (following.strike - contact.off)
    bump = u**3 * (1.0 - u) ** 4 / (3 / 7) ** 3 / (4 / 7) ** 4
    length = np.clip((following.x - contact.x) / (0.8 * body.height_m), 0.3, 1.2)
    lift = style.swing_height[side] * length
    middle = bump > 0.5
    for _ in range(20):
        if _clearance(ankle[middle, 1] + lift * bump[middle], pitch[middle], body) > 0.006:
            break
        lift += 0.008
    ankle[:, 1] += lift * bump
    return ankle, pitch


def _advance(t: Array, contact: Contact, following: Contact, body: Body, yaw: float) -> Array:
    """(len(t), 2) world x and z of the ankle in swing: still fast when the heel strikes, at rest SLIDE_S later."""
    start = _state(contact.off, contact, body, yaw)
    end = _state(following.strike + SLIDE_S, following, body, yaw)
    end[2] = -BRAKE * (end[0] - start[0])
    return quintic(t, contact.off, following.strike + SLIDE_S, start[:, [0, 2]], end[:, [0, 2]])


def _clearance(ankle_y: Array, pitch: Array, body: Body) -> float:
    toe = (0.82 - ANKLE_FROM_HEEL) * body.foot_length * np.sin(pitch) - body.ankle_height * np.cos(pitch)
    heel = -ANKLE_FROM_HEEL * body.foot_length * np.sin(pitch) - body.ankle_height * np.cos(pitch)
    lowest = ankle_y + np.minimum(toe, heel)
    return float(lowest.min()) if len(lowest) else 1.0


def _stance_phase(t: Array, contact: Contact) -> Array:
    return (t - contact.strike) / (contact.off - contact.strike)


def _stance_cop(t: Array, contact: Contact, style: Style, side: int) -> Array:
    rise, off = contact.rise, contact.off
    middle = 0.5 * (style.cop_strike + style.cop_rise)
    flat = contact.flat
    if contact.standing or contact.off - contact.strike > STAND_S / 2:
        settle, leave = flat + 0.6, rise - 0.3
        knots = [contact.strike, flat, settle, leave, rise, off + (0.0 if contact.off_pitch else 0.1)]
        rest = style.cop_stand
        values = [style.cop_strike + 0.05, 0.3, rest, rest, rest, rest]
        if contact.off_pitch:
            values[3:] = [rest - 0.06, style.cop_rise, style.cop_off]
    else:
        knots = [contact.strike, flat, 0.5 * (flat + rise), rise, 0.6 * off + 0.4 * rise, off]
        ahead = 0.5 * (style.cop_rise + style.cop_off) + 0.04
        values = [
            style.cop_strike,
            style.cop_strike + 0.18,
            middle + 0.12,
            style.cop_rise,
            ahead,
            style.cop_off,
        ]
    lateral = style.cop_ml[side] + 0.06 * np.sin(np.pi * np.clip(_stance_phase(t, contact), 0.0, 1.0))
    return np.stack([PchipInterpolator(knots, values)(t), lateral], axis=1)


def _stance_knee(t: Array, contact: Contact, style: Style, side: int) -> Array:
    strike, load, mid = style.knee_strike[side], style.knee_load[side], style.knee_mid[side]
    if contact.off - contact.strike > STAND_S / 2:
        end = max(contact.off - 0.35, contact.flat + 0.6)
        knots = [contact.strike, contact.flat + 0.05, contact.flat + 0.55, end, max(contact.off, end + 0.1)]
        return np.asarray(PchipInterpolator(knots, [strike, load, mid, mid, mid])(t))
    u = _stance_phase(t, contact)
    return np.asarray(
        PchipInterpolator([0.0, 0.24, 0.62, 0.78, 1.0], [strike, load, mid, mid + 0.05, 0.7])(u)
    )


def _share(t: Array, contacts: tuple[list[Contact], list[Contact]], style: Style) -> Array:
    """Right foot's share of the vertical force: 0 and 1 in single support, smooth between."""
    rest = 0.5 + style.stand_asymmetry
    share = np.full(len(t), rest)
    lead = 0 if contacts[0][0].off < contacts[1][0].off else 1
    begin = contacts[lead][0].off
    away = -SIDE_SIGN[lead]
    share += ((0.5 + 0.5 * away) - rest) * min_jerk((t - begin + 0.55) / 0.55)
    u = np.clip((t - begin + 1.0) / 0.6, 0.0, 1.0)
    share -= away * 0.10 * 64.0 * u**3 * (1.0 - u) ** 3  # the push to the leading foot that starts the fall
    landings = [(c.strike, side, c) for side in range(2) for c in contacts[side][1:]]
    for strike, side, contact in sorted(landings, key=lambda landing: landing[0]):
        other = next(o for o in contacts[1 - side] if o.strike < strike < o.off)
        stays = contact.standing and other.standing
        span = 0.6 if stays else other.off - strike
        goal = abs(rest - (1 - side)) if stays else 0.0
        gain = SIDE_SIGN[side] * (1.0 - goal)
        share += gain * min_jerk(np.clip((t - strike) / span, 0.0, 1.0) ** style.split)
    return share


def _torso(
    style: Style, separation: Array, share: Array, moving: Array, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Pelvis and trunk (yaw, pitch, roll), (n, 3): they turn with the leading foot and tilt with the loaded one."""
    n = len(share)
    loaded = (2.0 * share - 1.0) * moving
    stride = np.clip(separation, -1.3, 1.3)
    lean = float(rng.normal(0.0, 0.03))
    sway = [0.008 * smooth_noise(rng, n, RATE_HZ, 0.6) for _ in range(6)]
    pelvis_pitch = style.pelvis_pitch + 0.4 * lean - style.trunk_nod * (stride**2 - 0.4 * moving) + sway[0]
    trunk_pitch = (
        style.trunk_pitch + lean - 0.01 * moving + style.trunk_nod * (stride**2 - 0.4 * moving) + sway[1]
    )
    pelvis = [style.pelvis_yaw * stride + sway[2], pelvis_pitch, -style.pelvis_list * loaded + sway[3]]
    trunk = [-style.trunk_yaw * stride + sway[4], trunk_pitch, style.trunk_roll * loaded + sway[5]]
    return np.stack(pelvis, axis=1), np.stack(trunk, axis=1)
