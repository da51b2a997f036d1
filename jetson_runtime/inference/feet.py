"""What the ground does to both feet: contact with its edges, and whether the feet carry the person. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from jetson_runtime.inference.frame import Ground
from jetson_runtime.suit.config import Limits
from jetson_runtime.suit.signals import SIDES

# Less than this on both feet together for so long, and something else carries the person: a chair, a hand-hold, the
# ground they lie on. The suit cannot see that force, so that moments are of a body that nothing holds.
CARRIED_BODYWEIGHTS = 0.5
CARRIED_NS = 500_000_000

_NAN = float("nan")


class Foot:
    """One foot, with hysteresis on contact. An insole that reads nothing ends no contact: its edges are forgotten."""

    def __init__(self, on: float, off: float) -> None:
        """on, off: bodyweights from which, and below which no more, the foot is in contact."""
        self._on = on
        self._off = off
        self._values = (_NAN, _NAN, _NAN)
        self._contact = False
        self._known = False
        self._heel_strike_ns: int | None = None
        self._toe_off_ns: int | None = None

    def update(self, t_ns: int, vgrf: float, cop_ap: float, cop_ml: float) -> None:
        """The values of the row at the grid time `t_ns`, NaN where there are none."""
        self._values = (vgrf, cop_ap, cop_ml)
        if vgrf != vgrf:
            self.forget()
            return
        contact = vgrf >= (self._off if self._contact else self._on)
        if self._known and contact is not self._contact:
            if contact:
                self._heel_strike_ns = t_ns
            else:
                self._toe_off_ns = t_ns
        self._contact, self._known = contact, True

    def forget(self) -> None:
        """Nothing is known of what the foot did until now."""
        self._contact = self._known = False
        self._heel_strike_ns = self._toe_off_ns = None

    def ground(self) -> Ground:
        return Ground(*self._values, self._contact, self._heel_strike_ns, self._toe_off_ns)

    def plain(self) -> list[Any]:
        """What later ticks depend on, of plain types."""
        return [self._contact, self._known, self._heel_strike_ns, self._toe_off_ns]

    def resume(self, plain: Sequence[Any]) -> None:
        """Goes on with what `plain` told."""
        self._contact, self._known, self._heel_strike_ns, self._toe_off_ns = plain


class Feet:
    """Right and left. moment_valid: the feet carried half a bodyweight within the last half second, as far as is known;
    False while the force on either is not known."""

    def __init__(self, limits: Limits) -> None:
        on, off = limits.load_on_bodyweights, limits.load_off_bodyweights
        self._right, self._left = self._feet = tuple(Foot(on, off) for _ in SIDES)
        self._carried_ns: int | None = None
        self.moment_valid = False

    def update(self, t_ns: int, values: Sequence[float]) -> None:
        """values: vgrf, cop_ap and cop_ml of the right foot, then of the left, in the row at `t_ns`."""
        vgrf_r, ap_r, ml_r, vgrf_l, ap_l, ml_l = values
        self._right.update(t_ns, vgrf_r, ap_r, ml_r)
        self._left.update(t_ns, vgrf_l, ap_l, ml_l)
        total = vgrf_r + vgrf_l
        if total >= CARRIED_BODYWEIGHTS:
            self._carried_ns = t_ns
        carried_ns = self._carried_ns
        self.moment_valid = math.isfinite(total) and carried_ns is not None and t_ns - carried_ns < CARRIED_NS

    def ground(self) -> tuple[Ground, Ground]:
        """Of the newest row."""
        return self._right.ground(), self._left.ground()

    def forget(self) -> None:
        """What came before has nothing to do with what comes: another wearer, or a gap in the data."""
        for foot in self._feet:
            foot.forget()
        self._carried_ns = None

    def plain(self) -> list[Any]:
        """What later ticks depend on, of plain types."""
        return [foot.plain() for foot in self._feet] + [self._carried_ns]

    def resume(self, plain: Sequence[Any]) -> None:
        """Goes on with what `plain` told."""
        *feet, self._carried_ns = plain
        for foot, kept in zip(self._feet, feet, strict=True):
            foot.resume(kept)
