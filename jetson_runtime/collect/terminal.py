"""Lines from whoever runs the session, and lines to them: a terminal, a pipe or a test, all alike."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable
from typing import TextIO

_LOOK_S = 0.05
_AT_ONCE = 4096


class EndOfInput(Exception):
    """Nobody will type anything any more."""


class Terminal:
    """Reads whole lines from a file descriptor, and does something else meanwhile."""

    def __init__(self, source: int, out: TextIO, meanwhile: Callable[[], None]) -> None:
        """meanwhile: called about every 50 ms while a line is waited for."""
        self._source = source
        self._out = out
        self._meanwhile = meanwhile
        self._read = b""
        self._ended = False

    def say(self, line: str = "") -> None:
        """One line, at once."""
        self._out.write(line + "\n")
        self._out.flush()

    def ask(self, line: str) -> str:
        """What is answered to `line`: in lower case, without blanks around it; empty for Enter alone.

        What was typed before the question is no answer to it. EndOfInput where there is none to come.
        """
        self._discard()
        self.say(line)
        while (answer := self.answer(None)) is None:
            pass
        return answer

    def answer(self, timeout_s: float | None) -> str | None:
        """The next line, as of `ask`; None where none comes in time."""
        end_s = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            line, found, rest = self._read.partition(b"\n")
            if found:
                self._read = rest
                return line.decode(errors="replace").strip().lower()
            if self._ended:
                raise EndOfInput
            left_s = _LOOK_S if end_s is None else end_s - time.monotonic()
            if left_s <= 0:
                return None
            self._take(min(left_s, _LOOK_S))
            self._meanwhile()

    def _take(self, wait_s: float) -> None:
        """What has been typed within `wait_s`."""
        if not select.select([self._source], [], [], wait_s)[0]:
            return
        try:
            data = os.read(self._source, _AT_ONCE)
        except OSError:  # the other end of a pseudo-terminal has gone
            data = b""
        self._read += data
        self._ended = not data

    def _discard(self) -> None:
        """On a terminal alone: in a pipe all answers may wait from the beginning."""
        if not os.isatty(self._source):
            return
        while not self._ended and select.select([self._source], [], [], 0.0)[0]:
            self._take(0.0)
        self._read = b""
