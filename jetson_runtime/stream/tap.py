"""All that the reactor was given, in order, for whoever records it: bytes, wake-ups, devices that come and go.

A bounded queue from the reactor to the publisher. The reactor adds and never waits; while nobody listens it adds
nothing. Where the queue is full a wake-up is lost and counted, and what follows begins with the state of the whole, so
that a replay can go on from there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

# 10 s of a suit: 200 wake-ups a second, each with a few reads.
LIMIT = 20_000

# What an event is, its first item; the others by kind. `stream/messages.py` says what they hold.
STATE, ATTACH, SKIPPED, READ, DETACH, WAKE, ROW, WEAR = (
    "state",
    "attach",
    "skipped",
    "read",
    "detach",
    "wake",
    "row",
    "wear",
)
Event = tuple[Any, ...]


class Tap:
    """`ask` and `end` by the publisher, `begin`, `add` and `woke` by the reactor, `take` by the publisher.

    on: whether events are wanted now. lost: wake-ups that found the queue full.
    """

    def __init__(self) -> None:
        self.on = False
        self.asked = False
        self.lost = 0
        self._full = False
        self._events: deque[Event] = deque()

    def ask(self) -> None:
        """Somebody listens from here on: the next wake-up begins with the state."""
        self.asked = True

    def end(self) -> None:
        """Nobody listens any more."""
        self.asked = self.on = self._full = False

    def begin(self, state: Callable[[], dict[str, Any]]) -> None:
        """At a wake-up, where `asked`: what has been learned until now."""
        self.asked = self._full = False
        self.on = True
        self.add((STATE, state()))

    def add(self, event: Event) -> None:
        """One event, where `on`. What belongs to a full queue's wake-up is lost with it."""
        if len(self._events) >= LIMIT:
            self.on, self._full = False, True
        else:
            self._events.append(event)

    def woke(self, now_ns: int) -> None:
        """The reactor is about to step at `now_ns`: all that was added since the last call comes before."""
        if self.on:
            self.add((WAKE, now_ns))
        if self._full:
            self.lost += 1

    def take(self) -> list[Event]:
        """All events since the last call, in order. Once a full queue is empty, the state is asked for anew."""
        events, queue = [], self._events
        for _ in range(len(queue)):
            events.append(queue.popleft())
        if self._full:
            self.asked = True
        return events
