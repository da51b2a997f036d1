"""What the LED shows: THE table of its patterns (docs/faults.md prints it). Pure: time is an argument.

green, steady            frames are valid, nothing is wrong
green, slow blinking     starting or settling: wait
yellow blinks            a fault's number: long blinks are tens, short ones are ones; several faults one after another.
                         Between two numbers green where frames are valid all the same, else dark
red, steady              no frames: the service is not running, or hangs
blue (yellow without     a tare is being taken: stand still
a blue line), flickering
green or red, flickering the tare was taken, or refused
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from jetson_runtime.panel.seen import Seen


class Colour(NamedTuple):
    """Which of the lines are on."""

    red: bool = False
    green: bool = False
    blue: bool = False


DARK, RED, GREEN, BLUE = Colour(), Colour(red=True), Colour(green=True), Colour(blue=True)
YELLOW = Colour(red=True, green=True)

# Colours with their seconds, one round of them.
Pattern = tuple[tuple[Colour, float], ...]

_LONG_S, _SHORT_S, _APART_S, _DIGITS_S, _NUMBERS_S = 0.9, 0.2, 0.35, 0.8, 2.0
STEADY_GREEN: Pattern = ((GREEN, 0.5),)
STEADY_RED: Pattern = ((RED, 0.5),)
SLOW: Pattern = ((GREEN, 0.7), (DARK, 0.7))
TAKING: Pattern = ((BLUE, 0.1), (DARK, 0.1))
TAKEN: Pattern = ((GREEN, 0.1), (DARK, 0.1)) * 8
REFUSED: Pattern = ((RED, 0.1), (DARK, 0.1)) * 8


def pattern_of(seen: Seen) -> Pattern:
    """What stands for `seen`."""
    if not seen.heard:
        return STEADY_RED
    if seen.faults:
        return sum((number(fault, GREEN if seen.valid else DARK) for fault in seen.faults), ())
    return STEADY_GREEN if seen.valid else SLOW


def number(fault: int, between: Colour) -> Pattern:
    """`fault`, 1 to 99, blinked once, after a pause of `between`."""
    tens, ones = divmod(fault, 10)
    pause = ((DARK, _DIGITS_S),) if tens and ones else ()
    blinks = (*_blinks(tens, _LONG_S), *pause, *_blinks(ones, _SHORT_S))
    return ((between, _NUMBERS_S), (DARK, _DIGITS_S), *blinks, (DARK, _DIGITS_S))


def _blinks(count: int, seconds: float) -> Iterable[tuple[Colour, float]]:
    for k in range(count):
        if k:
            yield DARK, _APART_S
        yield YELLOW, seconds


class Lamp:
    """Plays patterns: a number that has begun is blinked to its end, unless what comes in between is urgent."""

    def __init__(self) -> None:
        self._pattern = STEADY_RED
        self._begin_s = 0.0
        self._answer: tuple[Pattern, float] | None = None

    def answer(self, pattern: Pattern, now_s: float, seconds: float) -> None:
        """Shows `pattern` at once, for `seconds`."""
        self._answer = pattern, now_s + seconds
        self._begin_s = now_s

    def colour(self, seen: Seen, now_s: float) -> Colour:
        """Of this instant."""
        if self._answer is not None:
            pattern, end_s = self._answer
            if now_s < end_s:
                return _at(pattern, now_s - self._begin_s)
            self._answer, self._begin_s = None, now_s
        wanted = pattern_of(seen)
        round_is_over = now_s - self._begin_s >= _seconds(self._pattern)
        if round_is_over or (wanted != self._pattern and STEADY_RED in (wanted, self._pattern)):
            self._pattern, self._begin_s = wanted, now_s
        return _at(self._pattern, now_s - self._begin_s)


def _seconds(pattern: Pattern) -> float:
    return sum(seconds for _, seconds in pattern)


def _at(pattern: Pattern, since_s: float) -> Colour:
    left_s = since_s % _seconds(pattern)
    for colour, seconds in pattern:
        if left_s < seconds:
            return colour
        left_s -= seconds
    return pattern[-1][0]
