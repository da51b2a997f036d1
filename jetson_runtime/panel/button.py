"""A push button's edges made into presses: its contacts bounce, and a spark on the wire is no finger. Pure."""

from __future__ import annotations

# A level that has held for so long is one; contacts bounce for a few milliseconds.
HELD_NS = 50_000_000


class Button:
    """`edge` for each, in order; `pressed` as often as one likes."""

    def __init__(self) -> None:
        self._down = self._was_down = False
        self._since_ns = 0

    def edge(self, down: bool, at_ns: int) -> None:
        """down: the contact closes at `at_ns`, else it opens."""
        self._down, self._since_ns = down, at_ns

    def pressed(self, now_ns: int) -> bool:
        """Whether it has just been pressed: once for each time."""
        if self._down == self._was_down or now_ns - self._since_ns < HELD_NS:
            return False
        self._was_down = self._down
        return self._down
