"""All suits of a fleet at a glance, by the newest batches that the server has of each."""

from __future__ import annotations

import math
import time
from dataclasses import asdict, dataclass
from typing import Any

from jetson_runtime.fleet import batches, reading
from jetson_runtime.fleet.batches import FRAMES, STATUS
from jetson_runtime.fleet.reading import Message

# A suit whose newest batch is older is not heard: its bridge sends one every ten seconds at least.
SILENT_S = 30.0
_LOSSES = ("dropped", "unstored", "damaged")


@dataclass(frozen=True)
class SuitSeen:
    """One line. state: of the suit's service by its last word, 'off' where its bridge hears none, 'not heard' where the
    bridge is silent as well, 'unreadable' where its last word is none of a bridge. age_s: since the server stored its
    newest batch, by this machine's clock; waiting: batches that the backpack still had then; lost: batches that its
    store has lost since the bridge's start."""

    site: str
    suit: str
    state: str
    age_s: float
    waiting: int
    session: str
    frames_missed: int
    lost: int
    faults: tuple[str, ...]
    bridge: str

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "age_s": None if math.isnan(self.age_s) else self.age_s}


async def look(fleet: reading.Fleet) -> list[SuitSeen]:
    """Every suit that the server has anything of, by site and name."""
    return [await _seen(fleet, site, suit) for site, suit in await fleet.suits()]


def table(suits: list[SuitSeen]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Head and rows of words."""
    head = ("suit", "state", "newest", "waiting", "missed", "lost", "faults")
    rows: list[tuple[str, ...]] = []
    for one in suits:
        faults = "; ".join(filter(None, (*one.faults, one.bridge)))
        words = (
            one.state,
            _age(one.age_s),
            str(one.waiting),
            str(one.frames_missed),
            str(one.lost),
            faults or "-",
        )
        rows.append((f"{one.site}/{one.suit}", *words))
    return head, rows


async def _seen(fleet: reading.Fleet, site: str, suit: str) -> SuitSeen:
    newest = [await fleet.newest(site, suit, kind) for kind in (STATUS, FRAMES)]
    try:
        return _line(site, suit, newest)
    except (ValueError, TypeError, AttributeError, LookupError) as error:
        # Whoever may publish there can write what no bridge does; the other suits are seen all the same.
        why = f"its newest status is none of a bridge: {error}"
        return SuitSeen(site, suit, "unreadable", math.nan, 0, "", 0, 0, (), why)


def _line(site: str, suit: str, newest: list[Message | None]) -> SuitSeen:
    """newest: status and frames."""
    told = batches.unpack(newest[0].payload) if newest[0] else {}
    messages = told.get("messages") or [{}]
    status, bridge = messages[-1], told.get("bridge") or {}
    stored_s = max((one.stored_s for one in newest if one), default=math.nan)
    age_s = max(0.0, time.time() - stored_s)
    last = max((one for one in newest if one), key=lambda one: one.seq, default=None)
    state = str(status.get("state") or "off")
    return SuitSeen(
        site=site,
        suit=suit,
        state="not heard" if age_s > SILENT_S else state,
        age_s=age_s,
        waiting=last.waiting if last else 0,
        session=last.session if last else "",
        frames_missed=int(bridge.get("missed", 0)),
        lost=sum(int(bridge.get(name, 0)) for name in _LOSSES),
        faults=tuple(_fault(one) for one in status.get("faults") or ()),
        bridge=str(bridge.get("disk") or ""),
    )


def _fault(fault: dict[str, Any]) -> str:
    return " ".join(filter(None, (str(fault.get("number", "")), fault.get("stream"), fault.get("text"))))


def _age(seconds: float) -> str:
    if math.isnan(seconds):
        return "-"
    for unit, size in (("d", 86_400.0), ("h", 3_600.0), ("min", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
