"""Devices that sit on another part than the config says: the lifted leg tells the side, the squat thigh from shank."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from jetson_runtime.fitting.measured import Measured
from jetson_runtime.fitting.protocol import LIFT_LEFT, LIFT_RIGHT
from jetson_runtime.suit.signals import SIDES

Told = tuple[str, str, str, str]

# A lifted leg turns by tens of degrees, the standing one by a few: of both lifts the shares are multiplied.
_LIFTED_DEG = 10.0
_CLEARLY = 1.5
# In the squat the thighs turn by this at the least.
_SQUAT_DEG = 20.0
# Virtual wearers' backs lean by 1.9 to 4 times as much as their pelvis; with a straight back by as much.
_LEANS_MORE = 1.3
# Of the load in the stance, which may be any share of a weight that was set wrongly.
_LIFTED_LOAD = 0.25
_STREAMS = {"thigh": "imu_thigh", "shank": "imu_shank", "load": "insole"}
_AGAIN = "check again"
_EXCHANGE = "exchange them, or their ports and serials in suit.toml"


def swapped_sides(measured: Measured, turned: set[str]) -> Iterator[Told]:
    """Pairs whose right and left are exchanged; lifts that cannot be seen. turned: streams that are mounted wrongly."""
    seen = {kind: _loads(measured) if kind == "load" else _moves(measured, kind) for kind in _STREAMS}
    crossed = [kind for kind, way in seen.items() if way < 0]
    if len(crossed) == len(_STREAMS):
        text = "every sensor of the legs says that the other foot was lifted"
        remedy = (
            f"{_AGAIN} and lift the right foot first; if it stays, right and left of all of them are swapped"
        )
        yield "sides", "", text, remedy
        return
    for kind in crossed:
        pair = f"{_STREAMS[kind]}_r and {_STREAMS[kind]}_l"
        yield "sides", pair, "right and left are swapped", _EXCHANGE
    unsure = [_STREAMS[kind] for kind, way in seen.items() if way == 0]
    if unsure and not crossed:
        text = f"the feet were not lifted clearly, one after the other ({', '.join(unsure)})"
        yield "not_lifted", "", text, f"{_AGAIN} and lift each foot well off the ground"


def swapped_segments(measured: Measured, turned: set[str]) -> Iterator[Told]:
    """Thigh and shank of one leg exchanged, or pelvis and back.

    On the way down the thigh turns forward, the shank back, and less; the trunk leans, the back more than the pelvis.
    """
    bends = {
        f"{part}_{side}": measured.at_bottom(f"{part}_{side}")[2]
        for part in ("thigh", "shank")
        for side in SIDES
    }
    if max(abs(bend) for bend in bends.values()) < _SQUAT_DEG:
        yield "no_squat", "", "no squat was seen", f"{_AGAIN} and bend the knees well"
        return
    for side in SIDES:
        names = (f"imu_thigh_{side}", f"imu_shank_{side}")
        thigh, shank = bends[f"thigh_{side}"], bends[f"shank_{side}"]
        if not turned & set(names) and thigh < 0.0 < shank and shank > abs(thigh):
            yield "segments", " and ".join(names), "thigh and shank are swapped", _EXCHANGE
    pelvis, back = (np.linalg.norm(measured.at_bottom(part)[::2]) for part in ("pelvis", "back"))
    if not turned & {"imu_pelvis", "imu_back"} and pelvis > _LEANS_MORE * back:
        yield "segments", "imu_pelvis and imu_back", "pelvis and back are swapped", _EXCHANGE


def _moves(measured: Measured, kind: str) -> int:
    """1 where the right one moves as the right foot is lifted and the left one as the left is, -1 the other way round,
    0 where neither is clear."""
    share = 1.0
    for phase, lifted, other in ((LIFT_RIGHT, "r", "l"), (LIFT_LEFT, "l", "r")):
        moved = measured.excursion_deg(f"{kind}_{lifted}", phase)
        stood = measured.excursion_deg(f"{kind}_{other}", phase)
        if max(moved, stood) < _LIFTED_DEG:
            return 0
        share *= moved / max(stood, 0.1)
    return (share > _CLEARLY) - (share < 1.0 / _CLEARLY)


def _loads(measured: Measured) -> int:
    """As `_moves`, by which foot was unloaded."""
    ways, clear = [], _LIFTED_LOAD * measured.total_standing()
    for phase, lifted, other in ((LIFT_RIGHT, "r", "l"), (LIFT_LEFT, "l", "r")):
        lightest = {side: float(min(measured.force(side)[phase.rows])) for side in SIDES}
        lighter = lightest[other] - lightest[lifted]
        ways.append((lighter > clear) - (lighter < -clear))
    return ways[0] if ways[0] == ways[1] else 0
