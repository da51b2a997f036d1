"""A clock estimator as plain values and back, bit for bit: a recording that begins in the middle of a session needs it.

Only the classes listed here are ever made of what is read, so that a recording from elsewhere can do no harm.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from jetson_runtime.timing.frame_lock import FrameLock
from jetson_runtime.timing.offset_line import OffsetLine
from jetson_runtime.timing.stamps import StampSmoother, StampStep
from jetson_runtime.timing.timebase import ClockEstimator

_KINDS: dict[str, type[Any]] = {
    kind.__name__: kind for kind in (ClockEstimator, OffsetLine, FrameLock, StampSmoother, StampStep)
}
_KIND, _NUMBERS, _SHAPE = "kind", "numbers", "shape"


def freeze(clock: ClockEstimator) -> Any:
    """`clock` in the types that MessagePack knows."""
    return _plain(clock)


def thaw(plain: Any) -> ClockEstimator:
    """The clock that `freeze` was given; ValueError where it was given none."""
    try:
        clock = _thing(plain)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"is no frozen clock: {error}") from error
    if not isinstance(clock, ClockEstimator):
        raise ValueError("is no frozen clock")
    return clock


def _plain(thing: Any) -> Any:
    if isinstance(thing, np.ndarray):
        return {_NUMBERS: np.ascontiguousarray(thing, np.float64).tobytes(), _SHAPE: list(thing.shape)}
    if type(thing).__name__ in _KINDS:
        return {_KIND: type(thing).__name__, **{name: _plain(value) for name, value in vars(thing).items()}}
    if isinstance(thing, list):
        return list(thing)
    if isinstance(thing, np.integer):
        return int(thing)
    return float(thing) if isinstance(thing, float) else thing


def _thing(plain: Any) -> Any:
    if not isinstance(plain, dict):
        return plain
    if _NUMBERS in plain:
        return np.frombuffer(plain[_NUMBERS], np.float64).reshape(plain[_SHAPE]).copy()
    kind = _KINDS[plain[_KIND]]
    thing: Any = object.__new__(kind)
    vars(thing).update({name: _thing(value) for name, value in plain.items() if name != _KIND})
    return thing
