"""The path of one foot: it turns about its heel and its ball on the ground and swings from one contact to the next."""

from __future__ import annotations

import numpy as np

from models.virtual_wearer.anthropometry import ANKLE_FROM_HEEL, BALL_FROM_HEEL, HEEL_CONTACT, Body
from models.virtual_wearer.footsteps import Contact
from models.virtual_wearer.frames import Array, quintic

SLIDE_S = 0.04  # the heel comes to rest this long after it strikes
BRAKE = 28.0  # 1/s^2: braking of the foot at the end of swing, of the distance swung
TOE_BEND = 0.12  # rad: how gently the toes follow
TOE_TIP = 0.82  # foot lengths from the heel: the lowest point of a toe-down foot in swing
CLEAR_M = 0.006  # between the ground and the sole in the middle of swing
PITCH_STOP_S = 0.07  # the foot stops pitching down about this long after toe off
PITCH_BRAKE = 25.0  # 1/s^2: braking of the foot's pitch at the end of swing, of the angle turned


def stance_pitch(t: Array, contact: Contact) -> Array:
    """Pitch (n,) of the foot on the ground: down to flat, flat, and up on the ball."""
    pitch = np.zeros(len(t))
    landing, rising = t < contact.flat, t > contact.rise
    flat = np.zeros(3)
    if landing.any():
        pitch[landing] = quintic(t[landing], contact.strike, contact.flat, _pitch_at_strike(contact), flat)
    if rising.any():
        pitch[rising] = quintic(t[rising], contact.rise, contact.off, flat, _pitch_at_off(contact))
    return pitch


def stance_ankle(pitch: Array, contact: Contact, body: Body, yaw: float) -> Array:
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


def swing(
    t: Array, contact: Contact, following: Contact, body: Body, yaw: float, height: float
) -> tuple[Array, Array]:
    """Ankle (n, 3) and pitch (n,) between two contacts, `height` m above the direct way or as much as clears."""
    pitch = _swing_pitch(t, contact, following)
    moments = (_state(contact.off, contact, body, yaw), _state(following.strike, following, body, yaw))
    ankle = quintic(t, contact.off, following.strike, *moments)
    u = (t - contact.off) / (following.strike - contact.off)
    bump = u**3 * (1.0 - u) ** 4 / (3 / 7) ** 3 / (4 / 7) ** 4
    length = np.clip((following.x - contact.x) / (0.8 * body.height_m), 0.3, 1.2)
    lift = height * length
    middle = bump > 0.5
    for _ in range(20):
        if _clearance(ankle[middle, 1] + lift * bump[middle], pitch[middle], body) > CLEAR_M:
            break
        lift += 0.008
    ankle[:, 1] += lift * bump
    return ankle, pitch


def advance(t: Array, contact: Contact, following: Contact, body: Body, yaw: float) -> Array:
    """(n, 2) world x and z of the ankle in swing: still fast when the heel strikes, at rest SLIDE_S later."""
    start = _state(contact.off, contact, body, yaw)
    end = _state(following.strike + SLIDE_S, following, body, yaw)
    end[2] = -BRAKE * (end[0] - start[0])
    return quintic(t, contact.off, following.strike + SLIDE_S, start[:, [0, 2]], end[:, [0, 2]])


def _pitch_at_strike(contact: Contact) -> Array:
    """(pitch, rate, acceleration) at heel strike."""
    if not contact.strike_pitch:
        return np.zeros(3)
    rate = -contact.strike_pitch / max(contact.flat - contact.strike, 1e-3) * 0.4
    return np.array([contact.strike_pitch, rate, 0.0])


def _pitch_at_off(contact: Contact) -> Array:
    """(pitch, rate, acceleration) at toe off."""
    if not contact.off_pitch:
        return np.zeros(3)
    return np.array([contact.off_pitch, 1.8 * contact.off_pitch / max(contact.off - contact.rise, 1e-3), 0.0])


def _swing_pitch(t: Array, contact: Contact, following: Contact) -> Array:
    off, strike = _pitch_at_off(contact), _pitch_at_strike(following)
    stopping = off * [1.0, 1.0, 0.0] - [0.0, 0.0, off[1] / PITCH_STOP_S]
    late = strike - np.array([0.0, 0.0, PITCH_BRAKE * (strike[0] - off[0])])
    return quintic(t, contact.off, following.strike, stopping, late)


def _state(at: float, contact: Contact, body: Body, yaw: float) -> Array:
    """(3, 3) the ankle's position, velocity and acceleration at an instant of the contact."""
    h = 2e-3
    pitch = stance_pitch(at + np.array([-h, 0.0, h]), contact)
    before, now, after = stance_ankle(pitch, contact, body, yaw)
    return np.stack([now, (after - before) / (2 * h), (after - 2 * now + before) / h**2])


def _clearance(ankle_y: Array, pitch: Array, body: Body) -> float:
    """Height of the sole's lowest point over a stretch of swing."""
    drop = body.ankle_height * np.cos(pitch)
    toe = (TOE_TIP - ANKLE_FROM_HEEL) * body.foot_length * np.sin(pitch) - drop
    heel = -ANKLE_FROM_HEEL * body.foot_length * np.sin(pitch) - drop
    lowest = ankle_y + np.minimum(toe, heel)
    return float(lowest.min()) if len(lowest) else 1.0
