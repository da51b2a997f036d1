"""From what the feed heard to what is sent to every browser, twenty times a second; the rest once a second. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from jetson_runtime.dashboard import maps, traces, view
from jetson_runtime.dashboard.feed import Heard
from jetson_runtime.dashboard.figure import figure
from jetson_runtime.dashboard.traces import EVERY, SECONDS, Point, Thinner
from jetson_runtime.suit.signals import RATE_HZ

# Of marks, tares and the like the page shows the newest.
EVENTS = 8


class Live:
    """`batch` with each Heard, in order. recent: the points of the last SECONDS, for a browser that has just come."""

    def __init__(self) -> None:
        self.recent: deque[Point] = deque(maxlen=SECONDS * RATE_HZ // EVERY)
        self._names: tuple[tuple[str, str], ...] = ()
        self._thinner = Thinner(())

    def batch(self, heard: Heard, now_ns: int) -> dict[str, Any]:
        """headline with the faults that it counts, warnings; silent_s, trouble; points since the last; figure, feet.

        figure and feet: None while they are not known.
        """
        self._follow(heard.hello)
        points = self._thinner.points(heard.frames)
        self.recent.extend(points)
        newest = heard.newest if heard.silent_s is None else None
        status = None if _is_silent(heard) else heard.status
        return {
            "headline": view.headline(heard.newest, heard.status, heard.silent_s)._asdict(),
            "faults": view.faults(status),
            "warnings": view.warnings(status, newest),
            "silent_s": heard.silent_s if _is_silent(heard) else None,
            "trouble": heard.trouble,
            "points": points,
            "figure": figure(newest.angle) if newest is not None and newest.valid else None,
            "feet": maps.feet(heard.pressure, now_ns),
        }

    def _follow(self, hello: Mapping[str, Any] | None) -> None:
        """A service with other outcomes begins other traces."""
        if hello is None:
            return
        names = tuple((item["name"], item["kind"]) for item in hello["outcomes"])
        if names != self._names:
            self._names, self._thinner = names, Thinner(names)
            self.recent.clear()


class Account:
    """`told` with each Heard: what changes once a second at the most, None where nothing has."""

    def __init__(self) -> None:
        self.newest: dict[str, Any] = {}
        self._events: deque[str] = deque(maxlen=EVENTS)

    def told(self, heard: Heard, hours: float | None, card: Sequence[view.Row]) -> dict[str, Any] | None:
        """hours: how long the disk lasts; card: of the model. While nothing is heard nothing is told as if it were."""
        self._events.extend(view.event(event) for event in heard.events)
        status, hello = (None, None) if _is_silent(heard) else (heard.status, heard.hello)
        now = {
            "sensors": view.sensors(status),
            "worn": view.plain(view.worn(status)),
            "recorder": view.plain(view.recorder(status, hours)),
            "supply": view.plain(view.supply(status)),
            "timing": view.plain(view.timing(status)),
            "model": view.plain(view.model(hello, status)),
            "card": view.plain(card if hello else ()),
            "clients": view.plain(view.clients(status)),
            "events": [{"value": line} for line in reversed(self._events)],
            "charts": traces.charts((heard.hello or {}).get("outcomes", ())),
        }
        changed = now != self.newest
        self.newest = now
        return now if changed else None


def _is_silent(heard: Heard) -> bool:
    """Somebody who has only just begun to listen does not know yet."""
    return heard.silent_s is not None and heard.silent_s > view.SILENCE_S
