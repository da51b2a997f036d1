"""Where and when the feet stand in a walk: the timing and the lengths of its steps, each a little different.

Step length and cadence from a constant walk ratio (Sekiya & Nagasaki 1998, Gait & Posture 7, 225-227); double
support about 12 % of the stride at 1.3 m/s, more when slower (Perry & Burnfield 2010, Gait Analysis).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.virtual_wearer.anthropometry import Body
from models.virtual_wearer.motion import SIDE_SIGN
from models.virtual_wearer.subject import Style

LONGEST_STEP = 0.44  # of the body's height
STAND_S = 60.0  # how long a foot that never leaves stands on


@dataclass
class Contact:
    """One foot on the ground from heel strike to toe off, flat between `flat` and `rise`; times in s, pitch in rad."""

    strike: float
    flat: float
    rise: float
    off: float
    x: float  # of the heel
    z: float
    strike_pitch: float
    off_pitch: float  # 0: the foot never leaves
    standing: bool = False

    @property
    def long(self) -> bool:
        """Whether the foot stands rather than walks."""
        return self.off - self.strike > STAND_S / 2


Contacts = tuple[list[Contact], list[Contact]]  # of the right and of the left foot, in order of time


@dataclass(frozen=True)
class Walk:
    """What is walked: speed in m/s (it drifts by `drift` of itself), seconds of standing before and after.

    rests: (from, to) s between which the wearer stops and stands; they take 2 s at least.
    """

    speed: float
    seconds: float
    stand_before: float
    stand_after: float
    drift: float
    lead_side: int
    rests: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True)
class _Step:
    seconds: float
    metres: float
    double: float  # share of the stride that each double support takes


def random_walk(rng: np.random.Generator, seconds: float) -> Walk:
    """A walk at 0.6 to 1.75 m/s; half start from standing, some stop."""
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


def footsteps(body: Body, style: Style, walk: Walk, rng: np.random.Generator) -> Contacts:
    """All contacts of a walk; it begins long before and goes on long after where it does not start or stop."""
    begin = walk.stand_before if walk.stand_before else -5.0
    end = walk.seconds - walk.stand_after if walk.stand_after else walk.seconds + 4.0
    contacts = ([_first_stand(begin, style, 0)], [_first_stand(begin, style, 1)])
    phase, side = rng.uniform(0.0, 6.28), walk.lead_side
    starts, stops = (begin, *(to for _, to in walk.rests)), (*(at for at, _ in walk.rests), end)
    for start, stop in zip(starts, stops, strict=True):
        stays = bool(walk.stand_after) or stop != end
        side = _bout(contacts, body, style, walk, (start, stop, stays), (side, phase), rng)
    for one in contacts:
        one[-1].off = one[-1].rise = one[-1].strike + STAND_S
    return contacts


def _bout(
    contacts: Contacts,
    body: Body,
    style: Style,
    walk: Walk,
    when: tuple[float, float, bool],
    gait: tuple[int, float],
    rng: np.random.Generator,
) -> int:
    """Add the steps of `when`: from, to, whether it stops there. `gait`: leading side, phase of the drift.

    Returns the side to begin with next.
    """
    (begin, end, stops), (side, phase) = when, gait
    first, strike, x = True, 0.0, contacts[0][-1].x
    while True:
        speed = walk.speed * (1.0 + walk.drift * np.sin(phase + 0.35 * strike))
        step = _step(style, speed, LONGEST_STEP * body.height_m, side, rng)
        leaving, other = contacts[side][-1], contacts[1 - side][-1]
        off = begin if first else other.strike + step.double * 2 * step.seconds
        strike = begin + step.seconds if first else other.strike + step.seconds
        last = stops and strike > end - 0.5 * step.seconds
        x = x + (0.55 * step.metres if first else step.metres)
        landing = other.x if last else x
        ratio = (landing - leaving.x) / (0.84 * body.height_m)
        _lift_off(leaving, off, step.seconds, ratio, style, side)
        contacts[side].append(_land(strike, step.seconds, landing, ratio, style, side, rng))
        if last or strike > end + 2.0:
            break
        side, first = 1 - side, False
    for one in contacts:
        one[-1].standing = True
    return 1 - side


def _first_stand(begin: float, style: Style, side: int) -> Contact:
    start = begin - STAND_S
    return Contact(start, start + 0.5, 0.0, 0.0, 0.0, _lane(style, side, 0.0), 0.0, 0.0, True)


def _step(style: Style, speed: float, longest: float, side: int, rng: np.random.Generator) -> _Step:
    cadence = max(np.sqrt(speed * 60.0 / style.walk_ratio), speed * 60.0 / longest)
    sign = SIDE_SIGN[side]
    seconds = 60.0 / cadence * (1.0 + style.variability * rng.normal() - sign * style.time_asymmetry)
    metres = speed * 60.0 / cadence * (1.0 + style.variability * rng.normal() + sign * style.step_asymmetry)
    double = style.double_support * (0.12 + 0.055 * (1.3 - speed))
    return _Step(float(seconds), float(metres), float(np.clip(double, 0.08, 0.20)))


def _lift_off(contact: Contact, off: float, step_s: float, ratio: float, style: Style, side: int) -> None:
    """Give a contact its heel rise and toe off; `ratio`: the stride's length of what is usual."""
    effort = 0.75 + 0.25 * float(np.clip(ratio, 0.0, 1.15))
    stance = off - contact.strike
    contact.off, contact.off_pitch = off, -(style.toe_off_pitch[side] * effort)
    contact.rise = off - min((1.0 - style.heel_rise[side]) * stance, 0.72 * step_s)


def _land(
    strike: float, step_s: float, x: float, ratio: float, style: Style, side: int, rng: np.random.Generator
) -> Contact:
    pitch = style.heel_strike_pitch[side] * float(np.clip(ratio, 0.15, 1.15))
    z = _lane(style, side, rng.normal(0.0, 0.012))
    return Contact(strike, strike + 0.22 * step_s, 0.0, 0.0, x, z, pitch, 0.0)


def _lane(style: Style, side: int, wander: float) -> float:
    return SIDE_SIGN[side] * style.step_width / 2 + wander
