"""What the wearer does in a fit check, and when. Seconds from its beginning; each movement is begun within a second."""

from __future__ import annotations

from dataclasses import dataclass

from jetson_runtime.suit.signals import RATE_HZ


@dataclass(frozen=True)
class Phase:
    """One instruction, from `begin_s` to `end_s`."""

    name: str
    says: str
    begin_s: float
    end_s: float

    @property
    def rows(self) -> slice:
        """Of a recording that begins with the check."""
        return slice(round(self.begin_s * RATE_HZ), round(self.end_s * RATE_HZ))


STAND = Phase("stand", "stand still, upright, both feet on the ground", 0.0, 5.0)
LIFT_RIGHT = Phase("lift right", "lift the RIGHT foot and hold it up", 5.0, 10.5)
LIFT_LEFT = Phase("lift left", "put it down, lift the LEFT foot and hold it up", 10.5, 16.0)
SQUAT = Phase(
    "squat", "put it down, squat and reach for the floor as to lift a box, and come up again", 16.0, 22.0
)
STAMP = Phase("stamp", "stamp firmly: with the RIGHT foot, then the LEFT, then the RIGHT again", 22.0, 30.0)
PHASES = (STAND, LIFT_RIGHT, LIFT_LEFT, SQUAT, STAMP)
SECONDS = PHASES[-1].end_s
