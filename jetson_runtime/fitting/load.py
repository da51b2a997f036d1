"""What the insoles carry: nothing under a lifted foot, the wearer's weight in the stance."""

from __future__ import annotations

from collections.abc import Iterator

from jetson_runtime.fitting.measured import Measured
from jetson_runtime.suit.signals import SIDES

Told = tuple[str, str, str, str]

# A laced shoe presses by up to 0.04 bodyweights.
EMPTY = 0.06
# Insoles read less than the weight: shoe and arch carry past the sheet. Virtual wearers' read 0.58 to 1.0 of it.
# One wearer's differ by up to 28 % between two times that the suit is put on, so that a mass that is wrong by less than
# these limits allow cannot be told from a shoe that is laced otherwise.
LEAST, MOST = 0.55, 1.08


def insoles(measured: Measured) -> Iterator[Told]:
    """Insoles that are not zeroed; a wearer of another mass than was set."""
    zeroed = True
    for side in SIDES:
        told = measured.in_the_air(side)
        if told > EMPTY:
            zeroed = False
            text = f"reads {told:.2f} bodyweights under a foot in the air"
            yield (
                "not_zeroed",
                f"insole_{side}",
                text,
                "lift the feet and give the command second-skin zero-insoles",
            )
    total = measured.total_standing()
    if zeroed and not LEAST <= total <= MOST:
        text = (
            f"the insoles carry {total:.2f} of the wearer's weight in the stance ({LEAST} to {MOST} is usual)"
        )
        heavier = "heavier" if total > MOST else "lighter"
        yield "mass", "", text, f"set the wearer's mass (second-skin wearer set): this one is {heavier}"
