"""Two clocks brought together by the pulses that both saw: the suit's recorder and the laboratory's analog input.

    laboratory time = offset + (1 + skew) * suit time

Pure: seconds in, seconds out. Either side may have missed pulses or seen some that were none; one pulse alone gives
the offset. What cannot be matched beyond doubt is refused with the reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from jetson_runtime.suit.errors import SuitError

Doubles = npt.NDArray[np.float64]
Pairs = npt.NDArray[np.intp]

# How many of the suit's edges, in a row, are looked for among all of the laboratory's: few enough that skew does not
# yet part them.
_WINDOW_EDGES, _WINDOW_S = 60, 60.0
_CANDIDATES, _LOOKED_AT = 10, 2000
_GROWTH = 1.5
# How well an offset that is known otherwise is known; and which two offsets are a step rather than a mistake.
_NEAR_S, _STEP_S = 0.5, 0.2


class SyncError(SuitError):
    """Pulses that do not tell how two clocks belong together; says why and what to do."""


@dataclass(frozen=True)
class Limits:
    """tolerance_s: how far a pulse may lie from its partner to be one; residual_s: RMS above which nothing is believed
    (half a row); skew: of two quartzes; share: of the edges that both could have seen, at least so many must match."""

    tolerance_s: float = 0.010
    residual_s: float = 0.0025
    skew: float = 300e-6
    share: float = 0.5


@dataclass(frozen=True)
class Alignment:
    """residual_s: RMS of the pairs about the line, NaN where too few pairs tell one. Unmatched: edges that both clocks
    ran for and only one side saw."""

    offset_s: float
    skew: float
    residual_s: float
    pairs: int
    unmatched_suit: int = 0
    unmatched_laboratory: int = 0

    def laboratory_s(self, suit_s: Doubles) -> Doubles:
        """Times of the suit's clock on the laboratory's."""
        return self.offset_s + (1.0 + self.skew) * suit_s

    def text(self) -> str:
        """In one line."""
        residual = "" if np.isnan(self.residual_s) else f", residual {1e3 * self.residual_s:.2f} ms RMS"
        lost = f"{self.unmatched_suit} and {self.unmatched_laboratory} without partner"
        return (
            f"offset {self.offset_s:.4f} s, skew {1e6 * self.skew:+.1f} ppm{residual}; "
            f"{self.pairs} pulses matched, {lost} (suit, laboratory)"
        )


def rising_edges(level: Doubles, time_s: Doubles) -> Doubles:
    """Times (k,) at which `level` (n,) rises through the middle of its range, between samples by a line.

    A quarter of the range below the middle arms it again, so that noise on a slope is one edge. A level that never
    changes has none.
    """
    known = np.isfinite(level)
    values, times = level[known], time_s[known]
    if len(values) < 2:
        return np.empty(0)
    low, high = float(np.percentile(values, 0.1)), float(np.percentile(values, 99.9))
    low, high = (float(values.min()), float(values.max())) if high - low < 1e-9 else (low, high)
    if high - low < 1e-9:
        return np.empty(0)
    middle, rearm = 0.5 * (low + high), low + 0.25 * (high - low)
    edges, armed = [], bool(values[0] < middle)
    for i in np.flatnonzero((values[1:] >= middle) != (values[:-1] >= middle)) + 1:
        if values[i] >= middle and armed:
            share = (middle - values[i - 1]) / (values[i] - values[i - 1])
            edges.append(times[i - 1] + share * (times[i] - times[i - 1]))
            armed = False
        elif values[i] < middle:
            following = values[i:]
            rises = np.flatnonzero(following >= middle)
            armed = bool(following[: rises[0] if len(rises) else None].min() < rearm)
    return np.asarray(edges, np.float64)


def align(
    suit_s: Doubles, laboratory_s: Doubles, limits: Limits | None = None, near_s: float | None = None
) -> Alignment:
    """The alignment of edges `suit_s` (n,) with `laboratory_s` (m,), both increasing.

    near_s: the offset as known otherwise, to half a second: needed where pulses come so evenly that several offsets
    fit. Raises SyncError.
    """
    limits = limits or Limits()
    for name, edges in (("suit", suit_s), ("laboratory", laboratory_s)):
        if len(edges) == 0:
            raise SyncError(
                f"the {name}'s side holds no sync pulse; look at the cable and at the column's name"
            )
        if np.any(np.diff(edges) <= 0.0):
            raise SyncError(f"the {name}'s sync edges do not increase; export them again")
    starts = _candidates(suit_s, laboratory_s, limits, near_s)
    if not len(starts):
        raise SyncError("no offset is near the expected one; correct it or leave it out")
    found = [_tracked(suit_s, laboratory_s, one, limits) for one in starts]
    if near_s is None:
        shifted = _neighbours(max(found, key=len), suit_s, laboratory_s)
        found += [_tracked(suit_s, laboratory_s, one, limits) for one in shifted]
    best = max(found, key=len)
    rivals = [one for one in found if not _same(one, best)]
    _refuse_doubt(best, max(rivals, key=len, default=best[:0]), suit_s, laboratory_s)
    return _alignment(best, suit_s, laboratory_s, limits)


class _Start(NamedTuple):
    """An offset to try, and the suit's time about which edges are matched first."""

    offset_s: float
    about_s: float


def _candidates(suit: Doubles, laboratory: Doubles, limits: Limits, near_s: float | None) -> list[_Start]:
    """Offsets under which most edges of a stretch of the shorter train have partners, and those of the ends."""
    short = suit if np.ptp(suit) <= np.ptp(laboratory) else laboratory
    first = max(0, len(short) // 2 - _WINDOW_EDGES // 2)
    window = short[first : first + _WINDOW_EDGES]
    window = window[window - window[0] <= _WINDOW_S]
    pairs = (laboratory[None, :] - window[:, None]) if short is suit else (window[:, None] - suit[None, :])
    offsets = np.sort(pairs.ravel())
    counts = np.searchsorted(offsets, offsets + limits.tolerance_s, "right") - np.arange(len(offsets))
    ends = [float(laboratory[0] - suit[0]), float(laboratory[-1] - suit[-1])]
    likely = [
        float(np.median(offsets[k : k + counts[k]])) for k in np.argsort(-counts, kind="stable")[:_LOOKED_AT]
    ]
    chosen: list[float] = []
    for offset in (*ends, *likely):
        near = near_s is None or abs(offset - near_s) <= _NEAR_S
        if near and all(abs(offset - other) > limits.tolerance_s for other in chosen[:_CANDIDATES]):
            chosen.append(offset)
    middle = float(np.median(window))
    return [_Start(one, middle if short is suit else middle - one) for one in chosen[:_CANDIDATES]]


def _neighbours(best: Pairs, suit: Doubles, laboratory: Doubles) -> list[_Start]:
    """The best match shifted by one pulse or two."""
    if not len(best) or len(suit) < 2:
        return []
    offset = float(np.median(laboratory[best[:, 1]] - suit[best[:, 0]]))
    step, about = float(np.median(np.diff(suit))), float(np.median(suit[best[:, 0]]))
    return [_Start(offset + k * step, about) for k in (-2, -1, 1, 2)]


def _tracked(suit: Doubles, laboratory: Doubles, start: _Start, limits: Limits) -> Pairs:
    """Pairs (k, 2) of edges, found outwards from the start while the line through them is made better.

    An edge farther out than those already matched may have run away from the line by the greatest skew.
    """
    offset, skew, known, reach = start.offset_s, 0.0, 0.0, _WINDOW_S / 2
    distance = np.abs(suit - start.about_s)
    pairs = np.empty((0, 2), np.intp)
    while True:
        inside = distance <= reach
        beyond = np.maximum(distance - known, 0.0)
        line = offset + (1.0 + skew) * suit
        pairs = _matched(line, laboratory, inside, limits.tolerance_s + limits.skew * beyond)
        if len(pairs):
            offset, skew = _line(suit[pairs[:, 0]], laboratory[pairs[:, 1]], limits)
            known = float(distance[pairs[:, 0]].max())
        if inside.all():
            line = offset + (1.0 + skew) * suit
            return _matched(line, laboratory, inside, np.full(len(suit), limits.tolerance_s))
        reach *= _GROWTH


def _matched(
    predicted: Doubles, laboratory: Doubles, inside: npt.NDArray[np.bool_], tolerance: Doubles
) -> Pairs:
    """Pairs of which each is the other's nearest, within the tolerance (n,) of the suit's edge."""
    nearest = _nearest(laboratory, predicted)
    back = _nearest(predicted, laboratory)
    rows = np.arange(len(predicted))
    good = inside & (back[nearest] == rows) & (np.abs(laboratory[nearest] - predicted) <= tolerance)
    return np.stack([rows[good], nearest[good]], axis=1)


def _nearest(among: Doubles, of: Doubles) -> npt.NDArray[np.intp]:
    right = np.clip(np.searchsorted(among, of), 1, max(len(among) - 1, 1))
    left = right - 1
    right = np.minimum(right, len(among) - 1)
    return np.where(np.abs(among[right] - of) < np.abs(of - among[left]), right, left)


def _line(suit: Doubles, laboratory: Doubles, limits: Limits) -> tuple[float, float]:
    """Offset and skew through the pairs; pairs far from the line count little (Huber's weights)."""
    difference = laboratory - suit
    if len(suit) < 2 or np.ptp(suit) == 0.0:
        return float(np.median(difference)), 0.0
    centre = suit.mean()
    design = np.stack([np.ones(len(suit)), suit - centre], axis=1)
    weights = np.ones(len(suit))
    for _ in range(5):
        root = np.sqrt(weights)
        (middle, skew), *_ = np.linalg.lstsq(design * root[:, None], difference * root, rcond=None)
        miss = np.abs(difference - design @ [middle, skew])
        scale = max(1.5 * float(np.median(miss)), 1e-6)
        weights = np.minimum(1.0, scale / np.maximum(miss, 1e-12))
    # Too short a stretch tells no skew: jitter would make one of any size.
    if abs(skew) > limits.skew and np.ptp(suit) * limits.skew < limits.tolerance_s:
        return float(np.median(difference)), 0.0
    return float(middle - skew * centre), float(skew)


def _same(one: Pairs, other: Pairs) -> bool:
    """Whether both match mostly the same edges."""
    shared = len({tuple(pair) for pair in one} & {tuple(pair) for pair in other})
    return 2 * shared > min(len(one), len(other))


def _refuse_doubt(best: Pairs, rival: Pairs, suit: Doubles, laboratory: Doubles) -> None:
    """Evenly spaced pulses fit shifted by one almost as well: the best must be clearly so, or leave no edge over."""
    if not len(best) or not len(rival):
        return
    whole = len(best) == len(suit) == len(laboratory)
    if len(best) - len(rival) >= (1 if whole else 2):
        return
    first, second = (float(np.median(laboratory[one[:, 1]] - suit[one[:, 0]])) for one in (best, rival))
    if abs(first - second) < _STEP_S:
        raise SyncError(
            f"{len(best)} pulses lie on one line and {len(rival)} on another, {1e3 * abs(first - second):.0f} ms "
            "apart: one clock stepped; cut the recording there"
        )
    raise SyncError(
        f"the pulses fit in several ways: {len(best)} match at an offset of {first:.3f} s, "
        f"{len(rival)} at {second:.3f} s; give the expected offset, or pulse at uneven times"
    )


def _alignment(pairs: Pairs, suit: Doubles, laboratory: Doubles, limits: Limits) -> Alignment:
    if not len(pairs):
        raise SyncError(
            "no pulse of the suit has a partner in the laboratory's; are they of the same recording?"
        )
    offset, skew = _line(suit[pairs[:, 0]], laboratory[pairs[:, 1]], limits)
    line = offset + (1.0 + skew) * suit
    seen = (line >= laboratory[0] - limits.tolerance_s) & (line <= laboratory[-1] + limits.tolerance_s)
    heard = (laboratory >= line[0] - limits.tolerance_s) & (laboratory <= line[-1] + limits.tolerance_s)
    fewer = min(int(seen.sum()), int(heard.sum()))
    if len(pairs) < limits.share * fewer or (len(pairs) < 2 < fewer):
        raise SyncError(
            f"only {len(pairs)} of {fewer} pulses have a partner within {1e3 * limits.tolerance_s:g} ms; "
            "are they of the same recording, is the column the sync channel?"
        )
    if abs(skew) > limits.skew:
        raise SyncError(
            f"the clocks would run apart by {1e6 * skew:.0f} ppm, more than two quartzes do "
            f"({1e6 * limits.skew:.0f}); look at the units of the times"
        )
    misses = laboratory[pairs[:, 1]] - line[pairs[:, 0]]
    residual = float(np.sqrt(np.mean(misses**2))) if len(pairs) > 2 else float("nan")
    if residual > limits.residual_s:
        raise SyncError(
            f"the pulses lie {1e3 * residual:.1f} ms RMS off one line, {1e3 * limits.residual_s:g} ms are allowed; "
            "one clock stepped, or the edges are not those of the pulse"
        )
    lost = int(seen.sum()) - len(pairs), int(heard.sum()) - len(pairs)
    return Alignment(offset, skew, residual, len(pairs), max(lost[0], 0), max(lost[1], 0))
