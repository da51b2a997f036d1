"""One result of the pipeline, handed from the reactor to the publisher."""

from __future__ import annotations

from typing import Literal, NamedTuple

from drivers.samples import ImuSample, InsoleSample
from jetson_runtime.suit.signals import STREAMS

State = Literal["waiting", "degraded", "settling", "running"]


class Ground(NamedTuple):
    """What one foot feels: vgrf in bodyweights, the centre of pressure in foot lengths and widths (NaN: undefined).

    heel_strike_ns, toe_off_ns: the grid times at which `contact` last began and ended; None before the first, and anew
    after the insole was missing.
    """

    vgrf: float
    cop_ap: float
    cop_ml: float
    contact: bool
    heel_strike_ns: int | None = None
    toe_off_ns: int | None = None


class Frame(NamedTuple):
    """The outcomes of one grid time.

    seq counts the grid; t_ns is the grid time; oldest_ns the capture time of the oldest sample in use, None before
    any. outcomes are in the order of `published_outcomes(sides)`, NaN while not valid unless best effort is asked
    for. ground holds the right foot and the left. interval: the half-width of each outcome's nominal interval, NaN
    where it is not known: without `valid`, while anything is unusual, or from a bundle that was not calibrated.
    unusual: streams, not among `missing`, or "movement" as a whole, that read unlike what training saw.
    velocity: of each angle in deg/s, in the order of the outcomes' angles (`joint_rates.py`), NaN where a sensor is
    missing, whether the frame is valid or not. moment_valid: whether the feet carry the person (`feet.py`).
    sensed: each stream's newest sample as its device gave it and when it was taken, a little before t_ns or after it;
    None without a device.
    """

    seq: int
    t_ns: int
    oldest_ns: int | None
    valid: bool
    state: State
    settling_ms: float
    missing: tuple[str, ...]
    outcomes: tuple[float, ...]
    ground: tuple[Ground, Ground]
    interval: tuple[float, ...]
    unusual: tuple[str, ...]
    velocity: tuple[float, ...]
    moment_valid: bool
    sensed: tuple[tuple[int, ImuSample | InsoleSample] | None, ...] = (None,) * len(STREAMS)
