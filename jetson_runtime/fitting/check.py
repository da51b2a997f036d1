"""Whether the suit is worn as its config says, from half a minute of known movements. Pure: rows in, findings out.

The order is that of what explains what: a missing stream hides everything, a turned sensor looks like a swapped one,
and a swapped insole like one that was not zeroed; so each step is looked at only where those before found nothing to
do with the same device.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from jetson_runtime.fitting import delay, load, mounting, sides
from jetson_runtime.fitting.measured import Measured
from jetson_runtime.suit.signals import STREAMS

Doubles = npt.NDArray[np.float64]

# A moment's gap is no missing device.
_MOST_MISSING = 0.1


class Finding(NamedTuple):
    """One thing that is not as it must be. stream: its name, empty for the wearer or for several."""

    code: str
    stream: str
    text: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.stream}: {self.text}; {self.remedy}".removeprefix(": ")


def check(rows: Doubles, mountings: dict[str, str] | None = None) -> list[Finding]:
    """What is wrong, empty where the suit is worn as it should be.

    rows: (n, 54) of `protocol.SECONDS` at 200 Hz, from the first instruction on, with the wearer's mass and the insole
    zeros in effect; NaN where a stream is missing. mountings: the config's, by stream, so that a remedy can name the
    right one.
    """
    found = [*_missing(rows)]
    if found:
        return found
    measured = Measured(rows)
    found = [Finding(*one) for one in mounting.by_gravity(measured, mountings or {})]
    turned = {one.stream for one in found}
    crossed = [Finding(*one) for one in sides.swapped_sides(measured, turned)]
    found += crossed
    if all(one.code != "sides" for one in crossed):  # else nobody knows which leg bent when
        found += [Finding(*one) for one in sides.swapped_segments(measured, turned)]
        known = turned | {name for one in found for name in one.stream.split(" and ")}
        found += [Finding(*one) for one in mounting.by_bends(measured, known, mountings or {})]
    if not any(one.stream.startswith("insole") for one in found):
        found += [Finding(*one) for one in load.insoles(measured)]
    if not found:
        found += [Finding(*one) for one in delay.between_clocks(measured)]
    return found


def _missing(rows: Doubles) -> Iterator[Finding]:
    for stream in STREAMS:
        gone = float(np.mean(np.isnan(rows[:, list(stream.channels[:7])]).any(axis=1)))
        if gone > _MOST_MISSING:
            yield Finding(
                "missing",
                stream.name,
                f"was missing for {100 * gone:.0f} % of the check",
                "see second-skin status, then check again",
            )
