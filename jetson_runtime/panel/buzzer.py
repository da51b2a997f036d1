"""What the buzzer says: THE table of its signals (docs/faults.md prints it). Pure: time is an argument."""

from __future__ import annotations

from collections import deque

from jetson_runtime.panel.seen import Seen

# Seconds on, then off, in turn.
Tune = tuple[float, ...]

_SHORT, _LONG, _REST = 0.08, 0.7, 0.12
VALID: Tune = (_SHORT, _REST)
NOT_VALID: Tune = (_SHORT, _REST) * 2
SILENT: Tune = (_LONG, _REST)
TARE_TAKEN: Tune = (_SHORT, _REST) * 3
TARE_REFUSED: Tune = (_LONG, _REST) * 2
LOW_POWER: Tune = (_SHORT, _REST) * 5
# How often low power is said.
LOW_POWER_EVERY_S = 10.0
# What changes back within this time is not said.
_SETTLED_S = 1.0
_WAITING = 3


class Buzzer:
    """Says what changes, one signal after another."""

    def __init__(self) -> None:
        self._tunes: deque[Tune] = deque(maxlen=_WAITING)
        self._tune: Tune = ()
        self._begin_s = 0.0
        self._said = self._newest = (False, False)
        self._since_s = 0.0
        self._low_s: float | None = None

    def say(self, tune: Tune) -> None:
        """After what is being said."""
        self._tunes.append(tune)

    def is_on(self, seen: Seen, now_s: float) -> bool:
        """At this instant."""
        self._follow(seen, now_s)
        if now_s - self._begin_s >= sum(self._tune):
            self._tune, self._begin_s = self._tunes.popleft() if self._tunes else (), now_s
        left_s = now_s - self._begin_s
        for k, seconds in enumerate(self._tune):
            if left_s < seconds:
                return k % 2 == 0
            left_s -= seconds
        return False

    def _follow(self, seen: Seen, now_s: float) -> None:
        state = seen.heard, seen.valid
        if state != self._newest:
            self._newest, self._since_s = state, now_s
        if state != self._said and now_s - self._since_s >= _SETTLED_S:
            (was_heard, was_valid), self._said = self._said, state
            if was_heard and not seen.heard:
                self.say(SILENT)
            elif seen.valid != was_valid:
                self.say(VALID if seen.valid else NOT_VALID)
        if not seen.low:
            self._low_s = None
        elif self._low_s is None or now_s - self._low_s >= LOW_POWER_EVERY_S:
            self._low_s = now_s
            self.say(LOW_POWER)
