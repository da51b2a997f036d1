"""What the rows of a fit check come to: where gravity lies, how each part turned, what each foot carried."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from jetson_runtime.fitting.protocol import LIFT_LEFT, LIFT_RIGHT, SQUAT, STAND, Phase
from jetson_runtime.suit.signals import CHANNEL_INDEX, PARTS, RATE_HZ, SIDES

Doubles = npt.NDArray[np.float64]

# Of the stance: the first second goes by until the wearer stands.
_STILL = slice(STAND.rows.start + RATE_HZ, STAND.rows.stop)
# A lifted foot is in the air for a second at the least.
_HELD_ROWS = RATE_HZ


class Measured:
    """Rows (n, 54) without missing streams; short gaps hold the value before."""

    def __init__(self, rows: Doubles) -> None:
        self.rows = _held(rows)
        # (8, 3) in the order of PARTS: the mean of what each part feels in the stance.
        self.standing = np.stack([self.accel(part)[_STILL].mean(axis=0) for part in PARTS])
        self._bias = {part: self.gyro(part)[_STILL].mean(axis=0) for part in PARTS}

    def accel(self, part: str) -> Doubles:
        """(n, 3) m/s²."""
        first = CHANNEL_INDEX[f"{part}_accel_x"]
        return self.rows[:, first : first + 3]

    def gyro(self, part: str) -> Doubles:
        """(n, 3) rad/s."""
        first = CHANNEL_INDEX[f"{part}_gyro_x"]
        return self.rows[:, first : first + 3]

    def force(self, side: str) -> Doubles:
        """(n,) bodyweights."""
        return self.rows[:, CHANNEL_INDEX[f"insole_{side}_vgrf"]]

    def turns(self, part: str, phase: Phase) -> Doubles:
        """(rows of the phase, 3) degrees turned since its beginning about the part's axes: the integral of its rate.

        For one bend about one axis that is the bend; a sum of others is only roughly so.
        """
        rate = self.gyro(part)[phase.rows] - self._bias[part]
        return np.asarray(np.degrees(np.cumsum(rate, axis=0) / RATE_HZ))

    def excursion_deg(self, part: str, phase: Phase) -> float:
        """How far the part turned in all."""
        return float(np.linalg.norm(self.turns(part, phase), axis=1).max())

    def at_bottom(self, part: str) -> Doubles:
        """(3,) degrees turned about the part's axes at the bottom of the squat.

        By regression on how far the thighs have turned, so that a sway at the bottom does not count.
        """
        depth = sum(np.linalg.norm(self.turns(f"thigh_{side}", SQUAT), axis=1) for side in SIDES)
        share = np.asarray(depth) / max(float(np.max(depth)), 1e-9)
        return np.asarray(share @ self.turns(part, SQUAT) / max(float(share @ share), 1e-9))

    def bent(self, part: str) -> Doubles:
        """(3,) degrees turned about the part's axes in what bends it: the squat, and for a leg its own lift besides.

        Thighs go forward in both, shanks and trunk the other way.
        """
        squat = self.at_bottom(part)
        side = part[-1]
        if part[-2:] not in ("_r", "_l"):
            return squat
        lift = LIFT_RIGHT if side == "r" else LIFT_LEFT
        highest = int(np.argmax(np.linalg.norm(self.turns(f"thigh_{side}", lift), axis=1)))
        return np.asarray(squat + self.turns(part, lift)[highest])

    def total_standing(self) -> float:
        """Bodyweights on both feet in the stance."""
        return float(sum(self.force(side)[_STILL].mean() for side in SIDES))

    def in_the_air(self, side: str) -> float:
        """Bodyweights that the insole reads while its foot is lifted."""
        phase = LIFT_RIGHT if side == "r" else LIFT_LEFT
        return float(np.sort(self.force(side)[phase.rows])[:_HELD_ROWS].mean())


def _held(rows: Doubles) -> Doubles:
    """(n, 54) with gaps filled by the value before them, the first ones by the one after; all NaN stays zero."""
    index = np.where(np.isnan(rows), 0, np.arange(len(rows))[:, None])
    held = np.take_along_axis(rows, np.maximum.accumulate(index, axis=0), axis=0)
    first = np.argmax(~np.isnan(rows), axis=0)
    filled = np.where(np.isnan(held), rows[first, np.arange(rows.shape[1])], held)
    return np.nan_to_num(filled)
