"""From which force on a foot counts as loaded, so that its centre of pressure is one."""

from __future__ import annotations

from jetson_runtime.suit.config import Limits, Wearer
from jetson_runtime.suit.signals import STANDARD_GRAVITY

# Without a wearer frames are never valid; an insole still needs a load at which its foot counts as loaded.
_NOMINAL_MASS_KG = 70.0


def load_thresholds_n(limits: Limits, wearer: Wearer | None) -> tuple[float, float]:
    """On while loading, off while unloading, in N for who wears the suit."""
    weight_n = (wearer.mass_kg if wearer else _NOMINAL_MASS_KG) * STANDARD_GRAVITY
    return limits.load_on_bodyweights * weight_n, limits.load_off_bodyweights * weight_n
